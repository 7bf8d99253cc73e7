internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What a running jail's parameters are: those that were set, what was chosen for the others, and what only a running jail has.
package struct JailValues: Sendable {
    package enum Value: Equatable, Sendable {
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

    /// - Parameter others: all jails that run: nested jails and the outer one are found among them.
    package init(_ record: JailRecord, among others: [JailRecord]) {
        self.record = record
        self.others = others
    }

    private var spec: ConfiguredJail { record.spec }

    /// The value of one of `KernelParameters`, negated for the `no` spelling of a boolean.
    /// - Throws: when the kernel could not be asked.
    package func value(of name: String) throws(RuntimeError) -> Value {
        if let positive = KernelParameters.positive(of: name), case .flag(let flag) = try value(of: positive) {
            return .flag(!flag)
        }
        guard let row = ParameterTable.row(Bytes(name.utf8)) else { return .none }
        return try value(of: name, row)
    }

    private func value(of name: String, _ row: ParameterTable.Row) throws(RuntimeError) -> Value {
        switch row.reading {
        case .asSet: setting(name, row)
        case .onlyIfSet: value(spec.parameters.setting(name)?.values.last)
        case .jid: .number(record.identity.jid)
        case .name: .text(record.name)
        case .path: .text(spec.path.value)
        case .parent: .number(parent?.identity.jid ?? 0)
        case .jailsInside: .number(try jailsInside())
        case .isDying: .flag(record.isDying)
        case .isPersistent: .flag(spec.isPersistent.value)
        case .hostname: .text(try hostname())
        case .domainName: .text(try HostNames(of: record)?.domain ?? spec.host.domainName?.value ?? "")
        case .hostUUID: .text(spec.parameters.setting(name)?.values.last ?? Self.noUUID)
        case .kernelRelease: .text(try Self.kernelRelease())
        case .isRootReadOnly: .flag(spec.root.isReadOnly.value)
        case .isRootEphemeral: .flag(spec.root.isEphemeral.value)
        case .ruleset: .text(spec.pseudoFilesystems.devfsRuleset.value)
        case .ownMounts: .number(1)
        case .modeOfIPv4: .text(mode(.ipv4))
        case .modeOfIPv6: .text(mode(.ipv6))
        case .addressesOfIPv4: .list(addresses(.ipv4))
        case .addressesOfIPv6: .list(addresses(.ipv6))
        case .oomScore: .number(try oomScore())
        case .cgroupFile: try cgroupFile(Self.key(of: name, row))
        case .lineOfMeta: line(Self.key(of: name, row), of: "meta")
        case .lineOfEnvironment: line(Self.key(of: name, row), of: "env")
        case .isGranted: .flag(isGranted(name))
        case .hasRawSockets: .flag(spec.privileges.allowsRawSockets.value)
        case .isRouting: .flag(spec.privileges.ownsNetwork.value && spec.parameters.flag(name) == true)
        }
    }

    private func value(_ text: String?) -> Value { text.map { .text($0) } ?? .none }

    /// The part of a name behind its family's.
    private static func key(of name: String, _ row: ParameterTable.Row) -> String {
        String(name.dropFirst(row.prefix?.utf8.count ?? 0))
    }

    private static let noUUID = "00000000-0000-0000-0000-000000000000"

    private static func kernelRelease() throws(RuntimeError) -> String {
        try attempt("/proc/sys/kernel/osrelease") { () throws(Errno) in
            try Files.text("/proc/sys/kernel/osrelease").trimmed
        }
    }

    /// As a process inside reads it.
    package func hostname() throws(RuntimeError) -> String {
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

    private func mode(_ family: AddressSpec.Family) -> String {
        if spec.network.mode.value == .inherit { return "inherit" }
        return addresses(family).isEmpty ? "disable" : "new"
    }

    /// The addresses of a family, the first being the primary one.
    package func addresses(_ family: AddressSpec.Family) -> [String] {
        spec.network.addresses.filter { $0.family == family }.map(\.address)
    }

    private func line(_ key: String, of buffer: String) -> Value {
        value(JailParameters.value(of: key, in: spec.parameters.setting(buffer)?.values.last ?? ""))
    }

    /// As the kernel has it.
    private func cgroupFile(_ file: String) throws(RuntimeError) -> Value {
        if file.contains("/") { return .none }
        let text = try attempt("\(record.cgroup)/\(file)") { () throws(Errno) in
            try Cgroup(path: record.cgroup).textIfThere(file)
        }
        return value(text?.split(separator: "\n").joined(separator: ","))
    }

    /// As it was set, or else its default.
    private func setting(_ name: String, _ row: ParameterTable.Row) -> Value {
        let setting = row.fate.isInForce ? spec.parameters.setting(name) : nil
        switch row.kind {
        case .boolean:
            return .flag((row.fate.isInForce ? spec.parameters.flag(name) : nil) ?? (row.standard == "true"))
        case .integer: return .number(setting?.values.last.flatMap { Int($0) } ?? Int(row.standard) ?? 0)
        case .list: return .text(setting?.values.joined(separator: ",") ?? "")
        case .jailsys: return .text(setting.map(Self.jailsys) ?? row.standard)
        case .string, .path, .commands, .readOnly: return .text(setting?.values.last ?? row.standard)
        }
    }

    /// What was granted, as opposed to what was asked for.
    private func isGranted(_ name: String) -> Bool {
        if let privilege = Privilege(rawValue: name) { return spec.privileges.keeps(privilege) }
        return spec.privileges.granted.contains { $0.value.parameter == name }
    }

    private static func jailsys(_ setting: JailParameters.Setting) -> String {
        if ParameterName.isNegated(Bytes(setting.name.utf8)) { return "disable" }
        let words = ["0": "disable", "1": "new", "2": "inherit", "": "new"]
        let word = String(decoding: (setting.values.last ?? "").utf8.map(\.lowercased), as: UTF8.self)
        return words[word] ?? word
    }
}

extension JailRecord {
    /// A stop of it has begun.
    package var isDying: Bool { trace.phase != .up }
}
