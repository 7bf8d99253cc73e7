internal import Glibc
internal import SystemPackage

/// Performs the plan of a change: all of it, or none.
struct ChangePerformer: ~Copyable {
    private let plan: ChangePlan
    private let record: JailRecord
    private let host: Host
    /// The plan's steps, and behind them what takes them back.
    private let steps: HostSteps
    /// Where in `steps` that of each step is.
    private let undo: [Range<Int>]

    init(_ plan: ChangePlan, of record: JailRecord, host: Host, network: NetworkStart?) {
        var all = plan.allSteps
        var undo: [Range<Int>] = []
        for step in plan.steps {
            let start = all.count
            all += step.undo.map { operation in
                Step(
                    operation: operation, side: step.side, purpose: step.purpose, origin: step.origin, words: step.words
                )
            }
            undo.append(start..<all.count)
        }
        self.plan = plan
        self.record = record
        self.host = host
        self.undo = undo
        steps = HostSteps(steps: all, jail: record.spec, host: host, network: network)
    }

    /// - Parameters:
    ///   - commit: writes the record.
    ///   - whenTakenBack: called after a failure, unless something of the change is left.
    /// - Throws: why a step failed, or the record could not be written, when the steps before that are taken back.
    func perform(
        _ commit: () throws(RuntimeError) -> Void, whenTakenBack: () throws(RuntimeError) -> Void
    ) throws(RuntimeError) {
        var done = 0
        do throws(RuntimeError) {
            while done < plan.steps.count {
                try perform(done)
                done += 1
            }
            try commit()
        } catch {
            if takeBack(done) { tellFailure(of: whenTakenBack) }
            throw error
        }
        for index in plan.steps.count..<plan.allSteps.count { try perform(index) }
    }

    private func tellFailure(of body: () throws(RuntimeError) -> Void) {
        do throws(RuntimeError) { try body() } catch { host.audience.warn(error.message) }
    }

    /// What cannot be undone is reported, and does not prevent the rest.
    /// - Returns: whether nothing is left.
    private func takeBack(_ count: Int) -> Bool {
        var isWhole = true
        for range in undo[..<count].reversed() {
            for index in range {
                if steps.steps[index].operation.movesCaller {
                    LostProcess.comeBack(record.spec.label) { objection(to: index) }
                } else if let objection = objection(to: index) {
                    host.audience.warn("\(record.spec.label): cannot take the change back: \(objection)")
                    isWhole = false
                }
            }
        }
        return isWhole
    }

    /// Performs a step.
    /// - Returns: why it cannot be performed.
    private func objection(to index: Int) -> String? {
        do throws(RuntimeError) { try perform(index) } catch { return error.message }
        return nil
    }

    private func perform(_ index: Int) throws(RuntimeError) {
        let step = steps.steps[index]
        let began = Clock.microseconds()
        do throws(RuntimeError) { try steps.perform(index, child: record.pid) } catch {
            throw Self.limit(error) ?? error
        }
        host.audience.observe?(step, Clock.microseconds() - began)
    }

    /// A limit is reported by its parameter.
    private static func limit(_ error: RuntimeError) -> RuntimeError? {
        guard case .step(let jail, let step, let errno, _) = error,
            case .cgroupValue(let file, let value) = step.purpose
        else { return nil }
        let reason =
            errno == .invalidArgument
            ? "the kernel does not accept \(Terminal.escaped(value))"
            : errno == .noSuchFileOrDirectory ? "cgroups of this host have no such file" : errno.description
        return .unsuitable(jail: jail, origin: step.origin, "cgroup.\(file): \(reason)", hint: nil)
    }
}
