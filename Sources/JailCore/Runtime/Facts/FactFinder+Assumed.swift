/// What is not looked up here, for another host is meant: `HostFacts` has it, or says nothing of it.
extension FactFinder {
    func lookIntoAssumed(_ facts: inout StartFacts) throws(RuntimeError) {
        guard let root = host.assumed?.root(of: jail) else {
            return try object(unknown("the root \(RootSource(jail).path)", RootSource(jail).origin))
        }
        facts.rootDirectories = root.directories
        try checkAsked(facts)
        try checkEnvironment(facts)
        facts.jailUser = try jailUser(PasswordFile(passwd: root.passwd, group: root.group))
        facts.identityFiles = try identityFiles(
            in: IdentityPlaces(
                ground: { (path) throws(RuntimeError) in root.files.first { $0.path == path }?.ground },
                hasEtc: { () throws(RuntimeError) in root.hasEtc }))
    }

    func assumedTree(_ assumed: HostFacts) throws(RuntimeError) -> DeviceTree {
        let reference = jail.pseudoFilesystems.devfsRuleset
        if let tree = assumed.tree(reference.value, jail.privileges.securityLevel.value) { return tree }
        throw unknown("devfs_ruleset \"\(reference.value)\" at that securelevel", reference.origin)
    }

    func assumedFilter(_ assumed: HostFacts, _ path: String) throws(RuntimeError) -> SeccompFilter? {
        let capabilities = CapabilitySet(jail.privileges).rawValue
        let known = assumed.profiles.first { $0.path == path && $0.capabilities == capabilities }
        if let filter = known.flatMap({ SeccompFilter(text: $0.filter) }) { return filter }
        try object(unknown("the seccomp profile \(path) with these capabilities", jail.privileges.seccomp.origin))
        return nil
    }

    func unknown(_ object: String, _ origin: Origin) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: origin,
            "the facts of \(host.assumed?.host ?? "the host") say nothing about \(object)",
            hint: "create them again there, from this file: jailrun explain --facts FILE")
    }
}
