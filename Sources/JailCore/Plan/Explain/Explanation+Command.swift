extension Explanation {
    static let terminal = Explanation(
        "Opens a pseudoterminal of the jail's own, gives jailrun the master, and makes it standard input and output.",
        without: "The jail would hold the caller's terminal, and could type commands into it.",
        manual: "pty(7)", "ioctl_tty(2)", turnedOff: "standard input and output that are not terminals")

    static func consoleLog(_ path: String) -> Self {
        Explanation(
            "Sends standard output and standard error to \(path) of the host.",
            without: "The commands' output would go to jailrun's own output.", manual: "dup(2)")
    }

    static let outputPipe = Explanation(
        "Sends standard output and standard error into a pipe that jailrun reads.",
        without: "A detached jail would hold whatever output its caller had.",
        manual: "pipe(2)", turnedOff: "exec.consolelog = FILE")

    static func handedDescriptor(_ descriptor: StartFacts.HandedDescriptor) -> Self {
        let (name, file) = [("input", "stdin"), ("output", "stdout"), ("error", "stderr")][descriptor.number]
        return switch descriptor.way {
        case .opened(let mode):
            Explanation(
                "Gives the pipe that is standard \(name) the mode 0\(String(mode, radix: 8)).",
                without: "No program in the jail could open it as /dev/\(file).", manual: "fchmod(2)", "pipe(7)")
        case .nothing:
            Explanation(
                "Makes /dev/null standard \(name).", without: "The jail would hold whatever its caller has there.",
                manual: "dup(2)")
        case .relayed:
            Explanation(
                "Makes a pipe standard \(name), and copies data between it and the caller's file.",
                without: "The jail would hold a file of the host, and could not open it by name.", manual: "pipe(7)")
        }
    }

    static let firstProcess = Explanation(
        "Becomes pid 1: a static program in a sealed memory file, which the jail cannot change.",
        without: "Nobody would reap orphans and forward signals, and the jail could reach jailrun itself.",
        manual: "pid_namespaces(7)", "memfd_create(2)", "execveat(2)")

    static let stage = Explanation(
        "Becomes a small static program in a sealed memory file, before it enters the jail.",
        without: "A process of the jail could trace jailrun, or open its program through /proc.",
        manual: "execveat(2)", "memfd_create(2)")

    static let session = Explanation(
        "Starts a session for the command.",
        without: "It would be in the process group of pid 1, and signals for one would reach the other.",
        manual: "setsid(2)")

    static func directory(_ path: String) -> Self {
        Explanation(
            "Changes to the jail's directory \(path).",
            without: "The command would start in the jail's root directory.", manual: "chdir(2)")
    }

    static func execute(_ line: JailCommand) -> Self {
        Explanation(
            "Executes \(line.text)" + (line.isBackground ? ", and does not wait for it." : "."),
            without: "Nothing would run after all this.",
            manual: "execve(2)", "path_resolution(7)")
    }

    static func hostCommand(_ line: JailCommand, parameter: String?) -> Self {
        let moment =
            switch parameter {
            case "exec.prepare": " on the host, before jailrun looks for what the jail is made of"
            case "exec.prestart": " on the host, before anything of the jail exists"
            case "exec.created": " on the host, when the jail exists and nothing runs in it yet"
            case "exec.poststart": " on the host, after the jail's own commands"
            default: " on the host"
            }
        return Explanation(
            "Runs \(line.text)\(moment)" + (line.isBackground ? ", and does not wait for it." : "."),
            without: "What the configuration prepares with it would be missing.", manual: "clone3(2)", "execve(2)")
    }
}
