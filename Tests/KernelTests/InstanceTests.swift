import Foundation
import Glibc
import Testing

extension Kernel {
    /// `--instance`: one file, several runs at once.
    @Suite struct InstanceTests {
        @Test("runs of one file at the same time have names, addresses and ports of their own, and leave nothing")
        func parallel() throws {
            try Machine.with { machine in
                machine.write(
                    """
                    path = "\(machine.root)"; root.ephemeral;
                    web { ip4.addr = 10.77.0.10; port = "127.0.0.1:0:80"; persist;
                        exec.start = "/bin/sh -c 'hostname >/var/index.html; httpd -p 10.77.0.10:80 -h /var'"; }

                    """, to: machine.conf)
                let command = """
                    echo $JAILRUN_WEB_NAME $JAILRUN_WEB_IP $JAILRUN_WEB_PORT
                    curl -s -m 5 http://127.0.0.1:$JAILRUN_WEB_PORT/; curl -s -m 5 http://$JAILRUN_WEB_IP/; sleep 1
                    """
                let runs = (1...4).map {
                    machine.start("run", "--instance", "ci\($0)", machine.conf, "--", "/bin/sh", "-c", command)
                }
                let outcomes = runs.map { $0.wait() }
                for (index, outcome) in outcomes.enumerated() {
                    #expect(outcome.status == 0, "\(outcome)")
                    #expect(outcome.lines.first?.hasPrefix("ci\(index + 1)-web 10.77.") == true, "\(outcome)")
                    #expect(Array(outcome.lines.dropFirst()) == ["web", "web"], "\(outcome)")
                }
                let words = outcomes.map { ($0.lines.first ?? "").split(separator: " ") }
                #expect(Set(words.map { $0[1] }).count == 4 && Set(words.map { $0[2] }).count == 4)
            }
        }

        @Test("an instance is stopped by its file and name, and others stay")
        func stop() throws {
            try Machine.with { machine in
                machine.configure("root.ephemeral; persist; ip4.addr = 10.77.0.10;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                #expect(machine.jailrun("start", "--instance", "a", machine.conf).status == 0)
                #expect(machine.jailrun("restart", "a-t").status == 0)
                #expect(machine.jailrun("stop", "--instance", "a", machine.conf).status == 0)
                #expect(machine.jailrun("list").output.contains("10.77.0.10"))
                #expect(machine.jailrun("stop", machine.conf).status == 0)
            }
        }
    }
}
