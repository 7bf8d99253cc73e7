extension PostureJudge {
    // MARK: Ids

    var ids: Posture.Part {
        let asked = jail.privileges.userNamespace
        switch asked.value {
        case .private:
            return Posture.Part(
                subject: .ids, summary: "65536 of its own: root inside is nobody outside", findings: [])
        case .host:
            let finding = Posture.Finding(
                200, "root inside is root of the host wherever the isolation has a hole", asked.origin,
                mend: "userns = private")
            return Posture.Part(subject: .ids, summary: "the host's: root inside is root outside", findings: [finding])
        case .range(let first, let count):
            return Posture.Part(
                subject: .ids, summary: "\(count) of the host's, from \(first) on",
                findings: first < 65536
                    ? [
                        Posture.Finding(
                            100, "users inside are users that may also exist on the host", asked.origin,
                            mend: "userns = private")
                    ] : [])
        }
    }

    // MARK: Capabilities

    var capabilities: Posture.Part {
        let held = heldCapabilities
        let summary: String
        if held.isEmpty {
            let user = facts.user.map { $0.uid == 0 ? "" : ": its commands run as \($0.name)" } ?? ""
            summary = "none\(user)"
        } else {
            let reach = isHostRoot ? "on the machine" : "in the jail's own namespaces"
            summary = "\(held.capabilities.count), \(reach)"
        }
        return Posture.Part(
            subject: .capabilities, summary: summary,
            findings: added(held.subtracting(.standard)) + standard(held.intersection(.standard)) + setuid)
    }

    /// Without no_new_privs.
    private var setuid: [Posture.Finding] {
        jail.privileges.granted.filter { $0.value == .setUserID }.map {
            Posture.Finding(
                20, "any user inside can use a hole in a set-user-id program to become root inside",
                $0.origin,
                mend: "leave out allow.suid, or \($0.value.parameter) = false")
        }
    }

    private func added(_ capabilities: CapabilitySet) -> [Posture.Finding] {
        capabilities.capabilities.compactMap { capability in
            let exposure = CapabilitySet([capability]).exposure(overMachine: isHostRoot)
            if exposure == 0 { return nil }
            let (origin, mend) = asked(capability)
            return Posture.Finding(
                exposure, "\(capability.name): \(capability.allowance(overMachine: isHostRoot))", origin, mend: mend,
                givesMachine: givesMachine(capability))
        }
    }

    private func standard(_ capabilities: CapabilitySet) -> [Posture.Finding] {
        let exposure = capabilities.exposure(overMachine: isHostRoot)
        if exposure == 0 { return [] }
        return [
            Posture.Finding(
                exposure, "\(capabilities.capabilities.count) capabilities that services of a distribution need",
                .standard("cap.drop = NAME"),
                mend: "cap.drop = NAME for each that it does not need; exec.jail_user = USER for all")
        ]
    }

    /// The host's root with such a capability, and one of the calls that it is for.
    private func givesMachine(_ capability: Capability) -> Bool {
        guard isHostRoot, CapabilitySet.ofMachine.contains(capability) else { return false }
        return answers.calls.contains { $0.row.capabilities.contains(capability) && $0.answer != .never }
    }

    /// The line that gave it, and what to write instead.
    private func asked(_ capability: Capability) -> (Origin, mend: String) {
        let privileges = jail.privileges
        if let entry = privileges.capAdd.first(where: { $0.value == capability.name }) {
            return (entry.origin, "leave \(capability.shortName) out of cap.add")
        }
        if capability == .netRaw, privileges.allowsRawSockets.value {
            return (privileges.allowsRawSockets.origin, "allow.raw_sockets = false")
        }
        if capability == .netAdmin, privileges.ownsNetwork.value {
            return (privileges.ownsNetwork.origin, "ip4.addr instead of vnet, or securelevel = 3")
        }
        let permission = privileges.granted.first { $0.value.capabilities.contains(capability) }
        return (permission?.origin ?? .standard(""), "leave out \(permission?.value.parameter ?? "cap.add")")
    }

    var capabilityReach: [Posture.Reach] {
        heldCapabilities.capabilities.map {
            Posture.Reach(name: $0.shortName, allows: $0.allowance(overMachine: isHostRoot))
        }
    }

    // MARK: System calls

    var calls: Posture.Part {
        let passing = answers.calls.filter { $0.answer != .never }
        let foreignABIs = answers.foreignABIs
        let checked = passing.filter { $0.answer == .byArguments }.count
        let kind = facts.filter == nil ? "no filter: " : ""
        return Posture.Part(
            subject: .calls,
            summary: "\(kind)\(passing.count) of \(answers.calls.count) allowed"
                + (checked == 0 ? "" : ", \(checked) of them depending on their arguments")
                + (foreignABIs.isEmpty ? "" : "; and \(foreignABIs.enumerated)"),
            findings: answers.groups.compactMap(finding))
    }

    private func finding(_ group: FilterAnswers.Group) -> Posture.Finding? {
        let risk = group.risk
        if risk == .foreign {
            if answers.foreignABIs.isEmpty { return nil }
            return Posture.Finding(
                risk.weight, "\(answers.foreignABIs.enumerated): \(risk.allowance)", jail.privileges.seccomp.origin,
                mend: "seccomp = default")
        }
        guard !group.open.isEmpty else { return nil }
        let (origin, mend) = asked(group.open, risk)
        let calls = risk == .ordinary ? "\(group.open.count) calls" : Self.list(group.open.map(\.name))
        return Posture.Finding(
            max(1, risk.weight * group.open.count / group.count), "\(calls): \(risk.allowance)", origin, mend: mend)
    }

    private func asked(_ open: [SeccompTable.Row], _ risk: CallRisk) -> (Origin, mend: String) {
        let privileges = jail.privileges
        if risk == .ordinary {
            return (privileges.seccomp.origin, "seccomp = PROFILE that has only the calls it makes")
        }
        guard privileges.seccomp.value == .standard else { return (privileges.seccomp.origin, "seccomp = default") }
        for row in open {
            if let added = privileges.capAdd.first(where: { name in
                Capability(name: name.value).map(row.capabilities.contains) ?? false
            }) {
                return (added.origin, "leave \(Capability(name: added.value)?.shortName ?? "it") out of cap.add")
            }
            if let granted = privileges.granted.first(where: { !row.permission.isDisjoint(with: .init($0.value)) }) {
                return (granted.origin, "leave out \(granted.value.parameter)")
            }
        }
        return (privileges.seccomp.origin, "seccomp = default")
    }

    /// At most three names, then how many more.
    static func list(_ names: [String]) -> String {
        names.count <= 4 ? names.enumerated : "\(names.prefix(3).joined(separator: ", ")) and \(names.count - 3) more"
    }
}

extension Capability {
    /// `net_raw`, as jail.conf has it.
    var shortName: String { String(name.dropFirst(4)).lowercased() }
}

extension SeccompPermissions {
    fileprivate init(_ permission: Permission) {
        var privileges = PrivilegeSpec(
            capAdd: [], capDrop: [], seccomp: Located(.standard, .standard("")),
            userNamespace: Located(.private, .standard("")), allowsRawSockets: Located(false, .standard("")))
        privileges.granted = [Located(permission, .standard(""))]
        self.init(privileges)
    }
}
