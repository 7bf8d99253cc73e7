internal import Glibc
internal import SystemPackage

extension Configuration {
    /// `check()`, and what this host lacks for the jails: roots, mount points and sources, users, programs, interfaces,
    /// ports, device rulesets, system call profiles. Nothing is changed.
    public func checkOnHost() -> [Diagnostic] {
        var check = HostCheck(readJails(), self)
        check.perform()
        return check.reading.checked
    }

    /// What this host lacks for those jails, and for those that they need: all jails where none is named.
    public func missingOnHost(for names: [String]) -> [Diagnostic] {
        var reading = readJails()
        if !names.isEmpty { do { try reading.select(names) } catch { return error.diagnostics } }
        var check = HostCheck(reading, self)
        check.perform()
        return check.reading.distinctDiagnostics
    }
}

/// Looks at the host as a start would, but goes on after what is missing.
struct HostCheck {
    private(set) var reading: ConfigurationReading
    private let configuration: Configuration
    private var rules: DevfsRules?
    /// The jail that is looked at.
    private var index = 0

    init(_ reading: ConfigurationReading, _ configuration: Configuration) {
        (self.reading, self.configuration) = (reading, configuration)
    }

    mutating func perform() {
        for index in reading.jails.indices {
            self.index = index
            if rules == nil { rules = devfsRules() }
            checkDevices()
            checkHostUser()
            checkHostCommands()
            checkInterfaces()
            checkPorts()
            checkMountSources()
            checkProfile()
            checkConsoleLog()
            checkJournal()
            if let root = openRoot() { checkInside(root) }
        }
    }

    private var spec: JailSpec { reading.jails[index].spec }

    private mutating func say(
        _ severity: Diagnostic.Severity, _ message: String, _ origin: Origin, hint: String? = nil
    ) {
        var place = reading.jails[index].location
        if case .configuration(let location) = origin { place = location }
        reading.jails[index].reader.say(severity, message, at: place, hint: hint, line: line(at: place))
    }

    /// Something without which a start fails, unless the jail's own commands make it first.
    private mutating func missing(_ object: String, _ errno: Errno, _ origin: Origin, hint: String? = nil) {
        let message = "\(Terminal.escaped(object)): \(errno.description)"
        let commands = spec.commands
        guard errno == .noSuchFileOrDirectory, !commands.prepare.isEmpty || !commands.prestart.isEmpty else {
            return say(.error, message, origin, hint: hint)
        }
        let maker = commands.prepare.isEmpty ? "exec.prestart" : "exec.prepare"
        say(.warning, message, origin, hint: "needed unless \(maker) makes it")
    }

    /// Of the configuration, or of a file of `mount.fstab`.
    private func line(at place: SourceLocation) -> Bytes? {
        if let line = configuration.line(at: place) { return line }
        guard let bytes = try? configuration.source.contents(of: place.file, isInclude: true) else { return nil }
        return SourceText(file: place.file, bytes: bytes).line(at: place)
    }

    // MARK: On the host

    private mutating func devfsRules() -> DevfsRules {
        do throws(DevfsRulesError) {
            guard let bytes = try DevfsRules.hostBytes() else { return .standard }
            for case .malformed(let message, let place, let line) in DevfsRules.errors(
                in: bytes, file: DevfsRules.hostPath)
            { reading.jails[index].reader.error(message, at: place, line: Bytes(line.utf8)) }
            return (try? DevfsRules(reading: bytes, file: DevfsRules.hostPath)) ?? .standard
        } catch {
            say(.error, error.description, spec.pseudoFilesystems.devfsRuleset.origin)
            return .standard
        }
    }

    private mutating func checkDevices() {
        guard let rules else { return }
        let reference = spec.pseudoFilesystems.devfsRuleset
        do {
            _ = try DeviceTree(
                applying: try rules.ruleset(reference.value), of: rules, host: [],
                names: .init(uid: { PasswordFile.host.uid($0) }, gid: { PasswordFile.host.gid($0) }))
        } catch { say(.error, error.description, reference.origin) }
    }

    private mutating func checkHostUser() {
        if let user = spec.commands.systemUser { check(user, "exec.system_user", in: .host) }
        if let user = spec.commands.jailUser, spec.commands.isJailUserOfHost.value {
            check(user, "exec.jail_user", in: .host)
        }
    }

    private mutating func check(_ user: Located<String>, _ parameter: String, in file: PasswordFile) {
        if file.user(user.value) != nil { return }
        if let failure = file.failure { return say(.error, "\(parameter): \(failure.message)", user.origin) }
        let near = Spelling(user.value).closest(in: file.names).map { " (did you mean \"\(Terminal.escaped($0))\"?)" }
        say(.error, "\(parameter): \(user.shown): no such user\(near ?? "")", user.origin)
    }

    private mutating func checkHostCommands() {
        let commands = spec.commands
        let lists = [
            ("exec.prepare", commands.prepare), ("exec.prestart", commands.prestart),
            ("exec.created", commands.created), ("exec.poststart", commands.poststart),
            ("exec.prestop", commands.prestop), ("exec.poststop", commands.poststop),
            ("exec.release", commands.release),
        ]
        if lists.allSatisfy(\.1.isEmpty) { return }
        let lookup = CommandLookup(onHost: commands.isClean.value)
        for (parameter, list) in lists {
            for command in list {
                for lack in lookup.lacks(of: JailCommand(command.value)) {
                    say(
                        lack.isCertain ? .error : .warning, "\(parameter): \(lack.message)", command.origin,
                        hint: lack.hint(path: lookup.path))
                }
            }
        }
    }

    private mutating func checkInterfaces() {
        guard spec.network.mode.value == .own else { return }
        for address in spec.network.addresses {
            guard let name = address.interface, name != NetworkPlan.bridge else { continue }
            if name == "lo" {
                let error = NetworkPlanError.loopbackInterface(name, address.origin)
                say(.error, error.description, address.origin, hint: error.hint)
            } else if unsafe if_nametoindex(name) == 0 {
                let errno = Errno.current
                if errno.rawValue != ENODEV && errno.rawValue != ENXIO {
                    say(.error, "\(name): \(errno.description)", address.origin)
                    continue
                }
                let links = ((try? Files.names(in: "/sys/class/net")) ?? []).sorted()
                let near = Spelling(name).closest(in: links).map { " (did you mean \"\($0)\"?)" } ?? ""
                let error = NetworkPlanError.unknownInterface(name, address.origin)
                say(.error, "\(error.description)\(near)", address.origin, hint: error.hint)
            }
        }
    }

    /// Each pair of jails that want one port is told once, at the later one.
    private mutating func checkPorts() {
        let earlier = reading.jails[..<index].map(\.spec)
        for objection in PortReservation().objections(spec, beside: earlier) {
            say(.error, objection.error.description, objection.origin, hint: objection.error.hint)
        }
    }

    private mutating func checkMountSources() {
        for mount in spec.mounts where mount.kind.isBind && !Files.exists(mount.source) {
            missing("mount: \(mount.source)", .current, mount.origin)
        }
    }

    private mutating func checkProfile() {
        guard case .profile(let path) = spec.privileges.seccomp.value else { return }
        let origin = spec.privileges.seccomp.origin
        do throws(SeccompError) {
            _ = try SeccompFilter.filter(for: spec.privileges, cachedIn: nil)
            let unknown = try SeccompProfile(json: SeccompProfile.read(FilePath(path)), name: path).unknownCalls
            if unknown.isEmpty { return }
            let names = unknown.map { name, near in
                "\"\(Terminal.escaped(name))\"" + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
            }
            say(
                .warning, "seccomp: \(path): no system call here: \(names.joined(separator: ", "))", origin,
                hint: "such a rule has no effect")
        } catch { say(.error, "\(error)", origin) }
    }

    private mutating func checkConsoleLog() {
        guard let log = spec.commands.consoleLog, let slash = log.value.lastIndex(of: "/") else { return }
        let directory = slash == log.value.startIndex ? "/" : String(log.value[..<slash])
        if !Files.exists(directory) {
            missing("exec.consolelog: \(directory)", .current, log.origin)
        }
    }

    private mutating func checkJournal() {
        guard let journal = spec.log.journal, !Files.exists(JournalWriter.socketPath) else { return }
        say(
            .warning, "log.journal: this host has no journal: \(JournalWriter.socketPath) is not there", journal.origin,
            hint: "the lines are in the log alone, jailrun logs")
    }

    // MARK: In the jail's root

    private mutating func openRoot() -> Descriptor? {
        let path = spec.path
        do { return try Files.open(path.value, Int32(OpenFlags([.path, .directory]).rawValue)) } catch {
            let hint = error == .noSuchFileOrDirectory ? "make the root file system first" : nil
            missing("path: \(path.value)", error, path.origin, hint: hint)
            return nil
        }
    }

    private mutating func checkInside(_ root: borrowing Descriptor) {
        checkMountPoints(root.number)
        checkPseudoFilesystems(root.number)
        checkNameFiles(root.number)
        if let user = spec.commands.jailUser, !spec.commands.isJailUserOfHost.value {
            check(user, "exec.jail_user", in: PasswordFile(root: root.number))
        }
        checkCommands()
    }

    private static func lack(_ path: String, root: Int32, followingLinks: Bool) -> Errno? {
        let flags = Int32(OpenFlags.path.rawValue)
        do throws(Errno) {
            _ = try RootPath.open(path, root: root, flags: flags, followingLinks: followingLinks)
            return nil
        } catch { return error }
    }

    /// What an earlier mount covers cannot be seen yet.
    private mutating func checkMountPoints(_ root: Int32) {
        var covered = pseudoFilesystems(root)
        for mount in spec.mounts {
            let target = mount.relativeTarget
            if !covered.contains(where: { $0.isEmpty || target.hasPrefix("\($0)/") }),
                let errno = Self.lack(target.isEmpty ? "." : target, root: root, followingLinks: false)
            {
                missing(
                    "mount: \(mount.target)", errno, mount.origin,
                    hint: errno == .tooManySymbolicLinkLevels
                        ? "a mount point must not be reached through a symbolic link"
                        : Step.hint(forMissing: "/\(target)", of: mount.kind.isBind ? mount.source : nil))
            }
            covered.append(target)
        }
    }

    /// The directories that jailrun mounts something on, below which the root shows nothing.
    private func pseudoFilesystems(_ root: Int32) -> [String] {
        let pseudo = spec.pseudoFilesystems
        return [("dev", pseudo.devfs), ("proc", pseudo.procfs), ("sys", pseudo.sysfs)].filter { directory, presence in
            presence.value == .always
                || presence.value == .ifPresent && Self.lack(directory, root: root, followingLinks: false) == nil
        }.map(\.0)
    }

    private mutating func checkPseudoFilesystems(_ root: Int32) {
        let pseudo = spec.pseudoFilesystems
        for (parameter, presence, directory) in [
            ("mount.devfs", pseudo.devfs, "dev"), ("mount.procfs", pseudo.procfs, "proc"),
            ("mount.sysfs", pseudo.sysfs, "sys"),
        ] where presence.value == .always {
            guard let errno = Self.lack(directory, root: root, followingLinks: false) else { continue }
            let path = "\(spec.path.value == "/" ? "" : spec.path.value)/\(directory)"
            missing("\(parameter): \(path)", errno, presence.origin, hint: "mkdir \(Terminal.escaped(path))")
        }
    }

    /// Those that only a mount or `root.ephemeral` would bring.
    private mutating func checkNameFiles(_ root: Int32) {
        guard let names = spec.names, !spec.root.isEphemeral.value else { return }
        for path in NameSpec.needed where !spec.mounts.contains(where: { $0.covers(path) || $0.relativeTarget.isEmpty })
        {
            guard let errno = Self.lack(path, root: root, followingLinks: false), errno != .tooManySymbolicLinkLevels
            else { continue }
            let hasFolder = Self.lack("etc", root: root, followingLinks: false) == nil
            missing(
                "mount.resolvconf: in the jail's root, /\(path)", errno, names.origin,
                hint: spec.hint(forMissing: path, hasFolder: hasFolder))
        }
    }

    /// A program that a mount or an earlier command may bring need not be there yet.
    private mutating func checkCommands() {
        let lookup = CommandLookup(rootOf: spec)
        for (index, command) in spec.insideCommands.enumerated() {
            let bringer = bringer(isFirst: index == 0).map { "needed unless \($0)" }
            for lack in lookup.lacks(of: command.line) {
                say(
                    lack.isCertain && bringer == nil ? .error : .warning,
                    "\(command.parameter): in the jail's root, \(lack.message)", command.origin,
                    hint: (lack.isCertain ? bringer : nil) ?? lack.hint(path: lookup.path))
            }
        }
    }

    /// What may still make a program before its command is run.
    private func bringer(isFirst: Bool) -> String? {
        let commands = spec.commands
        let lists = [
            ("exec.prepare", commands.prepare), ("exec.prestart", commands.prestart),
            ("exec.created", commands.created),
        ]
        if let maker = lists.first(where: { !$0.1.isEmpty }) { return "\(maker.0) makes it" }
        if !spec.mounts.isEmpty { return "a mount brings it" }
        return isFirst ? nil : "an earlier command makes it"
    }
}

extension ConfigurationReading.Jail {
    fileprivate var location: SourceLocation { reader.jail.location }
}
