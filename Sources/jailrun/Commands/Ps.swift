import ArgumentParser
import JailCore

struct Ps: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "List the processes of a jail.")

    @OptionGroup var global: GlobalOptions

    @Flag(help: "Print JSON.")
    var json = false

    @Argument(help: "The jail, by name or jid.")
    var jail: String

    func run() throws {
        try reporting {
            let host = try global.host()
            let record = try JailLookup(host: host).existing(jail)
            let processes = JailProcess.all(of: record)
            print(json ? Self.json(processes) : Self.text(processes))
        }
    }

    private static func text(_ processes: [JailProcess]) -> String {
        let rows = [["PID", "INSIDE", "UID", "S", "TIME", "RSS", "COMMAND"]] + processes.map(row)
        let widths = (0..<6).map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            let cells = (0..<6).map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                return column == 3 ? row[column] + padding : padding + row[column]
            }
            return (cells + [row[6]]).joined(separator: "  ")
        }.joined(separator: "\n")
    }

    private static func row(_ process: JailProcess) -> [String] {
        let hundredths = Int(process.cpuSeconds * 100)
        let seconds = hundredths / 100 % 60
        let time =
            "\(hundredths / 6000):\(seconds < 10 ? "0" : "")\(seconds).\(hundredths % 100 < 10 ? "0" : "")\(hundredths % 100)"
        return [
            String(process.pid), String(process.innerPid), String(process.uid), process.state, time,
            "\(process.residentKiB)K",
            Terminal.escaped(process.command),
        ]
    }

    private static func json(_ processes: [JailProcess]) -> String {
        let rows = processes.map {
            "{\"pid\":\($0.pid),\"inside\":\($0.innerPid),\"uid\":\($0.uid),\"state\":\(StructuredOutput.quoted($0.state)),"
                + "\"cpu_seconds\":\($0.cpuSeconds),\"resident_kib\":\($0.residentKiB),"
                + "\"command\":\(StructuredOutput.quoted($0.command))}"
        }
        return "[\(rows.joined(separator: ","))]"
    }
}
