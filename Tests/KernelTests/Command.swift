import Foundation
import Glibc
import Testing

/// Where tests run, and what they are given: see the Makefile.
enum Laboratory {
    static let environment = ProcessInfo.processInfo.environment
    static let isHere = environment["JAILRUN_LAB"] == "1" && geteuid() == 0
    static let mustRun = environment["JAILRUN_MUST_RUN"] == "1"
    /// A whole machine of its own, with every controller.
    static let isVirtualMachine = environment["JAILRUN_VM"] == "1"
    /// What is waited for is waited for that many times longer than it takes on a quiet machine; an emulated one takes thirty
    /// times as long. A test that passes never waits for it.
    static let patience = isVirtualMachine ? 8.0 : 4.0
    /// CAP_SYS_RESOURCE, which many containers' root lacks.
    static let raisesLimits: Bool = {
        let status = (try? String(contentsOfFile: "/proc/self/status", encoding: .utf8)) ?? ""
        let line = status.split(separator: "\n").first { $0.hasPrefix("CapEff:") }
        let set = line?.split(separator: "\t").last.flatMap { UInt64($0, radix: 16) } ?? 0
        return set >> 24 & 1 == 1
    }()
    /// What no kernel changes is repeated less often where each round takes that long.
    static func rounds(_ count: Int) -> Int { isVirtualMachine ? max(4, count / 25) : count }
    /// Of many cases of one claim every other where each takes that long.
    static func some<Case>(_ cases: [Case]) -> [Case] {
        isVirtualMachine ? cases.enumerated().filter { $0.offset.isMultiple(of: 2) }.map(\.element) : cases
    }
    /// As /proc/PID/exe names it: the folder of a build is a link.
    static let program =
        environment["JAILRUN"].map { URL(fileURLWithPath: $0).resolvingSymlinksInPath().path } ?? ""
    static let probe = environment["JAILRUN_PROBE"] ?? ""
    static let examples = environment["JAILRUN_EXAMPLES"] ?? ""

    /// A minimal root: `bin`, a shell and a probe, and `files`, the rest. Made once, and copied for each test. Not named after
    /// the process: two labs at once share /tmp, and count their pids each from 1.
    static let template: String = {
        var name = Array("/tmp/jailrun-template.XXXXXX".utf8CString)
        precondition(mkdtemp(&name) != nil, "cannot make a directory in /tmp: errno \(errno)")
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        let script = """
            set -e; chmod 0755 '\(path)'; cd '\(path)'; mkdir bin files
            cp /bin/busybox bin/busybox; cp '\(probe)' bin/probe
            bin/busybox --list | grep -vx busybox | while read -r name; do ln -s busybox "bin/$name"; done
            cd files; mkdir -p dev etc proc sys tmp var root; chmod 1777 tmp
            printf 'root:x:0:0:root:/root:/bin/sh\\nuser:x:1000:1000::/tmp:/bin/sh\\n4294967295:x:7:7::/:/bin/sh\\n' >etc/passwd
            printf 'root:x:0:\\nuser:x:1000:\\nextra:x:1001:user\\n' >etc/group
            """
        _ = Command.shell(script).run()
        atexit { _ = Command.shell("rm -rf '\(template)'").run() }
        return path
    }()
}

/// How a command ended, and what it said.
struct Outcome: CustomStringConvertible {
    /// The exit status; 128 + n for signal n; -1 when it did not end in time.
    var status: Int32
    var output: String
    var errors: String
    var lines: [String] { output.split(separator: "\n").map(String.init) }
    var description: String { "status \(status)\n\(output)--\n\(errors)" }

    /// The words after the first line that begins with `key`.
    subscript(key: String) -> [String]? {
        lines.first { $0 == key || $0.hasPrefix(key + " ") }.map {
            $0.dropFirst(key.count).split(whereSeparator: { $0 == " " || $0 == "\t" }).map(String.init)
        }
    }
}

/// A command to be run: its output goes to files, so that nothing waits for a process that keeps a pipe open.
struct Command {
    var arguments: [String]
    /// A descriptor, or nil for /dev/null.
    var input: Int32?
    var extraEnvironment: [String] = []

    init(_ arguments: [String], input: Int32? = nil) {
        self.arguments = arguments
        self.input = input
    }

    static func shell(_ script: String) -> Command { Command(["/bin/sh", "-c", script]) }

    func run(seconds: Double = 30) -> Outcome { start().wait(seconds: seconds) }

    func start() -> Running {
        let files = (0..<2).map { _ in Self.temporaryFile() }
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        defer { posix_spawn_file_actions_destroy(&actions) }
        if let input {
            posix_spawn_file_actions_adddup2(&actions, input, 0)
        } else {
            posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        }
        posix_spawn_file_actions_adddup2(&actions, files[0], 1)
        posix_spawn_file_actions_adddup2(&actions, files[1], 2)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var none = sigset_t()
        var all = sigset_t()
        sigemptyset(&none)
        sigfillset(&all)
        posix_spawnattr_setsigmask(&attributes, &none)
        posix_spawnattr_setsigdefault(&attributes, &all)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF))
        let words = arguments.map { strdup($0) } + [nil]
        let variables =
            (Laboratory.environment.map { "\($0.key)=\($0.value)" } + extraEnvironment).map { strdup($0) } + [nil]
        defer { for word in words + variables { free(word) } }
        var pid: pid_t = 0
        let error = posix_spawnp(&pid, arguments[0], &actions, &attributes, words, variables)
        if error != 0 { Issue.record("cannot run \(arguments[0]): \(String(cString: strerror(error)))") }
        return Running(pid: error == 0 ? pid : -1, files: files)
    }

    private static func temporaryFile() -> Int32 {
        let descriptor = open("/tmp", unnamedFile | O_RDWR | O_CLOEXEC, 0o600)
        precondition(descriptor >= 0, "cannot make a temporary file: errno \(errno)")
        return descriptor
    }
}

/// Behind _GNU_SOURCE in <fcntl.h>, which Swift's Glibc does not define.
private let unnamedFile: Int32 = 0o20_200_000

/// A command that has been started by a test. Ended by `wait`, at the latest when the test lets go of it.
final class Running {
    let pid: pid_t
    private let files: [Int32]
    private var status: Int32?

    init(pid: pid_t, files: [Int32]) {
        self.pid = pid
        self.files = files
    }

    deinit {
        if status == nil, pid > 0 {
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        for file in files { close(file) }
    }

    var hasEnded: Bool { poll() != nil }
    var output: String { Self.text(files[0]) }
    var errors: String { Self.text(files[1]) }

    private func poll() -> Int32? {
        if status == nil {
            var raw: Int32 = 0
            if pid <= 0 {
                status = -1
            } else if waitpid(pid, &raw, WNOHANG) == pid {
                status = raw & 0x7f == 0 ? raw >> 8 & 0xff : 128 + (raw & 0x7f)
            }
        }
        return status
    }

    func signal(_ number: Int32) { if status == nil, pid > 0 { kill(pid, number) } }

    /// - Parameter seconds: on a quiet machine.
    func wait(seconds: Double = 30) -> Outcome {
        let ended = eventually(seconds: seconds) { self.poll() != nil }
        if !ended {
            Issue.record("no end within \(seconds * Laboratory.patience) s: pid \(pid)\n\(output)--\n\(errors)")
            kill(pid, SIGKILL)
            waitpid(pid, nil, 0)
        }
        let result = Outcome(status: ended ? status ?? -1 : -1, output: output, errors: errors)
        status = status ?? -1
        return result
    }

    private static func text(_ file: Int32) -> String {
        var bytes: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 65536)
        while case let count = pread(file, &buffer, buffer.count, off_t(bytes.count)), count > 0 {
            bytes += buffer[..<count]
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

/// Asks every 2 ms until it is so, or the time is over.
/// - Parameter seconds: on a quiet machine.
@discardableResult
func eventually(seconds: Double = 10, _ claim: () -> Bool) -> Bool {
    let end = Date(timeIntervalSinceNow: seconds * Laboratory.patience)
    while !claim() {
        if Date() > end { return false }
        usleep(2000)
    }
    return true
}
