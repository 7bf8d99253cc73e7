internal import Glibc
internal import SystemPackage

/// A configuration that was checked.
package struct CheckedConfiguration: Sendable {
    package var diagnostics: [Diagnostic]
    /// None when the file itself has errors, whatever the host is like.
    package var jails: [ConfiguredJail]

    package init(diagnostics: [Diagnostic], jails: [ConfiguredJail]) {
        (self.diagnostics, self.jails) = (diagnostics, jails)
    }
}

extension Configuration {
    /// `check()`, and what this host lacks for the jails: roots, mount points and sources, users, programs, addresses,
    /// ports, controllers, device rulesets, system call profiles. Nothing is changed.
    package func checkedOnHost(_ stateDirectory: String? = nil, _ cgroupRoot: String? = nil) -> CheckedConfiguration {
        if let lackOfJails { return CheckedConfiguration(diagnostics: [lackOfJails], jails: []) }
        var reading = readJails()
        reading.requireRoots()
        let isSound = !reading.diagnostics.contains { $0.severity == .error }
        let jails = isSound ? reading.jails.map(\.spec) : []
        do throws(RuntimeError) {
            let host = try Host.forLooks(stateDirectory: stateDirectory, cgroupRoot: cgroupRoot)
            var check = HostCheck(reading, self, host)
            check.perform()
            return CheckedConfiguration(diagnostics: check.reading.checked, jails: jails)
        } catch {
            let lack = Diagnostic(error.message, at: nil, hint: error.hint)
            return CheckedConfiguration(diagnostics: reading.checked + [lack], jails: jails)
        }
    }

    /// What this host lacks for those jails, which are up, and for those that they need: all jails where none is named.
    /// - Parameter instance: by whose names they are up.
    package func missingOnHost(for names: [String], of instance: String?, host: Host) -> [Diagnostic] {
        var reading = readJails()
        if !names.isEmpty { do { try reading.select(names) } catch { return error.diagnostics } }
        if let instance = instance.flatMap({ Instance($0) }) {
            for index in reading.jails.indices {
                reading.jails[index].spec.name.value = instance.name(of: reading.jails[index].spec.name.value)
            }
        }
        var check = HostCheck(reading, self, host)
        check.isRestart = true
        check.perform()
        return check.reading.distinctDiagnostics
    }
}

/// Says all that a start of the jails would object to (`HostRequirements`), and what their steps, which are not performed, would
/// fail at.
struct HostCheck {
    private(set) var reading: ConfigurationReading
    private let configuration: Configuration
    let host: Host
    /// Jails are up: what their commands make has been made.
    var isRestart = false
    /// The jail that is looked at.
    private var index = 0
    /// What starts of the jails would begin with; none where that cannot be told.
    private var prepared: [FilePlan.Prepared] = []
    let idmaps = IdmapTrial()
    private let makers: HookMakers

    init(_ reading: ConfigurationReading, _ configuration: Configuration, _ host: Host) {
        (self.reading, self.configuration, self.host) = (reading, configuration, host)
        makers = HookMakers(reading.jails.map(\.spec))
    }

    mutating func perform() {
        checkRequirements()
        sayRules()
        sayUnavailableDefaults()
        for index in reading.jails.indices {
            self.index = index
            checkParent()
            checkDevices()
            checkIdmaps()
            checkHostCommands()
            checkProfile()
            checkSettings()
            checkQueue()
            checkReach()
            checkJournal()
            checkCommands()
        }
    }

    var spec: ConfiguredJail { reading.jails[index].spec }
    var preparedStart: FilePlan.Prepared? {
        prepared.indices.contains(index) && prepared[index].spec.label == spec.label ? prepared[index] : nil
    }

    mutating func say(
        _ severity: Diagnostic.Severity, _ message: String, _ origin: Origin?, hint: String? = nil
    ) {
        var place = reading.jails[index].location
        if case .configuration(let location)? = origin { place = location }
        reading.jails[index].reader.say(severity, message, at: place, hint: hint, line: line(at: place))
    }

    /// Of all jails.
    mutating func note(_ message: String) { reading.jails[0].reader.note(message) }

    /// Something without which a start fails, unless commands of the host make it first.
    /// - Parameter isBeforeOwn: it is needed before those of the jail itself run.
    mutating func missing(_ message: String, _ origin: Origin?, hint: String? = nil, isBeforeOwn: Bool = false) {
        // What others need that are up has been made.
        let others = isRestart ? [] : makers.ofOthers(before: spec)
        guard let maker = maker(of: isBeforeOwn ? others : HookMakers.own(spec) + others) else {
            return say(.error, message, origin, hint: hint)
        }
        say(.warning, message, origin, hint: "needed unless \(maker) makes it")
    }

    typealias Maker = HookMakers.Maker

    /// What may still make something that is missing: one of these commands that has not been run.
    /// - Parameter isMade: a jail that is up has it, so one that has been run may have made it.
    func maker(of lists: [Maker], isMade: Bool = false) -> String? {
        let commands = isMade ? nil : presentCommands
        let run = commands.map { ($0.prepare + $0.prestart + $0.created + $0.start + $0.command).map(\.value) } ?? []
        return lists.first { list in list.commands.contains { !run.contains($0.value) } }?.parameter
    }

    /// The jail as it is up, which is to be started again.
    private func present() throws(RuntimeError) -> JailRecord? {
        guard isRestart, let record = try host.state.record(of: spec.name.value) else { return nil }
        if record.unreadable != nil { throw record.unreadableError() }
        return record
    }

    /// On a doubt all commands have been run, and nothing is there that is not seen: what is missing is an error.
    private var presentCommands: CommandSpec? {
        do throws(RuntimeError) { return try present()?.spec.commands } catch { return spec.commands }
    }

    var presentRoot: CommandLookup? {
        do throws(RuntimeError) { return try present().map { CommandLookup(inside: $0) } } catch { return nil }
    }

    /// Of the configuration, or of another file that decides.
    private func line(at place: SourceLocation) -> Bytes? {
        if let line = configuration.line(at: place) { return line }
        guard let bytes = try? configuration.source.contents(of: place.file, isInclude: true) else { return nil }
        return SourceText(file: place.file, bytes: bytes).line(at: place)
    }

    // MARK: What a start objects to

    /// In a start's own words.
    mutating func say(_ error: RuntimeError, isAbsent: Bool = false) {
        let findings = Findings()
        findings.add(error, isMade: isAbsent ? .byHooks : .never)
        say(findings)
    }

    /// Each at the jail that it is of.
    mutating func say(_ findings: Findings) {
        if findings.all.isEmpty && findings.doubts.isEmpty && findings.warnings.isEmpty { return }
        var places: [String: Int] = [:]
        for index in reading.jails.indices { places[reading.jails[index].spec.label] = index }
        for finding in findings.all {
            let error = finding.error
            let (origin, text) = error.finding
            index = error.jail.flatMap { places[$0] } ?? index
            switch finding.isMade {
            case .never: say(.error, text, origin, hint: error.hint)
            case .byHooks: missing(text, origin, hint: error.hint)
            case .byHooksOfOthers: missing(text, origin, hint: error.hint, isBeforeOwn: true)
            }
        }
        for warning in findings.warnings {
            index = warning.jail.flatMap { places[$0] } ?? index
            say(.warning, warning.finding.text, warning.finding.origin, hint: warning.hint)
        }
        for jail in reading.jails.map(\.spec.label) {
            index = places[jail] ?? index
            let own = findings.doubts.filter { $0.jail == jail }
            for warning in FirewallWarning.all(own.map { ($0.jail, $0.obstacle) }) {
                say(.warning, warning.message, warning.origin, hint: warning.hint)
            }
        }
    }

    private mutating func checkRequirements() {
        let findings = Findings()
        let requirements = HostRequirements(
            jails: reading.jails.map(\.spec), host: host, findings: findings, shared: SharedLooks())
        do throws(RuntimeError) { prepared = try requirements.preview(terminals: []) } catch { findings.add(error) }
        say(findings)
    }

    /// Each line of devfs.rules(5) that is none, of which a start tells the first.
    private mutating func sayRules() {
        guard reading.jails.contains(where: \.spec.pseudoFilesystems.mayHaveDevices),
            let bytes = try? DevfsRules.hostBytes()
        else { return }
        for case .malformed(let message, let place, let line) in DevfsRules.errors(in: bytes, file: DevfsRules.hostPath)
        {
            reading.jails[0].reader.error(message, at: place, line: Bytes(line.utf8))
        }
    }

    /// A set of the jail that hides nothing, though it looks as if it did.
    private mutating func checkDevices() {
        let devices = spec.pseudoFilesystems
        // What is wrong with the rules is told where a start objects to it.
        guard devices.devfs.value != .never, let rules = try? DevfsRules.ofHost(),
            let ruleset = try? rules.ruleset(devices.devfsRuleset.value),
            let include = rules.shallowInclude(in: ruleset), let number = include.includes
        else { return }
        say(
            .warning,
            "devfs_ruleset \(devices.devfsRuleset.value) shows every device of the host: devfs(8) does not follow the "
                + "includes in set \(number)", .configuration(include.location),
            hint: "before it: add include $devfsrules_hide_all, $devfsrules_unhide_basic and $devfsrules_unhide_login")
    }

    /// That of a nested jail comes up with it, if it is in the file.
    private mutating func checkParent() {
        let findings = Findings()
        do throws(RuntimeError) {
            let nesting = JailNesting(of: spec.name.value, host: host)
            if spec.parent == nil { try nesting.checkParent(spec) }
            // A restart takes down what is in the way.
            if nesting.isLimited, !isRestart || spec.parent == nil {
                try nesting.checkLimits(spec, after: reading.jails[..<index].map(\.spec))
            }
        } catch { findings.add(error) }
        say(findings)
    }

    // MARK: What steps fail at

    /// Names that are no system call here.
    private mutating func checkProfile() {
        guard case .profile(let path) = spec.privileges.seccomp.value else { return }
        let origin = spec.privileges.seccomp.origin
        do throws(SeccompError) {
            let unknown = try SeccompProfile(json: SeccompProfile.read(FilePath(path)), name: path).unknownCalls
            if unknown.isEmpty { return }
            let names = unknown.map { name, near in
                "\"\(Terminal.escaped(name))\"" + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
            }
            say(
                .warning, "seccomp: \(path): not system calls here: \(names.joined(separator: ", "))", origin,
                hint: "such a rule has no effect")
        } catch {}  // told: no filter can be made of it
    }

    /// By users of the host, to what root inside writes.
    private mutating func checkReach() {
        for folder in ReachableFolder.all(of: spec, on: host) {
            say(.warning, [folder].words, folder.origin, hint: folder.mend)
        }
    }

    private mutating func checkJournal() {
        guard let journal = spec.log.journal, unsafe access(JournalWriter.socketPath, F_OK) != 0 else { return }
        say(
            .warning, "log.journal: this host has no journal: \(JournalWriter.socketPath) does not exist",
            journal.origin, hint: "the lines are only in the log: jailrun logs")
    }
}

extension ConfigurationReading.Jail {
    fileprivate var location: SourceLocation { reader.jail.location }
}
