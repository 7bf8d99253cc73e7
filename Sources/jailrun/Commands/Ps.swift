import ArgumentParser
import JailCore

struct Ps: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "ps", abstract: "List the processes of a jail.",
        usage: "jailrun ps [<options>] <jail>",
        discussion: HelpText.discussion(examples: "jailrun ps www"))

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "The jail, by name or jid.")
    var jail: String

    func run() throws {
        try reporting {
            let host = try global.host()
            let record = try JailLookup(host: host).existing(jail)
            let processes = try JailProcess.all(of: record)
            try Output.result(json ? JSONText.of(processes.map(ProcessObject.init)) : Self.text(processes))
        }
    }

    private static func text(_ processes: [JailProcess]) -> String {
        let header = ["PID", "INSIDE", "UID", "S", "TIME", "RSS", "COMMAND"]
        return TextTable(header, rightAligned: [0, 1, 2, 4, 5], processes.map(row)).text
    }

    private static func row(_ process: JailProcess) -> [String] {
        let hundredths = Int(process.cpuSeconds * 100)
        let seconds = hundredths / 100 % 60
        let time =
            "\(hundredths / 6000):\(seconds < 10 ? "0" : "")\(seconds).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
        return [
            String(process.pid), String(process.innerPid), String(process.uid), process.state, time,
            "\(process.residentKiB)K",
            process.command,
        ]
    }
}

/// A process as `ps --json` gives it.
private struct ProcessObject: Encodable {
    var pid: Int32
    var inside: Int32
    var uid: UInt32
    var state: String
    var cpuSeconds: Double
    var residentKiB: Int
    var command: String

    enum CodingKeys: String, CodingKey {
        case pid, inside, uid, state, command
        case cpuSeconds = "cpu_seconds"
        case residentKiB = "resident_kib"
    }

    init(_ process: JailProcess) {
        (pid, inside, uid, state) = (process.pid, process.innerPid, process.uid, process.state)
        (cpuSeconds, residentKiB, command) = (process.cpuSeconds, process.residentKiB, process.command)
    }
}
