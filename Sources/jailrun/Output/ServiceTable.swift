import JailCore

/// The listing of `jailrun list`: jails that are up, and those that somebody keeps up or gave up.
struct ServiceTable {
    private struct Row {
        var jid: Int?
        var name: String
        var state: String
        var sinceSeconds: Int?
        var restarts: Int
        var failedChecks: Int
        /// Of one that is over.
        var exitStatus: Int32?
        var address: String
        var hostname: String
        var path: String

        /// `ended (7)`
        var shownState: String { exitStatus.map { "\(state) (\($0))" } ?? state }
    }

    private let rows: [Row]

    init(_ jails: [JailRecord], _ services: [ServiceRecord]) throws(RuntimeError) {
        let up = try jails.map { (jail) throws(RuntimeError) in
            try Self.row(jail, service: services.first { $0.name == jail.name })
        }
        let down = services.filter { service in !jails.contains { $0.name == service.name } }
        rows = up + down.map { Self.row($0.spec, jid: nil, service: $0) }
    }

    private static func row(_ jail: JailRecord, service: ServiceRecord?) throws(RuntimeError) -> Row {
        var spec = jail.spec
        spec.hostname.value = try JailValues(jail, among: []).hostname()
        var row = row(spec, jid: jail.identity.jid > 0 ? jail.identity.jid : nil, service: service)
        row.name = jail.name
        if try jail.isBeingStopped() { row.state = ServiceState.stopping.rawValue }
        if jail.unreadable != nil { row.state = unreadable }
        return row
    }

    private static let unreadable = "unreadable record"

    private static func row(_ spec: ConfiguredJail, jid: Int?, service: ServiceRecord?) -> Row {
        let status = service.map { ServiceStatus($0) }
        // One that ended a moment ago, which its supervisor is about to see.
        let isStale = jid == nil && [.up, .healthy, .unhealthy].contains(status?.state)
        return Row(
            jid: jid, name: spec.name.value,
            state: service?.unreadable != nil ? unreadable : isStale ? "ended" : status?.state.rawValue ?? "up",
            sinceSeconds: service?.seconds,
            restarts: status?.restarts ?? 0, failedChecks: status?.failedChecks ?? 0,
            exitStatus: service?.exitStatus,
            address: spec.network.addresses.first?.address ?? "-", hostname: spec.hostname.value,
            path: spec.path.value)
    }

    var text: String {
        TextTable(
            ["JID", "NAME", "STATE", "SINCE", "RESTARTS", "ADDRESS", "HOSTNAME", "PATH"],
            rightAligned: [0, 3, 4],
            rows.map { row in
                [
                    row.jid.map(String.init) ?? "-", row.name, row.shownState,
                    row.sinceSeconds.map(Duration.text) ?? "-",
                    String(row.restarts), row.address, row.hostname, row.path,
                ]
            }
        ).text
    }

    /// In the shape of FreeBSD's libxo, with what is known beside it.
    var json: String {
        let jails = rows.map { row in
            let jid = row.jid.map { "\"jid\":\($0)," } ?? ""
            let ipv4 = row.address.contains(":") || row.address == "-" ? "" : row.address
            return
                "{\(jid)\"ipv4\":\(StructuredOutput.quoted(ipv4)),\"hostname\":\(StructuredOutput.quoted(row.hostname)),"
                + "\"path\":\(StructuredOutput.quoted(row.path)),\"name\":\(StructuredOutput.quoted(row.name)),"
                + "\"state\":\"\(row.state)\",\"seconds\":\(row.sinceSeconds.map(String.init) ?? "null"),"
                + "\"restarts\":\(row.restarts),\"failed_checks\":\(row.failedChecks),"
                + "\"exit_status\":\(row.exitStatus.map { String($0) } ?? "null")}"
        }
        return "{\"__version\": \"2\", \"jail-information\": {\"jail\": [\(jails.joined(separator: ","))]}}"
    }
}

/// Columns as wide as their widest cell; control characters are spelled out.
struct TextTable {
    private let header: [String]
    private let rightAligned: [Int]
    private let rows: [[String]]

    init(_ header: [String], rightAligned: [Int], _ rows: [[String]]) {
        self.header = header
        self.rightAligned = rightAligned
        self.rows = rows.map { $0.map { Terminal.escaped($0) } }
    }

    var text: String {
        let all = [header] + rows
        let widths = header.indices.map { column in all.map { $0[column].count }.max() ?? 0 }
        return all.map { row in
            row.indices.map { column in
                let padding = String(repeating: " ", count: widths[column] - row[column].count)
                if rightAligned.contains(column) { return padding + row[column] }
                return column == row.count - 1 ? row[column] : row[column] + padding
            }.joined(separator: "  ")
        }.joined(separator: "\n")
    }
}

/// Times as people say them.
enum Duration {
    /// `42s`, `3m`, `5h`, `12d`.
    static func text(_ seconds: Int) -> String {
        switch seconds {
        case ..<120: "\(seconds)s"
        case ..<7200: "\(seconds / 60)m"
        case ..<172_800: "\(seconds / 3600)h"
        default: "\(seconds / 86400)d"
        }
    }
}
