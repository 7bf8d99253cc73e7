internal import Glibc
internal import SystemPackage

/// The cgroups above a jail's own: cgroups(7), "Managing controllers via the cgroup.subtree_control file".
extension FactFinder {
    /// - Throws: `.unsuitable` when a limit that the file asks for has no controller here.
    func addCgroupLevels(to facts: inout StartFacts) throws(RuntimeError) {
        if !host.hasCgroups { return try object(Host.noHierarchy) }
        let available = try host.controllers()
        facts.unavailableDefaults = unavailableDefaults(available)
        let needed = neededControllers(without: facts.unavailableDefaults)
        // Each level has what the one above it gives, and that is made sure of from the top.
        for (name, origin) in needed where !available.contains(name) {
            try object(unavailable(name, origin))
        }
        facts.cgroupLevels = []
        for path in try levelPaths() {
            let cgroup = try cgroup(path, enables: !needed.isEmpty && !assumesNoJails)
            let enabled = cgroup.enabledControllers
            let isOfJail = path.utf8.count > host.cgroupRoot.path.utf8.count
            facts.cgroupLevels.append(
                .init(
                    path: path, exists: isOfJail || (cgroup.exists && (!assumesNoJails || path == host.cgroupTop)),
                    missingControllers: needed.map(\.name).filter { !enabled.contains($0) }, isOfJail: isOfJail))
        }
    }

    /// - Parameter enables: what it gives to its children is asked for.
    private func cgroup(_ path: String, enables: Bool) throws(RuntimeError) -> HostFacts.KnownCgroup {
        if let assumed = host.assumed {
            var cgroup =
                assumed.cgroup(path)
                ?? HostFacts.KnownCgroup(path: path, exists: false, controllers: [], enabledControllers: [])
            if !enables { cgroup.enabledControllers = [] }
            return cgroup
        }
        return try Cgroup(path: path).look { (cgroup) throws(Errno) in
            HostFacts.KnownCgroup(
                path: path, exists: try cgroup.exists(), controllers: [],
                enabledControllers: try enables ? cgroup.enabledControllers() : [])
        }
    }

    /// From the top of what jailrun may divide down to the cgroup of all jails, or of the one around this one.
    func levelPaths() throws(RuntimeError) -> [String] {
        let top = host.cgroupTop
        var paths = [top]
        for name in try host.cgroup(of: jail.name.value).path.dropFirst(top.utf8.count).split(separator: "/").dropLast()
        {
            paths.append("\(paths[paths.count - 1])/\(name)")
        }
        return paths
    }

    private func neededControllers(without absent: [String]) -> [(name: String, origin: Origin)] {
        var needed: [(name: String, origin: Origin)] = []
        for setting in jail.cgroup where !absent.contains(setting.file) {
            guard let name = setting.file.split(separator: ".").first.map(String.init), name != "cgroup",
                !needed.contains(where: { $0.name == name })
            else { continue }
            needed.append((name, setting.origin))
        }
        return needed
    }

    /// Limits that only jailrun's defaults ask for, of controllers that this host does not have: decided now, and said.
    func unavailableDefaults(_ available: [String]) -> [String] {
        jail.cgroup.filter { setting in
            guard case .standard = setting.origin else { return false }
            return !available.contains { setting.file.hasPrefix($0 + ".") }
        }.map(\.file)
    }

    private func unavailable(_ controller: String, _ origin: Origin) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: origin,
            "the cgroup controller \(controller) is not available in \(host.cgroupTop)",
            hint: missingControllerHint(controller))
    }

    /// Where the table cannot be read it hints at less.
    private func missingControllerHint(_ name: String) -> String {
        let mounts = (try? Files.text("/proc/self/mountinfo")) ?? ""
        let isVersion1 = mounts.split(separator: "\n").contains { line in
            line.holds(" - cgroup ")
                && line.split(separator: " ").last?.split(separator: ",").contains(Substring(name)) == true
        }
        return isVersion1
            ? "this host binds \(name) to cgroup v1: boot with cgroup_no_v1=\(name), or systemd.unified_cgroup_hierarchy=1"
            : "the kernel lacks it, or a parent cgroup does not pass it on: check cgroup.controllers from the top down"
    }
}

extension Host {
    /// Those that jailrun may give to jails.
    func controllers() throws(RuntimeError) -> [String] {
        if let assumed { return assumed.cgroup(cgroupTop)?.controllers ?? [] }
        return try Cgroup(path: cgroupTop).look { (cgroup) throws(Errno) in try cgroup.controllers() }
    }

    /// Limits that jailrun sets of its own accord, and this host has no controller for.
    func note(without files: [String]) {
        for file in files { audience.note(Self.words(without: file)) }
    }

    static func words(without file: String) -> String {
        "without the default cgroup.\(file): this host has no cgroup controller \(file.prefix { $0 != "." }), so the jails run "
            + "without this limit; you need not do anything"
    }

    /// Of all these jails, each once.
    func unavailableDefaults(of jails: [ConfiguredJail]) throws(RuntimeError) -> [String] {
        if !hasCgroups { return [] }
        let available = try controllers()
        var files: [String] = []
        for jail in jails {
            for file in FactFinder(jail: jail, host: self).unavailableDefaults(available) where !files.contains(file) {
                files.append(file)
            }
        }
        return files
    }
}
