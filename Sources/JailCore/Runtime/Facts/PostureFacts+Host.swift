internal import Glibc
internal import SystemPackage

extension PostureFacts {
    /// Looks at this host as a start would, and changes nothing.
    ///
    /// - Throws: `.unsuitable` when the ruleset or the filter cannot be had.
    package init(
        of jail: ConfiguredJail, among jails: [ConfiguredJail] = [], host: Host? = nil,
        _ shared: SharedLooks = SharedLooks()
    ) throws(RuntimeError) {
        let filter = try shared.filter(jail.privileges) { () throws(RuntimeError) in try Self.filter(of: jail) }
        let hasDevices = jail.pseudoFilesystems.mayHaveDevices
        self.init(
            filter: filter, devices: hasDevices ? try FactFinder.deviceTree(of: jail, shared) : DeviceTree(),
            user: try Self.user(of: jail))
        answers = shared.answers(of: filter)
        coreHandler = try Self.coreHandler()
        if let host { unavailableLimits = try host.unavailableDefaults(of: [jail]) }
        let namespace = try attempt("/proc/self/ns/user") { () throws(Errno) in try OwnUserNamespace.ofThisProcess }
        if namespace.hasMachinesRoot {
            reachable = ReachableFolder.all(of: jail).map { (Terminal.escaped($0.path), $0.mend) }
        }
        neighbours = shared.neighbours(of: jail, among: jails).map { Terminal.escaped($0.label) }
        for path in Self.hostPaths(of: jail) { realPaths[path] = Self.realPath(path) }
    }

    /// A limit of one byte keeps accidental dumps away; who crashes on purpose lowers it to none, which a pipe ignores.
    private static func coreHandler() throws(RuntimeError) -> String? {
        let path = "/proc/sys/kernel/core_pattern"
        let text = try attempt(path) { () throws(Errno) in try Files.textIfThere(path) }
        guard let pattern = text, pattern.hasPrefix("|") else { return nil }
        return pattern.dropFirst().split(whereSeparator: \.isWhitespace).first.map { Terminal.escaped(String($0)) }
    }

    private static func hostPaths(of jail: ConfiguredJail) -> [String] {
        RootSource(jail).folders
            + jail.mounts.flatMap { [$0.source, $0.layers?.upper].compactMap { $0 } + ($0.layers?.folders ?? []) }
    }

    private static func realPath(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private static func filter(of jail: ConfiguredJail) throws(RuntimeError) -> SeccompFilter? {
        do { return try SeccompFilter.filter(for: jail.privileges, cachedIn: nil) } catch {
            throw .noFilter(jail, error)
        }
    }

    /// Nil for root without a name, and where the jail's root is not there yet.
    private static func user(of jail: ConfiguredJail) throws(RuntimeError) -> StartFacts.User? {
        guard let name = jail.commands.jailUser?.value else { return nil }
        if jail.commands.isJailUserOfHost.value { return try PasswordFile.host.known(name) }
        let path = RootSource(jail).path
        let root = try attempt(path) { () throws(Errno) in
            try Files.ifThere { () throws(Errno) in
                try Files.open(path, Int32(OpenFlags([.path, .directory]).rawValue))
            }
        }
        guard let root else { return nil }
        return try PasswordFile(root: root.number).known(name)
    }
}
