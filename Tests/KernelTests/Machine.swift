import Foundation
import Glibc
import Testing

/// Every test here starts real jails, one test at a time: each looks at the end that the machine is as it was.
@Suite(.serialized, .enabled(if: Laboratory.isHere || Laboratory.mustRun, "needs a lab (run: make test)"))
enum Kernel {}

/// A place for one test's jails: a directory with a root, and configurations. `Machine.with` fails when the test's jails
/// leave anything.
struct Machine {
    let directory: String
    var root: String { "\(directory)/root" }
    var conf: String { "\(directory)/jail.conf" }

    static func with(
        location: SourceLocation = #_sourceLocation, _ body: (Machine) throws -> Void
    ) throws {
        try #require(Laboratory.isHere, "JAILRUN_MUST_RUN=1, and this is no lab", sourceLocation: location)
        try #require(
            access(Laboratory.program, X_OK) == 0, "JAILRUN=\(Laboratory.program) is no program",
            sourceLocation: location)
        var name = Array("/tmp/jailrun-test.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil, sourceLocation: location)
        let machine = Machine(directory: String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        // The programs by link: they are most of it.
        let copy =
            "cp -a '\(Laboratory.template)/files' '\(machine.root)' && cp -al '\(Laboratory.template)/bin' '\(machine.root)'"
        _ = Command.shell(copy).run()
        let before = Remains.now()
        defer {
            let left = machine.leftovers(before)
            if !left.isEmpty {
                Issue.record("left behind: \(left.joined(separator: "\n"))", sourceLocation: location)
                _ = machine.jailrun("prune")
                Remains.sweep()
            }
            _ = Command.shell("rm -rf '\(machine.directory)'").run()
        }
        try body(machine)
    }

    /// What was not there before; the kernel takes its time to take a network namespace down.
    private func leftovers(_ before: Remains) -> [String] {
        var left: [String] = []
        eventually(seconds: 3) {
            left = Remains.now().additions(to: before)
            return left.isEmpty
        }
        return left
    }

    // MARK: Configurations and commands

    /// Writes jail.conf: a jail `t` on this test's root, with those parameters.
    func configure(_ parameters: String = "", name: String = "t") {
        write("\(name) {\n    path = \"\(root)\";\n    \(parameters)\n}\n", to: conf)
    }

    /// Close-on-exec: a program that another test starts meanwhile would keep a script open for writing, and execve(2) of it
    /// would say that it is busy.
    func write(_ text: String, to path: String) {
        let file = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0o644)
        let written = Array(text.utf8).withUnsafeBytes { Glibc.write(file, $0.baseAddress, $0.count) }
        if written != text.utf8.count { Issue.record("cannot write \(path): errno \(errno)") }
        close(file)
    }

    func read(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    func jailrun(_ arguments: String..., seconds: Double = 30) -> Outcome {
        Command([Laboratory.program] + arguments).run(seconds: seconds)
    }

    func start(_ arguments: String...) -> Running { Command([Laboratory.program] + arguments).start() }

    /// Runs a command as the jail's own, and returns what it says.
    func run(_ command: String, _ parameters: String = "", seconds: Double = 30) -> Outcome {
        configure("command = \"\(command)\";\n    \(parameters)")
        return jailrun("run", conf, seconds: seconds)
    }

    /// Asks the probe inside a new jail.
    func ask(_ question: String, _ parameters: String = "") -> Outcome { run("/bin/probe \(question)", parameters) }

    func stop(_ name: String = "t") { _ = jailrun("stop", name) }
}

/// What jails could leave on a machine.
struct Remains {
    private var things: [String]

    static let cgroupMount: String = {
        let lines = (try? String(contentsOfFile: "/proc/self/mountinfo", encoding: .utf8))?.split(separator: "\n") ?? []
        let line = lines.first { $0.contains(" - cgroup2 ") }
        return line.map { String($0.split(separator: " ")[4]) } ?? "/sys/fs/cgroup"
    }()
    static var cgroupRoot: String { "\(cgroupMount)/jailrun" }

    /// Without a shell: it is asked twice by each test, and on an emulated machine each process takes long.
    static func now() -> Remains {
        var things = text("/proc/self/mountinfo").split(separator: "\n").map { "mount \($0)" }
        things += names("/sys/class/net").map { "link \($0)" }
        things += tree("/run/jailrun").map { "state \($0)" }
        things += tree(cgroupRoot).filter(isDirectory).map { "cgroup \($0)" }
        for process in names("/proc").filter({ Int($0) != nil }).map({ "/proc/\($0)" }) {
            let isOfJail = text("\(process)/cgroup").split(separator: "\n").contains {
                $0.contains("/jailrun/") || $0.hasSuffix("/jailrun")
            }
            if isOfJail { things.append("process of a jail \(process)/cgroup") }
            let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "\(process)/exe")
            if program == Laboratory.program { things.append("process \(process) of jailrun") }
        }
        let routes = Command(["ip", "route", "show", "table", "all", "type", "unicast"]).run()
        return Remains(things: things + routes.lines.map { "route \($0)" })
    }

    private static func text(_ path: String) -> String { (try? String(contentsOfFile: path, encoding: .utf8)) ?? "" }

    private static func names(_ path: String) -> [String] {
        ((try? FileManager.default.contentsOfDirectory(atPath: path)) ?? []).sorted()
    }

    /// The path, if there is such a thing, and all below it.
    private static func tree(_ path: String) -> [String] {
        var status = stat()
        guard lstat(path, &status) == 0 else { return [] }
        return [path] + (isDirectory(path) ? names(path).flatMap { tree("\(path)/\($0)") } : [])
    }

    private static func isDirectory(_ path: String) -> Bool {
        var status = stat()
        return lstat(path, &status) == 0 && status.st_mode & S_IFMT == S_IFDIR
    }

    /// What is there and was not, and what of the machine's own is gone. A process that was about to end is not missed.
    func additions(to before: Remains) -> [String] {
        things.filter { !before.things.contains($0) }
            + before.things.filter { !things.contains($0) && !$0.hasPrefix("process") }.map { "lost: \($0)" }
    }

    /// After a test that left something, so that the next does not fail for it.
    static func sweep() {
        let script = """
            for kill in $(find '\(cgroupRoot)' -name cgroup.kill 2>/dev/null); do echo 1 >"$kill"; done; sleep 0.2
            find '\(cgroupRoot)' -depth -type d -exec rmdir {} + 2>/dev/null; rm -rf /run/jailrun
            for link in /sys/class/net/*; do
                case ${link##*/} in jail0 | vj*) ip link delete "${link##*/}" ;; esac
            done
            """
        _ = Command.shell(script).run()
    }
}
