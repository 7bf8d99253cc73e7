extension JailReader {
    mutating func privileges(root: String) -> PrivilegeSpec {
        let added = capabilities("cap.add")
        var privileges = PrivilegeSpec(
            capAdd: added, capDrop: capabilities("cap.drop", butAdded: added), seccomp: seccomp(root),
            userNamespace: userNamespace(),
            allowsRawSockets: boolean("allow.raw_sockets", otherwise: false, "allow.raw_sockets"))
        for added in privileges.capAdd where privileges.capDrop.contains(where: { $0.value == added.value }) {
            error("cap.add: \(added.value) is also in cap.drop", at: added.place)
        }
        privileges.granted = granted(privileges.userNamespace.value, privileges.seccomp.value)
        privileges.withdrawn = withdrawn(privileges.capAdd, privileges.seccomp.value)
        privileges.sharesInterprocess = interprocess()
        privileges.securityLevel = securityLevel()
        withhold(from: &privileges)
        privileges.childrenMaximum = childrenMaximum(privileges)
        if let vnet = jailsys("vnet"), vnet.value == .new { privileges.ownsNetwork = Located(true, vnet.origin) }
        checkSecurelevel(privileges)
        return privileges
    }

    /// - Parameter added: what `cap.drop = all` leaves; nil where there is no such word.
    private mutating func capabilities(_ name: String, butAdded added: [Located<String>]? = nil) -> [Located<String>] {
        let given = strings(name)
        if given.isEmpty { return [] }
        var found: [Capability: Located<String>] = [:]
        for capability in given {
            if ["all", "cap_all"].contains(capability.value.lowercased()) {
                if added == nil {
                    error(
                        "\(name): all of them would make root inside root of the host", at: capability.place,
                        hint: "name those that are needed; cap.drop = all removes the others")
                }
                for known in Capability.allCases where added?.contains(where: { $0.value == known.name }) == false {
                    found[known] = Located(known.name, capability.origin)
                }
                continue
            }
            guard let known = Capability(name: capability.value) else {
                let names = Capability.allCases.map(\.name)
                let near =
                    Spelling("CAP_" + capability.value.uppercased()).closest(in: names).map {
                        " (did you mean \"\($0)\"?)"
                    } ?? ""
                error("\(name): unknown capability \"\(capability.shown)\"\(near)", at: capability.place)
                continue
            }
            found[known] = Located(known.name, capability.origin)
        }
        return Capability.allCases.compactMap { found[$0] }
    }

    /// Root inside makes mount and user namespaces then: nobody of the host's may be behind it.
    private mutating func childrenMaximum(_ privileges: PrivilegeSpec) -> Located<Int> {
        let standard = privileges.childrenMaximum
        guard let maximum = integer("children.max", in: 0...Self.mostJails), maximum.value > 0 else { return standard }
        if privileges.userNamespace.value == .host {
            error(
                "children.max: root inside may then mount and make namespaces, and would be root of the host",
                at: maximum.place, hint: "leave out userns: the jail then has user ids of its own")
        }
        if let dropped = privileges.capDrop.first(where: { $0.value == Capability.sysAdmin.name }) {
            error("cap.drop: children.max needs \(dropped.value)", at: dropped.place)
        }
        if let withdrawn = privileges.withdrawn.first(where: { $0.value == .superuser }) {
            error("allow.suser = false: without privileges root inside cannot make jails", at: withdrawn.place)
        }
        say(.note, "children.max lets root inside use the kernel's mounts and namespaces", at: maximum.place)
        return maximum
    }

    /// Who may mount can take the flag from a mount that is its own: a promise that would not be kept.
    mutating func checkReadOnly(_ root: RootSpec, _ mounts: [MountSpec], _ privileges: PrivilegeSpec) {
        guard privileges.allowsJails else { return }
        let why = "with children.max root inside may mount, and could make it writable"
        if root.isReadOnly.value { error("root.readonly: \(why)", at: root.isReadOnly.place) }
        for mount in mounts where mount.kind.isBind && mount.isReadOnly {
            guard case .configuration(let place) = mount.origin else { continue }
            error("mount: \(Bytes(mount.source.utf8).printable()) read-only: \(why)", at: place)
        }
    }

    /// As many as there can be jids.
    static let mostJails = 999_999

    /// A security level takes capabilities away; `cap.add` must not give them back.
    private mutating func checkSecurelevel(_ privileges: PrivilegeSpec) {
        let level = privileges.securityLevel.value
        let taken = PrivilegeSpec.taken(by: level)
        for capability in privileges.capAdd {
            guard let known = Capability(name: capability.value), taken.contains(known) else { continue }
            error("cap.add: \(capability.value) contradicts securelevel = \(level)", at: capability.place)
        }
    }

    private mutating func seccomp(_ root: String) -> Located<PrivilegeSpec.Seccomp> {
        let standard = Located(PrivilegeSpec.Seccomp.standard, .standard("seccomp = none"))
        guard let value = string("seccomp"), !value.value.isEmpty else { return standard }
        switch value.value {
        case "default": return Located(.standard, value.origin)
        case "none": return Located(.none, value.origin)
        case let path where path.hasPrefix("/"):
            let isOutside = isOutside(value, root, "seccomp", "its own filter")
            return isOutside ? Located(.profile(path), value.origin) : standard
        default:
            error(
                "seccomp: unknown value \"\(value.shown)\"", at: value.place, hint: "default, none, or an absolute path"
            )
            return standard
        }
    }

    private mutating func userNamespace() -> Located<PrivilegeSpec.UserNamespace> {
        let standard = Located(PrivilegeSpec.UserNamespace.private, .standard("userns = host"))
        guard let value = string("userns"), !value.value.isEmpty else { return standard }
        if value.value == "private" { return Located(.private, value.origin) }
        if value.value == "host" { return Located(.host, value.origin) }
        guard let range = Self.idRange(value.value) else {
            error(
                "userns: \"\(value.shown)\" is not a range of user ids", at: value.place,
                hint: "private, host, or FIRST+COUNT, all above 0 and below 4294967295; userns = host keeps root")
            return standard
        }
        return Located(range, value.origin)
    }

    /// `FIRST+COUNT`. Id 0 would be the host's root, 4294967295 means "none" to the kernel.
    private static func idRange(_ text: String) -> PrivilegeSpec.UserNamespace? {
        let parts = text.split(separator: "+", omittingEmptySubsequences: false)
        guard parts.count == 2, let first = DigitsOnly.value(parts[0].utf8, in: 1...(UInt32.max - 1)),
            let count = DigitsOnly.value(parts[1].utf8, in: 1...(UInt32.max - first))
        else { return nil }
        return .range(first: first, count: count)
    }
}
