import Glibc
import JailCore

/// jail -c, -m, -r and their combinations, on jails of the file or on the one of the command line.
struct JailOperation {
    private let request: JailRequest
    private let host: Host
    private let output: LinkOutput
    private let configuration: Configuration

    private var isConfigured: Bool { request.form != .parameters }

    /// - Throws: what is wrong with the file as a whole.
    init(request: JailRequest, host: Host, output: LinkOutput) throws(ConfigurationFailure) {
        self.request = request
        self.host = host
        self.output = output
        configuration =
            request.form == .parameters ? Configuration(request.words) : try Configuration(path: request.file)
    }

    /// What is to be done with one jail.
    private enum Step { case create, modify, restart, leave }

    private struct Work {
        var created: [CheckedJail] = []
        var restarted: [JailRecord] = []
        /// Names of those that are wrong, or not as they were asked for.
        var failed: [String] = []
    }

    /// - Returns: the exit status.
    func run() throws -> Int32 {
        let running = try JailLookup(host: host).running(isRepaired: !request.isDryRun)
        let jails = try checkedJails()
        if !request.isDyingMentioned, jails.contains(where: { $0.parameters.parameter("allow.dying") != nil }) {
            output.warnOfDying()
        }
        var work = Work()
        for jail in inOrder(jails) { try take(jail, running, into: &work) }
        if try remove(work) != 0 { return 1 }
        let status: Int32 = work.failed.isEmpty ? 0 : 1
        let created = jails.filter { jail in work.created.contains { $0.spec.name == jail.spec.name } }
        if created.isEmpty { return status }
        // As one that is up is left alone, so is one that another command has begun to start.
        let yields = Set(created.filter { !isNamed($0) }.map(\.spec.name.value))
        let creation = JailCreation(request: request, host: host, output: output, yields: yields)
        return max(status, try creation.run(created))
    }

    private func take(_ jail: CheckedJail, _ running: [JailRecord], into work: inout Work) throws(RuntimeError) {
        let errors = errors(of: jail, running)
        // Of two blocks of one name each has the other's error.
        if !work.failed.contains(jail.spec.name.value) { output.errors(errors) }
        let isSkipped = isSkipped(jail, work.failed)
        if errors.isEmpty && isSkipped && !request.isQuiet { output.error("\(jail.spec.label): skipped") }
        switch try errors.isEmpty && !isSkipped ? step(for: jail, running) : nil {
        case .create: work.created.append(jail)
        case .modify: if modify(jail, running) != 0 { work.failed.append(jail.spec.name.value) }
        case .restart:
            if let record = runningJail(jail, running) { work.restarted.append(record) }
            work.created.append(jail)
        case .leave: break
        case nil: work.failed.append(jail.spec.name.value)
        }
    }

    private func remove(_ work: Work) throws -> Int32 {
        if work.restarted.isEmpty { return 0 }
        let removals = JailRemovals(request: request, host: host, output: output)
        return try removals.remove(work.restarted.map(\.name), isConfigured ? work.created : [], isTold: false)
    }

    // MARK: Which jails

    private func checkedJails() throws(ConfigurationFailure) -> [CheckedJail] {
        if case .configured(let name) = request.form {
            return try configuration.checkedJails(of: name.map { [$0] } ?? [])
        }
        var jails = try configuration.checkedJails()
        if let command = request.words.command {
            jails[0].spec.commands.command = []
            jails[0].spec.commands.commandVector = Located(command, .commandLine)
        }
        return jails
    }

    /// A jail that runs already has what keeps it alive; and jail_set(2) is not asked for one whose parameters are wrong.
    private func errors(of jail: CheckedJail, _ running: [JailRecord]) -> [Diagnostic] {
        let errors = jail.errors.filter { $0.code != .lifeless }
        let record = runningJail(jail, running)
        let isModified = request.modifies && (!request.creates || record != nil)
        if errors.isEmpty { return isModified ? [] : jail.errors }
        guard isModified, !isConfigured, let record else { return errors }
        return errors.filter { remains($0, of: record, jail) }
    }

    /// A port alone has no address to lead to; with the parameters that the jail has it may.
    private func remains(_ error: Diagnostic, of record: JailRecord, _ jail: CheckedJail) -> Bool {
        do throws(ConfigurationFailure) {
            _ = try JailChange(of: record.spec, by: jail.parameters, in: configuration)
            return false
        } catch let whole { return whole.diagnostics.contains { $0.message == error.message } }
    }

    /// Each jail after those that it depends on; those of a circle, which have errors, last.
    private func inOrder(_ jails: [CheckedJail]) -> [CheckedJail] {
        let waves = DependencyGraph(jails.map(\.spec)).waves(of: jails.map(\.spec.name.value)).flatMap { $0 }
        return jails.sorted { left, right in
            let places = [left, right].map { waves.firstIndex(of: $0.spec.name.value) ?? Int.max }
            return places[0] < places[1]
        }
    }

    /// Something that it depends on has failed.
    private func isSkipped(_ jail: CheckedJail, _ failed: [String]) -> Bool {
        let needed = jail.spec.depend.map(\.value) + (jail.spec.parent.map { [$0.value] } ?? [])
        return needed.contains { failed.contains($0) }
    }

    private func runningJail(_ jail: CheckedJail, _ running: [JailRecord]) -> JailRecord? {
        if let jid = jail.spec.jid { return running.first { $0.identity.jid == jid.value } }
        return running.first { $0.name == jail.spec.name.value }
    }

    /// Whether it was asked for by its own name, and not as one of all, or of those that another one needs.
    private func isNamed(_ jail: CheckedJail) -> Bool {
        switch request.form {
        case .configured(let name): jail.spec.label == name || jail.spec.name.value == name
        case .parameters, .show, .removal: true
        }
    }

    /// It was asked for, by name or by wildcard; the others are those that it depends on.
    private func isWanted(_ jail: CheckedJail) -> Bool {
        guard case .configured(let name?) = request.form, let pattern = JailWildcard(Array(name.utf8)) else {
            return isNamed(jail) || request.form == .configured(nil)
        }
        return pattern.matches(jail.parameters.label)
    }

    private func quoted(_ jail: CheckedJail) -> String {
        if isConfigured { return jail.spec.label }
        return jail.spec.jid.map { String($0.value) } ?? jail.spec.name.value
    }

    // MARK: What to do

    private func step(for jail: CheckedJail, _ running: [JailRecord]) throws(RuntimeError) -> Step? {
        let record = runningJail(jail, running)
        if !isWanted(jail) { return record == nil && request.creates ? .create : .leave }
        switch (request.creates, request.modifies, request.removes) {
        case (true, false, false): return creation(of: jail, record)
        case (true, false, true):
            return record != nil ? .restart : isNamed(jail) ? missing(jail) : .create
        case (true, true, let restarts):
            guard let record else { return .create }
            if restarts, try isFixed(jail, record, running) { return .restart }
            return .modify
        case (false, true, let restarts):
            guard let record else { return missing(jail) }
            if restarts, try isFixed(jail, record, running) { return .restart }
            return .modify
        default: return nil
        }
    }

    /// Starting all leaves alone what runs; to name a jail that runs is an error.
    private func creation(of jail: CheckedJail, _ record: JailRecord?) -> Step? {
        if record == nil { return .create }
        if !isNamed(jail) { return .leave }
        output.error("\"\(Terminal.escaped(quoted(jail)))\" already exists")
        return nil
    }

    private func missing(_ jail: CheckedJail) -> Step? {
        let name = quoted(jail)
        output.error(name.isEmpty ? "no jail specified" : "\"\(Terminal.escaped(name))\" not found")
        return nil
    }

    // MARK: -m

    private func isFixed(_ jail: CheckedJail, _ record: JailRecord, _ running: [JailRecord])
        throws(RuntimeError) -> Bool
    {
        let change: JailChange
        // What is wrong with the parameters is told by the change itself.
        do { change = try JailChange(of: record.spec, by: jail.parameters, in: configuration) } catch { return false }
        return try JailModification.fixedParameter(of: record, in: change, among: running) != nil
    }

    private func modify(_ jail: CheckedJail, _ running: [JailRecord]) -> Int32 {
        guard let record = runningJail(jail, running) else { return 1 }
        let modification = JailModification(of: record.name, host: host)
        let makeChange = { (spec: ConfiguredJail) throws(ConfigurationFailure) in
            try JailChange(of: spec, by: jail.parameters, in: configuration)
        }
        let label = isConfigured ? jail.spec.label : nil
        do throws(JailModification.Failure) {
            if request.isDryRun {
                output.steps(try modification.dryRun(makeChange), of: label)
                return 0
            }
            for name in try modification.run(makeChange) {
                output.error("\(label.map { "\($0): " } ?? "")\(name) has no effect before the jail is started again")
            }
            if output.isVerbose {
                let words = jail.spec.kernelWords(isUpdate: true)
                output.note("jail_set(JAIL_UPDATE) jid=\(record.identity.jid)\(words)", of: label)
            }
            output.note("updated", of: label)
            return 0
        } catch { report(error, of: jail) }
        return 1
    }

    private func report(_ failure: JailModification.Failure, of jail: CheckedJail) {
        switch failure {
        case .parameters(let failure): output.errors(failure.jailDiagnostics)
        case .runtime(let error): output.error(error.jailMessage(isNamed: isConfigured))
        case .fixed(let name):
            let text = "\(name) cannot be changed after creation"
            output.error(isConfigured ? "\(jail.spec.label): \(text)" : text)
        }
    }
}
