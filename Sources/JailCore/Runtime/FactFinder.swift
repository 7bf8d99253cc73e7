internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Looks up what a start depends on, once the host's commands before it have run.
struct FactFinder {
    let jail: JailSpec
    let host: Host

    /// - Throws: `.unsuitable` when the root, a user, a mount or a controller is not there.
    func startFacts(terminals: [Int]) throws(RuntimeError) -> StartFacts {
        var facts = StartFacts()
        let root = try openRoot()
        facts.rootDirectories = rootDirectories(root: root.number)
        try checkAsked(facts)
        try checkEnvironment(facts)
        try checkMounts(root.number)
        try checkLayers()
        try checkReadOnly()
        try checkMessages()
        facts.jailUser = try jailUser(passwords(root: root.number))
        facts.identityFiles = try identityFiles(root: root.number)
        if jail.names != nil { facts.resolvers = Self.resolvers }
        facts.deviceTree = try Self.deviceTree(of: jail)
        facts.mountedFiles = mountedFiles
        facts.isNested = host.isNested
        if host.isNested { facts.deviceTree.nodes.removeAll { !Self.isThere($0) } }
        try addCgroupLevels(to: &facts)
        try addPrivileges(to: &facts, terminals: terminals)
        if jail.commands.hasHostCommands { facts.caller = try caller() }
        return facts
    }

    /// Whose commands the host's are.
    func caller() throws(RuntimeError) -> StartFacts.Caller {
        var caller = StartFacts.Caller(
            environment: Self.environment, owner: PasswordFile.host.user(String(geteuid())) ?? .root, user: nil)
        guard let name = jail.commands.systemUser else { return caller }
        caller.user = PasswordFile.host.user(name.value)
        if caller.user != nil { return caller }
        throw PasswordFile.host.noSuchUser(jail: jail.label, parameter: "exec.system_user", name)
    }

    /// environ(7) of jailrun.
    static var environment: [String] {
        var variables: [String] = []
        var entry = unsafe environ
        while let text = unsafe entry.pointee {
            variables.append(unsafe String(cString: text))
            unsafe entry += 1
        }
        return variables
    }

    /// What a command that joins a running jail depends on.
    /// - Parameter filter: the one that was recorded.
    func entryFacts(root: Int32, terminals: [Int], environment: [String], filter: SeccompFilter? = nil)
        throws(RuntimeError)
        -> StartFacts
    {
        var facts = StartFacts()
        facts.jailUser = try jailUser(PasswordFile(root: root))
        facts.environment = environment
        try addPrivileges(to: &facts, terminals: terminals, recorded: filter)
        return facts
    }

    private func addPrivileges(to facts: inout StartFacts, terminals: [Int], recorded: SeccompFilter? = nil)
        throws(RuntimeError)
    {
        facts.capabilities = CapabilitySet(jail.privileges)
        let filter = recorded == nil ? try filter() : recorded
        facts.filter = filter?.bytes ?? []
        facts.filterFlags = filter?.flags ?? 0
        facts.limits = Self.limits()
        facts.ownOomScore = try OwnOomScore.value()
        facts.terminals = terminals
        facts.terminalType =
            terminals.isEmpty ? nil : unsafe getenv("TERM").map { unsafe String(cString: $0) } ?? "dumb"
    }

    private func openRoot() throws(RuntimeError) -> Descriptor {
        let source = RootSource(jail)
        do { return try Files.open(source.path, Int32(OpenFlags([.path, .directory]).rawValue)) } catch {
            throw .unsuitable(
                jail: jail.label, origin: source.origin, "path \(source.path): \(error.description)",
                hint: error == .noSuchFileOrDirectory ? "make the root file system first" : nil)
        }
    }

    func isDirectory(_ name: String, root: Int32) -> Bool {
        (try? RootPath.open(
            name, root: root, flags: Int32(OpenFlags([.path, .directory]).rawValue), followingLinks: false)) != nil
    }

    /// A mount that the file asks for needs its directory in the root.
    private func checkAsked(_ facts: StartFacts) throws(RuntimeError) {
        let pseudo = jail.pseudoFilesystems
        try checkAsked("mount.devfs", pseudo.devfs, "dev", facts)
        try checkAsked("mount.procfs", pseudo.procfs, "proc", facts)
        try checkAsked("mount.sysfs", pseudo.sysfs, "sys", facts)
    }

    private func checkAsked(
        _ parameter: String, _ presence: Located<PseudoFilesystemSpec.Presence>, _ directory: String,
        _ facts: StartFacts
    ) throws(RuntimeError) {
        if presence.value != .always || facts.rootDirectories.contains(directory) { return }
        throw .unsuitable(
            jail: jail.label, origin: presence.origin,
            "\(parameter): \(jail.path.value)/\(directory) is not a directory",
            hint: "mkdir \(jail.path.value)/\(directory)")
    }

    /// At FreeBSD's place in the order: the mounts themselves are made later, in the jail's own namespace.
    private func checkMounts(_ root: Int32) throws(RuntimeError) {
        for mount in jail.mounts where mount.kind.isBind || mount.kind.diskType != nil && mount.kind != .zfs {
            if !Files.exists(mount.source) {
                throw .unsuitable(
                    jail: jail.label, origin: mount.origin, "mount: \(mount.source): \(Errno.current.description)",
                    hint: nil)
            }
        }
    }

    private func jailUser(_ passwords: PasswordFile) throws(RuntimeError) -> StartFacts.User {
        let name = jail.commands.jailUser
        let source = jail.commands.isJailUserOfHost.value ? PasswordFile.host : passwords
        if let user = source.user(name?.value ?? "0") { return user }
        throw source.noSuchUser(jail: jail.label, parameter: "exec.jail_user", name)
    }

    // MARK: Files that the kernel shows

    /// The last of the facts, which none of a plan's first steps asks for: they are looked up while those are at work.
    static func addHiddenPaths(to facts: inout StartFacts) {
        facts.maskedPaths = maskedPaths
        facts.readOnlyPaths = readOnlyPaths
    }

    /// The union of what OCI runtimes mask, and what tells more of the host than a jail needs.
    private static var maskedPaths: [StartFacts.MaskedPath] {
        let files = [
            "proc/kcore", "proc/keys", "proc/timer_list", "proc/latency_stats", "proc/sched_debug", "proc/interrupts",
            "proc/kallsyms", "proc/kpagecount", "proc/kpageflags", "proc/kpagecgroup", "proc/vmallocinfo",
            "proc/slabinfo",
            "proc/modules", "proc/config.gz", "proc/cmdline", "proc/timer_stats", "sys/kernel/boot_params/data",
        ]
        let directories = [
            "proc/acpi", "proc/asound", "proc/scsi", "sys/firmware", "sys/devices/virtual/powercap", "sys/fs/selinux",
            "sys/fs/bpf", "sys/fs/pstore", "sys/kernel/debug", "sys/kernel/tracing", "sys/kernel/security",
            "sys/module",
        ]
        return files.filter { Files.exists("/\($0)") }.map { StartFacts.MaskedPath(path: $0, isDirectory: false) }
            + directories.filter { Files.exists("/\($0)") }.map { StartFacts.MaskedPath(path: $0, isDirectory: true) }
    }

    private static var readOnlyPaths: [String] {
        ["proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"].filter { Files.exists("/\($0)") }
    }

    // MARK: Devices

    /// What the ruleset and `securelevel` leave of `/dev`.
    static func deviceTree(of jail: JailSpec) throws(RuntimeError) -> DeviceTree {
        let reference = jail.pseudoFilesystems.devfsRuleset
        do {
            let rules = try DevfsRules.ofHost()
            let ruleset = try rules.ruleset(reference.value)
            return try DeviceTree(
                applying: ruleset, of: rules, host: hostDevices(under: ruleset, of: rules),
                names: .init(uid: { PasswordFile.host.uid($0) }, gid: { PasswordFile.host.gid($0) })
            ).restricted(to: jail.privileges.securityLevel.value)
        } catch {
            throw .unsuitable(jail: jail.label, origin: reference.origin, error.description, hint: nil)
        }
    }

    /// Devices whose numbers differ from machine to machine.
    private static func hostDevices(under ruleset: DevfsRules.Ruleset, of rules: DevfsRules) -> [HostDevice] {
        let shown = ShownNames(under: ruleset, of: rules)
        let folders = DeviceTable.folders.filter(shown.mayContainSome).map(\.name)
        var names = shown.candidates ?? []
        for folder in (shown.candidates == nil ? [""] : []) + folders {
            for name in (try? Files.unsortedNames(in: "/dev/\(folder)")) ?? [] where shown.contains(folder + name) {
                names.append(folder + name)
            }
        }
        return names.compactMap(hostDevice)
    }

    private static func isThere(_ node: DeviceNode) -> Bool {
        hostDevice(node.path).map { ($0.kind, $0.major, $0.minor) == (node.kind, node.major, node.minor) } ?? false
    }

    private static func hostDevice(_ name: String) -> HostDevice? {
        var status = stat()
        guard unsafe lstat("/dev/\(name)", &status) == 0 else { return nil }
        let type = status.st_mode & S_IFMT
        guard type == S_IFCHR || type == S_IFBLK else { return nil }
        let device = UInt64(status.st_rdev)
        return HostDevice(
            name: name, kind: type == S_IFBLK ? .block : .character, major: UInt32(device >> 8 & 0xfff),
            minor: UInt32(device & 0xff) | UInt32(device >> 12 & 0xffff_ff00))
    }

    // MARK: Limits

    /// Limits of the caller that differ from jailrun's own: setrlimit(2). A hard limit cannot be raised without
    /// CAP_SYS_RESOURCE, so each is at most what the caller has.
    private static func limits() -> [StartFacts.ResourceLimit] {
        var limits: [StartFacts.ResourceLimit] = []
        func compare(_ resource: Int, _ name: String, _ soft: UInt64, _ hard: UInt64) {
            var (softNow, hardNow): (UInt64, UInt64) = (0, 0)
            guard unsafe cns_limit(Int32(resource), &softNow, &hardNow) == 0 else { return }
            let allowed = min(hard, hardNow)
            if hardNow == allowed && softNow == min(soft, allowed) { return }
            limits.append(
                StartFacts.ResourceLimit(resource: resource, name: name, soft: min(soft, allowed), hard: allowed))
        }
        let infinity = UInt64.max
        compare(0, "RLIMIT_CPU", infinity, infinity)
        compare(1, "RLIMIT_FSIZE", infinity, infinity)
        compare(2, "RLIMIT_DATA", infinity, infinity)
        compare(3, "RLIMIT_STACK", 8 << 20, infinity)
        compare(4, "RLIMIT_CORE", 1, 1)
        compare(5, "RLIMIT_RSS", infinity, infinity)
        compare(6, "RLIMIT_NPROC", infinity, infinity)
        compare(7, "RLIMIT_NOFILE", 1024, 524_288)
        compare(8, "RLIMIT_MEMLOCK", 8 << 20, 8 << 20)
        compare(9, "RLIMIT_AS", infinity, infinity)
        compare(10, "RLIMIT_LOCKS", infinity, infinity)
        compare(11, "RLIMIT_SIGPENDING", infinity, infinity)
        compare(12, "RLIMIT_MSGQUEUE", 819_200, 819_200)
        compare(13, "RLIMIT_NICE", 0, 0)
        compare(14, "RLIMIT_RTPRIO", 0, 0)
        compare(15, "RLIMIT_RTTIME", infinity, infinity)
        return limits
    }

    // MARK: seccomp

    /// What had to be compiled is kept with the state; the default filter was compiled when jailrun was built.
    private func filter() throws(RuntimeError) -> SeccompFilter? {
        do {
            let cache = SeccompCache(directory: "/var/cache/jailrun")
            return try SeccompFilter.filter(for: jail.privileges, cachedIn: cache)
        } catch {
            throw .unsuitable(jail: jail.label, origin: jail.privileges.seccomp.origin, "\(error)", hint: nil)
        }
    }
}

extension CommandSpec {
    /// Whether a start runs any on the host.
    fileprivate var hasHostCommands: Bool { !(prepare + prestart + created + poststart).isEmpty }
}
