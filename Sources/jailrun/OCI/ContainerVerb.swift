/// A command of the OCI runtime, as its help tells of it.
struct ContainerVerb {
    struct Option {
        /// `-b, --bundle <dir>`.
        let form: String
        let meaning: String
    }

    let name: String
    let meaning: String
    /// Behind the options.
    var operands = "<id>"
    var options: [Option] = []
    /// Behind the program's name.
    let example: String

    static func named(_ name: String) -> ContainerVerb? { all.first { $0.name == name } }

    static let all = [
        ContainerVerb(
            name: "create", meaning: "Make a container; its process waits for start.",
            options: creation + withoutEffect, example: "create --bundle ./web web"),
        ContainerVerb(name: "start", meaning: "Let a created container's process go on.", example: "start web"),
        ContainerVerb(
            name: "run", meaning: "Create and start a container, wait for its end, and delete it.",
            options: creation + [
                Option(form: "-d, --detach", meaning: "Return when it runs."),
                Option(form: "--keep", meaning: "Do not delete it when it has ended."),
            ] + withoutEffect, example: "run --bundle ./web web"),
        ContainerVerb(
            name: "exec", meaning: "Run one more process in a container.", operands: "<id> [<command> ...]",
            options: execution, example: "exec --user 1000 web ps"),
        ContainerVerb(name: "state", meaning: "Print the state of a container, as JSON.", example: "state web"),
        ContainerVerb(
            name: "kill", meaning: "Send a signal to a container's process, TERM by default.",
            operands: "<id> [<signal>]",
            options: [Option(form: "-a, --all", meaning: "Send it to all processes of the container.")],
            example: "kill web KILL"),
        ContainerVerb(
            name: "delete", meaning: "Remove a container that has ended.",
            options: [
                Option(
                    form: "-f, --force", meaning: "Kill one that runs; one that does not exist is no error."),
                Option(form: "-r, --regex", meaning: "Delete all whose name matches the regular expression <id>."),
            ], example: "delete --force web"),
        ContainerVerb(name: "pause", meaning: "Freeze all processes of a container.", example: "pause web"),
        ContainerVerb(name: "resume", meaning: "Let a paused container go on.", example: "resume web"),
        ContainerVerb(
            name: "update", meaning: "Change the limits of a container.", options: limits,
            example: "update --pids-limit 100 web"),
        ContainerVerb(
            name: "ps", meaning: "List the processes of a container, by the host's numbers.",
            options: [format], example: "ps web"),
        ContainerVerb(
            name: "list", meaning: "List the containers.", operands: "",
            options: [format, Option(form: "-q, --quiet", meaning: "Print only their names.")], example: "list"),
        ContainerVerb(
            name: "spec", meaning: "Write a config.json to start from.", operands: "",
            options: [
                Option(form: "-b, --bundle <dir>", meaning: "Write it there (default: .)."),
                Option(form: "--rootless", meaning: "For somebody who is not root."),
            ], example: "spec --bundle ."),
        ContainerVerb(
            name: "features", meaning: "Print what the runtime knows, as JSON.", operands: "", example: "features"),
    ]

    static let global = [
        Option(form: "--root <dir>", meaning: "Where their records are (default: /run/jailrun-oci)."),
        Option(form: "--log <file>", meaning: "Write errors and warnings there, too."),
        Option(form: "--log-format <format>", meaning: "text (the default) or json"),
        Option(form: "--cgroup-manager <name>", meaning: "cgroupfs (the default), systemd or disabled"),
        Option(form: "--systemd-cgroup", meaning: "The same as --cgroup-manager systemd."),
        Option(form: "-v, --version", meaning: "Show the version."),
        Option(form: "-h, --help", meaning: "Show help information; of a command, behind it."),
    ]

    private static let format = Option(form: "-f, --format <format>", meaning: "table (the default) or json")

    private static let process = [
        Option(form: "--pid-file <file>", meaning: "Write the process's number there."),
        Option(form: "--console-socket <path>", meaning: "Send the terminal to this socket."),
        Option(form: "--preserve-fds <n>", meaning: "Keep so many descriptors behind 0, 1 and 2."),
    ]

    private static let creation =
        [
            Option(form: "-b, --bundle <dir>", meaning: "The bundle (default: .)."),
            Option(form: "-f, --config <file>", meaning: "Its configuration (default: config.json)."),
        ] + process

    /// Engines pass them.
    private static let withoutEffect = [
        Option(form: "--no-pivot", meaning: "Without effect, as the next two."),
        Option(form: "--no-new-keyring", meaning: ""),
        Option(form: "--no-subreaper", meaning: ""),
    ]

    private static let execution =
        process + [
            Option(form: "-p, --process <file>", meaning: "The whole process, as config.json has one."),
            Option(form: "-d, --detach", meaning: "Return when it runs."),
            Option(form: "-t, --tty", meaning: "Give it a terminal; needs --console-socket."),
            Option(form: "-u, --user <uid[:gid]>", meaning: "Run as this user."),
            Option(form: "-g, --additional-gids <gid>", meaning: "Add a group; may be repeated."),
            Option(form: "-c, --cap <name>", meaning: "Add a capability; may be repeated."),
            Option(form: "--no-new-privs", meaning: "Let it gain no privileges."),
            Option(form: "--cwd <dir>", meaning: "Start in this directory."),
            Option(form: "-e, --env <name=value>", meaning: "Set a variable; may be repeated."),
            Option(form: "--no-subreaper", meaning: "Without effect."),
        ]

    private static let limits =
        [Option(form: "-r, --resources <file>", meaning: "linux.resources in a file; - is standard input.")]
        + ContainerLimits.options.map { Option(form: "--\($0) <value>", meaning: "") }
}
