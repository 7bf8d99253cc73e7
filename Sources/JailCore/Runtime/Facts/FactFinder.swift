internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Looks up what a start depends on, once the host's commands before it have run.
struct FactFinder {
    let jail: ConfiguredJail
    let host: Host
    /// Where `check` collects what is missing; nil for a start, which ends with the first.
    var findings: Findings?
    /// Nil for one jail.
    var shared: SharedLooks?
    /// What other jails have made counts as not there.
    var assumesNoJails = false
    /// The jails of the file: nothing that their roots write is trusted.
    var others: [ConfiguredJail] = []

    /// - Throws: `.unsuitable` when the root, a user, a mount or a controller is not there. With `findings` nothing is thrown:
    ///   what could not be found is as if the jail did not ask for it.
    func startFacts(terminals: [Int]) throws(RuntimeError) -> StartFacts {
        var facts = StartFacts()
        if host.assumed != nil {
            try lookIntoAssumed(&facts)
        } else {
            if let root = try openRoot(&facts) { try look(into: root.number, &facts) }
            try checkMountSources(&facts)
            try checkLayers(&facts)
            try checkReadOnly()
            try checkProcess()
        }
        try checkMessages()
        try checkNeighbours()
        if jail.names != nil {
            facts.resolvers = if let assumed = host.assumed { assumed.resolvers } else { try Self.resolvers() }
        }
        facts.mountedFiles = mountedFiles
        facts.authority = host.authority
        try addDevices(to: &facts)
        try checkIDs(facts)
        try addCgroupLevels(to: &facts)
        try addPrivileges(to: &facts, terminals: terminals)
        if jail.commands.hasHostCommands || jail.commands.systemUser != nil { facts.caller = try caller() }
        return facts
    }

    private func look(into root: Int32, _ facts: inout StartFacts) throws(RuntimeError) {
        facts.rootDirectories = try rootDirectories(root: root)
        try addHidden(root: root, to: &facts)
        try checkAsked(facts)
        try checkEnvironment(facts)
        try checkMountPoints(root: root, facts)
        facts.jailUser = try jailUser(passwords(root: root))
        facts.identityFiles = try identityFiles(in: places(root: root))
    }

    // MARK: What is missing

    /// Something without which no start succeeds: a start ends here, and `check` goes on.
    func object(_ error: RuntimeError, isAbsent: Bool = false) throws(RuntimeError) {
        guard let findings else { throw error }
        findings.add(error, isMade: isAbsent ? .byHooks : .never)
    }

    /// Where a line of the file asks for what this host does not have.
    func refuse(
        _ text: String, _ origin: Origin, hint: String? = nil, isAbsent: Bool = false
    ) throws(RuntimeError) {
        try object(.unsuitable(jail: jail.label, origin: origin, text, hint: hint), isAbsent: isAbsent)
    }

    /// An object of the host that is not there, or cannot be looked at.
    func missing(_ object: String, _ errno: Errno, _ origin: Origin, hint: String? = nil) throws(RuntimeError) {
        try missing(object, HostWalkError(errno), origin, hint: hint)
    }

    func missing(_ object: String, _ error: HostWalkError, _ origin: Origin, hint: String? = nil) throws(RuntimeError) {
        try refuse(
            "\(Terminal.escaped(object)): \(error.description)", origin, hint: hint ?? error.hint,
            isAbsent: error.errno == .noSuchFileOrDirectory)
    }

    /// Whose commands the host's are.
    func caller() throws(RuntimeError) -> StartFacts.Caller {
        let owner = if let assumed = host.assumed { assumed.owner } else { try Self.owner() }
        var caller = StartFacts.Caller(
            environment: host.assumed == nil ? Self.environment : [], owner: owner, user: nil)
        guard let name = jail.commands.systemUser else { return caller }
        caller.user = try user(name, of: "exec.system_user", in: hostPasswords)
        return caller
    }

    /// Who runs jailrun.
    /// - Throws: when passwd(5) could not be read and it may name who that is. Root needs no name: it stops its jails all the same.
    static func owner() throws(RuntimeError) -> StartFacts.User {
        let passwords = PasswordFile.host
        guard let failure = passwords.passwdFailure else { return passwords.user(String(geteuid())) ?? .root }
        if geteuid() != 0 { throw failure }
        return .root
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
        facts.capabilityCount = try capabilityCount()
        let filter = recorded == nil ? try filter() : recorded
        facts.filter = filter?.bytes ?? []
        facts.filterFlags = filter?.flags ?? 0
        facts.limits = if let assumed = host.assumed { assumed.limits } else { try Self.limits() }
        facts.ownOomScore = host.assumed == nil ? try OwnOomScore.value() : 0
        facts.terminals = terminals
        facts.terminalType =
            terminals.isEmpty ? nil : unsafe getenv("TERM").map { unsafe String(cString: $0) } ?? "dumb"
    }

    private func capabilityCount() throws(RuntimeError) -> Int {
        if let assumed = host.assumed { return assumed.capabilityCount ?? Capability.allCases.count }
        return try attempt("cannot look at the kernel's capabilities") { () throws(Errno) in
            try CapabilitySet.countOfKernel()
        }
    }

    func openRoot(_ facts: inout StartFacts) throws(RuntimeError) -> Descriptor? {
        let source = RootSource(jail)
        do throws(HostWalkError) {
            return try open(source.path, Int32(OpenFlags([.path, .directory]).rawValue), &facts)
        } catch {
            let hint = error.errno == .noSuchFileOrDirectory ? "make the root file system first" : error.hint
            try missing("path \(source.path)", error, source.origin, hint: hint)
            return nil
        }
    }

    /// Opens a place of the host as its step will.
    func open(
        _ path: String, _ flags: Int32, _ facts: inout StartFacts
    ) throws(HostWalkError) -> Descriptor {
        try HostWalk.open(path, flags, by: HostWalk(jails: [jail] + others, state: host.state)) {
            facts.realPaths.append(StartFacts.RealPath(path: path, real: $0))
        }
    }

    /// A link is none: none is followed.
    func isDirectory(_ name: String, root: Int32) throws(Errno) -> Bool {
        try lookInto(root, name, [.path, .directory]) { (_) throws(Errno) in true } ?? false
    }

    /// What `look` finds at a path of the root; nil when nothing is there that can be reached without a link.
    /// - Throws: when it could not be looked at: a step that is left out for it would leave the jail wider.
    func lookInto<Found>(
        _ root: Int32, _ path: String, _ flags: OpenFlags, _ look: (borrowing Descriptor) throws(Errno) -> Found
    ) throws(Errno) -> Found? {
        do throws(Errno) {
            return try look(
                try RootPath.open(path, root: root, flags: Int32(flags.rawValue), followingLinks: false))
        } catch {
            if error.meansAbsent || error == .tooManySymbolicLinkLevels { return nil }
            throw error
        }
    }

    /// A mount that the file asks for needs its directory in the root.
    func checkAsked(_ facts: StartFacts) throws(RuntimeError) {
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
        let path = Terminal.escaped("\(jail.path.value == "/" ? "" : jail.path.value)/\(directory)")
        try refuse(
            "\(parameter): \(path) is not a directory", presence.origin, hint: "mkdir \(path)", isAbsent: true)
    }

    // MARK: Users

    private var hostPasswords: PasswordFile { host.assumed.map { PasswordFile($0.users) } ?? .host }

    /// - Parameter inside: the jail's own, which are not read for nothing.
    func jailUser(
        _ inside: @autoclosure () throws(RuntimeError) -> PasswordFile
    ) throws(RuntimeError) -> StartFacts.User {
        let passwords = try jail.commands.isJailUserOfHost.value ? hostPasswords : inside()
        let name = jail.commands.jailUser ?? Located("0", .standard("exec.jail_user = NAME"))
        return try user(name, of: "exec.jail_user", in: passwords) ?? .root
    }

    /// A passwd(5) that is too large has no names, and a number needs none. Whoever has an entry would lose the groups that are in a
    /// group(5) that could not be read.
    private func checkRead(_ passwords: PasswordFile, for name: String) throws(RuntimeError) {
        if let failure = passwords.passwdFailure, !failure.isTooLarge { try object(failure) }
        if let failure = passwords.groupFailure, !failure.isTooLarge || passwords.hasEntry(name) { try object(failure) }
    }

    /// NGROUPS_MAX of setgroups(2). A group may also deny: none is left out.
    private static let mostGroups = 65536

    private func checkGroups(_ user: StartFacts.User, _ parameter: String, _ origin: Origin) throws(RuntimeError) {
        if user.groups.count <= Self.mostGroups { return }
        try refuse(
            "\(parameter): \(Terminal.escaped(user.name)) is in \(user.groups.count) groups, and the kernel lets a process be in "
                + "\(Self.mostGroups)", origin)
    }

    private func user(
        _ name: Located<String>, of parameter: String, in passwords: PasswordFile
    ) throws(RuntimeError) -> StartFacts.User? {
        try checkRead(passwords, for: name.value)
        if let user = passwords.user(name.value) {
            try checkGroups(user, parameter, name.origin)
            return user
        }
        if let failure = passwords.passwdFailure {
            if failure.isTooLarge { try object(failure) }
            return nil
        }
        try object(
            .noSuchUser(
                jail: jail.label, parameter: parameter, origin: name.origin, name: name.value,
                near: Spelling(name.value).closest(in: passwords.names)))
        return nil
    }

    // MARK: Files that the kernel shows

    /// The last of the facts, which none of a plan's first steps asks for: they are looked up while those are at work.
    /// - Throws: when one could not be looked at: what is left out would be open.
    static func addHiddenPaths(
        to facts: inout StartFacts, of covers: Mount.Covers = .standard
    ) throws(RuntimeError) {
        facts.maskedPaths = try maskedPaths(covers)
        facts.readOnlyPaths = try present(covers.readOnly)
    }

    private static func maskedPaths(_ covers: Mount.Covers) throws(RuntimeError) -> [StartFacts.MaskedPath] {
        try present(covers.maskedFiles).map { StartFacts.MaskedPath(path: $0, isDirectory: false) }
            + present(covers.maskedFolders).map { StartFacts.MaskedPath(path: $0, isDirectory: true) }
    }

    /// Those that this kernel has.
    private static func present(_ paths: [String]) throws(RuntimeError) -> [String] {
        var present: [String] = []
        for path in paths {
            let isThere = try attempt("cannot look at /\(path), which a jail must not see as it is") {
                () throws(Errno) in
                try Files.isThere("/\(path)")
            }
            if isThere { present.append(path) }
        }
        return present
    }

    // MARK: Limits

    /// Limits of the caller that differ from jailrun's own: setrlimit(2). A hard limit cannot be raised without
    /// CAP_SYS_RESOURCE, so each is at most what the caller has.
    static func limits() throws(RuntimeError) -> [StartFacts.ResourceLimit] {
        var limits: [StartFacts.ResourceLimit] = []
        func compare(_ resource: Int, _ name: String, _ soft: UInt64, _ hard: UInt64) throws(RuntimeError) {
            var (softNow, hardNow): (UInt64, UInt64) = (0, 0)
            try attempt("cannot look at \(name)") { () throws(Errno) in
                _ = try unsafe checkedResult(cns_limit(Int32(resource), &softNow, &hardNow))
            }
            let allowed = min(hard, hardNow)
            if hardNow == allowed && softNow == min(soft, allowed) { return }
            limits.append(
                StartFacts.ResourceLimit(resource: resource, name: name, soft: min(soft, allowed), hard: allowed))
        }
        let infinity = UInt64.max
        try compare(0, "RLIMIT_CPU", infinity, infinity)
        try compare(1, "RLIMIT_FSIZE", infinity, infinity)
        try compare(2, "RLIMIT_DATA", infinity, infinity)
        try compare(3, "RLIMIT_STACK", 8 << 20, infinity)
        try compare(4, "RLIMIT_CORE", 1, 1)
        try compare(5, "RLIMIT_RSS", infinity, infinity)
        try compare(6, "RLIMIT_NPROC", infinity, infinity)
        try compare(7, "RLIMIT_NOFILE", 1024, 524_288)
        try compare(8, "RLIMIT_MEMLOCK", 8 << 20, 8 << 20)
        try compare(9, "RLIMIT_AS", infinity, infinity)
        try compare(10, "RLIMIT_LOCKS", infinity, infinity)
        try compare(11, "RLIMIT_SIGPENDING", infinity, infinity)
        try compare(12, "RLIMIT_MSGQUEUE", 819_200, 819_200)
        try compare(13, "RLIMIT_NICE", 0, 0)
        try compare(14, "RLIMIT_RTPRIO", 0, 0)
        try compare(15, "RLIMIT_RTTIME", infinity, infinity)
        return limits
    }

    // MARK: seccomp

    private func filter() throws(RuntimeError) -> SeccompFilter? {
        let filter: SeccompFilter?
        if let shared {
            filter = try shared.filter(jail.privileges) { () throws(RuntimeError) in try lookUpFilter() }
        } else {
            filter = try lookUpFilter()
        }
        if case .profile(let path) = jail.privileges.seccomp.value { try checkExecution(filter, path) }
        return filter
    }

    /// What had to be compiled is kept with the state; the default filter was compiled when jailrun was built. `check` keeps
    /// nothing.
    private func lookUpFilter() throws(RuntimeError) -> SeccompFilter? {
        if let assumed = host.assumed, case .profile(let path) = jail.privileges.seccomp.value {
            return try assumedFilter(assumed, path)
        }
        do {
            let cache = findings == nil && host.assumed == nil ? SeccompCache(directory: "/var/cache/jailrun") : nil
            return try SeccompFilter.filter(for: jail.privileges, cachedIn: cache)
        } catch {
            try object(.noFilter(jail, error))
            return nil
        }
    }
}

extension CommandSpec {
    /// Whether a start runs any on the host.
    fileprivate var hasHostCommands: Bool { !(prepare + prestart + created + poststart).isEmpty }
}
