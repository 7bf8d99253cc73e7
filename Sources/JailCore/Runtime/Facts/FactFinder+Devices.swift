internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What a jail's `/dev` is made of: devfs.rules(5), and the devices of this host.
extension FactFinder {
    /// Where no `/dev` is made and none is spoken of, nothing is looked up: /etc/devfs.rules may be another's, or wrong.
    func addDevices(to facts: inout StartFacts) throws(RuntimeError) {
        if hasDevices(facts) || jail.pseudoFilesystems.asksForRuleset { try addTree(to: &facts) }
    }

    func addTree(to facts: inout StartFacts) throws(RuntimeError) {
        do throws(RuntimeError) {
            if let assumed = host.assumed {
                facts.deviceTree = try assumedTree(assumed)
            } else {
                facts.deviceTree = try Self.deviceTree(of: jail, shared)
            }
            if !host.authority.canMakeNodes && host.assumed == nil {
                var present: [DeviceNode] = []
                for node in facts.deviceTree.nodes where try Self.isThere(node) { present.append(node) }
                facts.deviceTree.nodes = present
            }
        } catch { try object(error) }
    }

    /// What the ruleset and `securelevel` leave of `/dev`.
    static func deviceTree(of jail: ConfiguredJail, _ shared: SharedLooks? = nil) throws(RuntimeError) -> DeviceTree {
        let reference = jail.pseudoFilesystems.devfsRuleset
        let level = jail.privileges.securityLevel.value
        guard let shared else { return try lookUpTree(of: jail, nil) }
        return try shared.deviceTree(reference.value, level) { () throws(RuntimeError) in
            try lookUpTree(of: jail, shared)
        }
    }

    private static func lookUpTree(of jail: ConfiguredJail, _ shared: SharedLooks?) throws(RuntimeError) -> DeviceTree {
        let reference = jail.pseudoFilesystems.devfsRuleset
        do throws(DevfsRulesError) {
            let rules = try devfsRules(shared)
            let ruleset = try rules.ruleset(reference.value)
            return try DeviceTree(
                applying: ruleset, of: rules, host: try hostDevices(under: ruleset, of: rules),
                names: .init(uid: { PasswordFile.host.uid($0) }, gid: { PasswordFile.host.gid($0) })
            ).restricted(to: jail.privileges.securityLevel.value)
        } catch {
            if let failure = unread(error) { throw failure }
            throw .unsuitable(
                jail: jail.label, origin: error.location.map { .configuration($0) } ?? reference.origin, error.message,
                hint: error.hint)
        }
    }

    /// The owner that a rule names may be in a file that could not be read.
    private static func unread(_ error: DevfsRulesError) -> RuntimeError? {
        switch error {
        case .unknownUser: PasswordFile.host.passwdFailure
        case .unknownGroup: PasswordFile.host.groupFailure
        case .malformed, .refused, .unknownRuleset, .unknownInclude: nil
        }
    }

    private static func devfsRules(_ shared: SharedLooks?) throws(DevfsRulesError) -> DevfsRules {
        guard let shared else { return try .ofHost() }
        return try shared.devfsRules { () throws(DevfsRulesError) in try .ofHost() }
    }

    /// Devices whose numbers differ from machine to machine.
    private static func hostDevices(
        under ruleset: DevfsRules.Ruleset, of rules: DevfsRules
    ) throws(DevfsRulesError) -> [HostDevice] {
        do throws(Errno) { return try hostDevices(ShownNames(under: ruleset, of: rules)) } catch {
            throw .refused(file: "/dev", error.description, hint: nil)
        }
    }

    private static func hostDevices(_ shown: ShownNames) throws(Errno) -> [HostDevice] {
        let folders = DeviceTable.folders.filter(shown.mayContainSome).map(\.name)
        var names = shown.candidates ?? []
        for folder in (shown.candidates == nil ? [""] : []) + folders {
            let all = try Files.ifThere { () throws(Errno) in try Files.unsortedNames(in: "/dev/\(folder)") } ?? []
            for name in all where shown.contains(folder + name) { names.append(folder + name) }
        }
        var devices: [HostDevice] = []
        for name in names { if let device = try hostDevice(name) { devices.append(device) } }
        return devices
    }

    private static func isThere(_ node: DeviceNode) throws(RuntimeError) -> Bool {
        let device = try attempt("cannot look at /dev/\(node.path)") { () throws(Errno) in try hostDevice(node.path) }
        return device.map { ($0.kind, $0.major, $0.minor) == (node.kind, node.major, node.minor) } ?? false
    }

    private static func hostDevice(_ name: String) throws(Errno) -> HostDevice? {
        var status = stat()
        if unsafe lstat("/dev/\(name)", &status) < 0 {
            let error = Errno.current
            if error.meansAbsent { return nil }
            throw error
        }
        let type = status.st_mode & S_IFMT
        guard type == S_IFCHR || type == S_IFBLK else { return nil }
        let device = UInt64(status.st_rdev)
        return HostDevice(
            name: name, kind: type == S_IFBLK ? .block : .character, major: UInt32(device >> 8 & 0xfff),
            minor: UInt32(device & 0xff) | UInt32(device >> 12 & 0xffff_ff00))
    }
}

extension PseudoFilesystemSpec {
    /// `devfs_ruleset` is set.
    var asksForRuleset: Bool { if case .standard = devfsRuleset.origin { false } else { true } }
    /// A jail like this may have a `/dev`, or says which rules it would have.
    var mayHaveDevices: Bool { devfs.value != .never || asksForRuleset }
}
