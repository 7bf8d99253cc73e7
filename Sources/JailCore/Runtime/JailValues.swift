internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What a running jail's parameters are: those that were set, what was chosen for the others, and what only a running jail has.
public struct JailValues: Sendable {
    public enum Value: Equatable, Sendable {
        case flag(Bool)
        case number(Int)
        case text(String)
        /// Addresses.
        case list([String])
        /// A line of `meta` or `env` that is not there, or a limit that was not set.
        case none
    }

    private let record: JailRecord
    private let others: [JailRecord]

    /// - Parameter others: all jails that run: nested jails and the one around are found among them.
    public init(_ record: JailRecord, among others: [JailRecord]) {
        self.record = record
        self.others = others
    }

    private var spec: JailSpec { record.spec }

    /// The value of one of `KernelParameters`, or what a boolean of them is not.
    /// - Throws: when the kernel could not be asked.
    public func value(of name: String) throws(RuntimeError) -> Value {
        if let positive = KernelParameters.positive(of: name), case .flag(let flag) = try value(of: positive) {
            return .flag(!flag)
        }
        if let value = try identity(name) { return value }
        if let value = network(name) { return value }
        if let value = try family(name) { return value }
        return try setting(name)
    }

    private func identity(_ name: String) throws(RuntimeError) -> Value? {
        switch name {
        case "jid", "cpuset.id": .number(record.identity.jid)
        case "name": .text(record.name)
        case "path": .text(spec.path.value)
        case "parent": .number(parent?.identity.jid ?? 0)
        case "children.cur": .number(try jailsInside())
        case "dying": .flag(record.isDying)
        case "persist": .flag(spec.isPersistent.value)
        case "host.hostname": .text(try hostname())
        case "host.domainname": .text(try HostNames(of: record)?.domain ?? spec.host.domainName?.value ?? "")
        // A jail sees the mounts of its own namespace, whatever was asked for.
        case "enforce_statfs": .number(1)
        case "devfs_ruleset": .text(spec.pseudoFilesystems.devfsRuleset.value)
        case "oom.score": .number(try oomScore())
        case "root.readonly": .flag(spec.root.isReadOnly.value)
        case "root.ephemeral": .flag(spec.root.isEphemeral.value)
        default: nil
        }
    }

    /// As a process inside reads it.
    public func hostname() throws(RuntimeError) -> String {
        try HostNames(of: record)?.hostname ?? spec.hostname.value
    }

    /// What is not set is what the start was made with.
    private func oomScore() throws(RuntimeError) -> Int {
        if let score = spec.process.oomScore?.value { return score }
        let path = "/proc/\(record.pid)/oom_score_adj"
        let text = try attempt(path) { () throws(Errno) in
            try ProcessTable.ifRunning { () throws(Errno) in try Files.text(path) }
        }
        return text.flatMap { Int($0.trimmed) } ?? 0
    }

    /// Those that root inside made are known by their cgroups alone.
    private func jailsInside() throws(RuntimeError) -> Int {
        let known = others.count { $0.name.hasPrefix("\(record.name).") }
        if spec.privileges.childrenMaximum.value == 0 { return known }
        return max(known, try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in try cgroup.nestedCount() })
    }

    private var parent: JailRecord? {
        JailName.parent(of: record.name).flatMap { name in others.first { $0.name == name } }
    }

    private func network(_ name: String) -> Value? {
        switch name {
        case "ip4": .text(mode(.ipv4))
        case "ip6": .text(mode(.ipv6))
        case "ip4.addr": .list(addresses(.ipv4))
        case "ip6.addr": .list(addresses(.ipv6))
        default: nil
        }
    }

    private func mode(_ family: AddressSpec.Family) -> String {
        if spec.network.mode.value == .inherit { return "inherit" }
        return addresses(family).isEmpty ? "disable" : "new"
    }

    /// The addresses of a family, the first being the primary one.
    public func addresses(_ family: AddressSpec.Family) -> [String] {
        spec.network.addresses.filter { $0.family == family }.map(\.address)
    }

    private func family(_ name: String) throws(RuntimeError) -> Value? {
        for buffer in ["meta", "env"] where name.hasPrefix("\(buffer).") {
            let text = spec.parameters.setting(buffer)?.values.last ?? ""
            return JailParameters.value(of: String(name.dropFirst(buffer.utf8.count + 1)), in: text).map { .text($0) }
                ?? Value.none
        }
        if name.hasPrefix("ulimit.") || name.hasPrefix("sysctl.") {
            return spec.parameters.setting(name)?.values.last.map { .text($0) } ?? Value.none
        }
        guard name.hasPrefix("cgroup."), !name.contains("/") else { return nil }
        let file = String(name.dropFirst("cgroup.".utf8.count))
        let found = try attempt("\(record.cgroup)/\(file)") { () throws(Errno) in
            try Cgroup(path: record.cgroup).textIfThere(file)
        }
        guard let text = found else { return Value.none }
        return .text(text.split(separator: "\n").joined(separator: ","))
    }

    /// As it was set, or else its default.
    private func setting(_ name: String) throws(RuntimeError) -> Value {
        guard let row = ParameterTable.row(Bytes(name.utf8)) else { return .none }
        let setting = row.fate.isInForce ? spec.parameters.setting(name) : nil
        switch row.kind {
        case .boolean:
            let flag = row.fate.isInForce ? permission(name) ?? spec.parameters.flag(name) : nil
            return .flag(flag ?? (row.standard == "true"))
        case .integer: return .number(setting?.values.last.flatMap { Int($0) } ?? Int(row.standard) ?? 0)
        case .list: return .text(setting?.values.joined(separator: ",") ?? "")
        case .jailsys: return .text(setting.map(Self.jailsys) ?? row.standard)
        default:
            if let value = setting?.values.last { return .text(value) }
            return .text(try Self.standard(row))
        }
    }

    /// What was granted, as opposed to what was asked for.
    private func permission(_ name: String) -> Bool? {
        let privileges = spec.privileges
        if name == "allow.routing" { return privileges.ownsNetwork.value && spec.parameters.flag(name) == true }
        if name == "allow.raw_sockets" { return privileges.allowsRawSockets.value }
        if let privilege = Privilege(rawValue: name) { return privileges.keeps(privilege) }
        guard Permission.allCases.contains(where: { $0.parameter == name }) else { return nil }
        return privileges.granted.contains { $0.value.parameter == name }
    }

    private static func jailsys(_ setting: JailParameters.Setting) -> String {
        if ParameterName.isNegated(Bytes(setting.name.utf8)) { return "disable" }
        let words = ["0": "disable", "1": "new", "2": "inherit", "": "new"]
        let word = String(decoding: (setting.values.last ?? "").utf8.map(\.lowercased), as: UTF8.self)
        return words[word] ?? word
    }

    /// A default that the table words, as a value.
    private static func standard(_ row: ParameterTable.Row) throws(RuntimeError) -> String {
        switch row.name {
        case "osrelease", "linux.osrelease":
            try attempt("/proc/sys/kernel/osrelease") { () throws(Errno) in
                try Files.text("/proc/sys/kernel/osrelease").trimmed
            }
        case "linux.osname": "Linux"
        case "host.hostuuid": "00000000-0000-0000-0000-000000000000"
        case "host.hostid": "0"
        case let name where name.hasPrefix("host."): ""
        default: row.standard
        }
    }
}

extension JailRecord {
    /// A stop of it has begun.
    public var isDying: Bool { trace.phase != .up }
}
