import Foundation
import Glibc
import Testing

extension Kernel {
    /// dist/jails, which jailrun's systemd units run: what boots, and what is stopped, of which files.
    @Suite struct BootTests {
        /// The script as `make install` makes it, with an /etc of the test's own.
        private func install(_ machine: Machine, list: String = "") {
            let project = #filePath.split(separator: "/").dropLast(3).joined(separator: "/")
            _ = Command.shell(
                """
                cd '\(machine.directory)' && mkdir -p etc/jail.conf.d etc/default bin
                for name in jailrun jail jls; do ln -sf '\(Laboratory.program)' bin/$name; done
                sed 's|@bin@|\(machine.directory)/bin|; s|/etc/|\(machine.directory)/etc/|g' '/\(project)/dist/jails' >jails
                chmod 755 jails; echo 'jail_list="\(list)"' >etc/default/jailrun
                """
            ).run()
        }

        private func write(_ text: String, _ file: String, _ machine: Machine) {
            machine.write(text, to: "\(machine.directory)/etc/\(file)")
        }

        /// FreeBSD's usual layout: what holds for all in jail.conf, each jail in a file of its own.
        private func layOut(_ machine: Machine, globals: String = "", jails: [String: String]) {
            write(
                """
                path = "\(machine.root)"; persist; securelevel = 2; \(globals)
                exec.prestop = "echo $name >>\(machine.directory)/stopped";
                .include "\(machine.directory)/etc/jail.conf.d/*.conf";
                """, "jail.conf", machine)
            for (name, body) in jails { write("\(name) { \(body) }", "jail.conf.d/\(name).conf", machine) }
        }

        private func jails(_ machine: Machine, _ words: String...) -> Outcome {
            Command(["\(machine.directory)/jails"] + words).run()
        }

        private func up(_ machine: Machine) -> [String] { machine.link("jls", "name", "securelevel").lines }

        @Test("one jail that fails keeps none of the others down, and is named", arguments: ["", "a b c"])
        func oneFails(list: String) throws {
            try Machine.with { machine in
                install(machine, list: list)
                layOut(machine, jails: ["a": "", "b": "exec.start = \"/bin/false\";", "c": "depend = a;"])
                let started = jails(machine, "start")
                #expect(started.status == 0, "\(started)")
                #expect(started.errors.split(separator: "\n").last == "jails: failed to start: b", "\(started)")
                #expect(up(machine) == ["a 2", "c 2"])
                #expect(jails(machine, "stop").status == 0)
                #expect(machine.read("\(machine.directory)/stopped") == "c\na\n")
                #expect(up(machine) == [])
            }
        }

        @Test("a file whose name has a blank is started, and where no jail is defined it says so") func odd() throws {
            try Machine.with { machine in
                install(machine)
                let none = jails(machine, "start")
                #expect(none.status == 0 && none.errors.contains("no jail is defined in "), "\(none)")
                let folder = "\(machine.directory)/etc/jail.conf"
                write("# nothing\n", "jail.conf", machine)
                #expect(jails(machine, "start").errors.contains("no jail is defined in \(folder)"))
                write("a { path = \"\(machine.root)\"; persist; }", "jail.conf.d/mail copy.conf", machine)
                let started = jails(machine, "start")
                #expect(started.status == 0 && !started.errors.contains("No such file"), "\(started)")
                #expect(machine.link("jls", "name").lines == ["a"])
                #expect(jails(machine, "stop").status == 0)
                let missing = jails(machine, "run")
                #expect(missing.status == 64 && missing.errors.contains("usage: "), "\(missing)")
            }
        }

        /// The one of these looks at the jails that has this number fails.
        private func failLook(_ number: Int, _ machine: Machine) {
            _ = Command.shell(
                """
                cd '\(machine.directory)' && rm -rf bin/jls looks && mkdir -p bin/real
                ln -sf '\(Laboratory.program)' bin/real/jls
                """
            ).run()
            let script = """
                #!/bin/sh
                cd '\(machine.directory)' && echo >>looks
                [ "$(wc -l <looks)" -ne \(number) ] || exit 1
                exec '\(machine.directory)/bin/real/jls' "$@"

                """
            machine.write(script, to: "\(machine.directory)/bin/jls")
            chmod("\(machine.directory)/bin/jls", 0o755)
        }

        @Test("a look at the jails that fails once keeps none from being stopped by its commands", arguments: 1...3)
        func blind(number: Int) throws {
            try Machine.with { machine in
                install(machine)
                layOut(machine, jails: ["a": "", "b": ""])
                #expect(jails(machine, "start").status == 0)
                failLook(number, machine)
                let stopped = jails(machine, "stop")
                #expect(machine.read("\(machine.directory)/stopped") == "a\nb\n", "\(stopped)")
                // Of jails without a record nothing was known.
                #expect(stopped.status == (number == 1 ? 1 : 0), "\(stopped)")
                #expect(stopped.errors.contains("cannot list the jails") == (number == 1), "\(stopped)")
            }
        }

        @Test("a start of which nothing is up fails") func nothing() throws {
            try Machine.with { machine in
                install(machine)
                layOut(machine, jails: ["b": "exec.start = \"/bin/false\";"])
                #expect(jails(machine, "start").status != 0)
            }
        }

        @Test("a jail is started once, with what jail.conf says for all, as a unit of its own, too") func single()
            throws
        {
            try Machine.with { machine in
                install(machine)
                layOut(machine, jails: ["a": "exec.poststart = \"echo a >>\(machine.directory)/started\";"])
                #expect(jails(machine, "start").status == 0)
                #expect(machine.read("\(machine.directory)/started") == "a\n")
                #expect(jails(machine, "stop").status == 0)
                let running = Command(["\(machine.directory)/jails", "run", "a"]).start()
                #expect(eventually { machine.state(of: "a") == "up" })
                #expect(up(machine) == ["a 2"])
                running.signal(SIGTERM)
                #expect(running.wait().status == 128 + SIGTERM)
                #expect(machine.read("\(machine.directory)/stopped") == "a\na\n")
            }
        }

        @Test("of a jail.conf that cannot be read no part is started alone, and what is up is stopped by its commands")
        func unreadable() throws {
            try Machine.with { machine in
                install(machine)
                layOut(machine, jails: ["a": ""])
                #expect(jails(machine, "start").status == 0)
                write("path = ;", "jail.conf", machine)
                #expect(jails(machine, "stop").status == 0)
                #expect(machine.read("\(machine.directory)/stopped") == "a\n")
                write("a { path = \"\(machine.root)\"; persist; }", "jail.conf.d/a.conf", machine)
                let refused = jails(machine, "start")
                #expect(refused.status != 0 && up(machine) == [], "\(refused)")
                #expect(jails(machine, "run", "a").status == 65)
            }
        }

        @Test("files that jail.conf does not include have their jails alone, unless it includes others beside them")
        func folder() throws {
            try Machine.with { machine in
                install(machine)
                let body = "path = \"\(machine.root)\"; persist;"
                write("a { \(body) }", "jail.conf", machine)
                write("b { \(body) }", "jail.conf.d/b.conf", machine)
                #expect(jails(machine, "start").status == 0)
                #expect(machine.link("jls", "name").lines == ["a", "b"])
                #expect(jails(machine, "stop").status == 0)
                write(
                    ".include \"\(machine.directory)/etc/jail.conf.d/b.conf\"; a { \(body) }", "jail.conf", machine)
                write("c { \(body) }", "jail.conf.d/c.conf", machine)
                let started = jails(machine, "start")
                #expect(started.status == 0 && started.errors.contains("c.conf is not started"), "\(started)")
                #expect(machine.link("jls", "name").lines.sorted() == ["a", "b"])
                #expect(jails(machine, "stop").status == 0)
            }
        }

        @Test("a jail whose exec.stop fails is stopped by force, and its other commands run") func stubborn() throws {
            try Machine.with { machine in
                install(machine)
                layOut(
                    machine, globals: "exec.poststop = \"echo post $name >>\(machine.directory)/stopped\";",
                    jails: ["a": "exec.stop = \"/bin/false\";", "b": ""])
                #expect(jails(machine, "start").status == 0)
                #expect(jails(machine, "stop").status == 1)
                #expect(machine.read("\(machine.directory)/stopped") == "a\npost a\nb\npost b\n")
                #expect(up(machine) == [])
            }
        }
    }
}
