extension ServiceRegistry {
    /// Records of jails that are down and that nobody looks after: their start was broken off, or they died with their supervisor.
    /// A jail that ended while nobody looked after it has a record that says so, from now on.
    /// - Parameter all: those too that another supervisor would start again, and those of jails that ended.
    /// - Returns: their names.
    @discardableResult
    func removeAbandoned(all: Bool = false) throws(RuntimeError) -> [String] {
        if try left(all: all).isEmpty { return [] }
        return try alone { () throws(RuntimeError) in
            let left = try left(all: all)
            for record in left.endedUnseen { writeEnd(of: record) }
            for record in left.abandoned { removeRecord(record.name) }
            return left.abandoned.map(\.name)
        }
    }

    /// Records of jails that nobody looks after.
    private struct Left {
        var abandoned: [ServiceRecord] = []
        /// Of jails whose end is to be written.
        var endedUnseen: [ServiceRecord] = []
        var isEmpty: Bool { abandoned.isEmpty && endedUnseen.isEmpty }
    }

    /// In one pass: every listing makes it.
    private func left(all: Bool) throws(RuntimeError) -> Left {
        var left = Left()
        for record in try records() {
            if record.isEnded {
                // Its supervisor has no more to do with it.
                if all { left.abandoned.append(record) }
                continue
            }
            if try record.isSupervisorAlive() { continue }
            let isAlive = try state.trace(of: record.name)?.isAlive() ?? false
            if !all && !isAlive && wasUpForGood(record) {
                left.endedUnseen.append(record)
            } else if try isAbandoned(record, isAlive: isAlive, all: all) {
                left.abandoned.append(record)
            }
        }
        return left
    }

    private func isAbandoned(_ record: ServiceRecord, isAlive: Bool, all: Bool) throws(RuntimeError) -> Bool {
        // Whether it is to be started again is not known, nor, of an older jailrun's, who looked after it.
        if record.unreadable != nil {
            if !all || isAlive { return false }
            if try keeper(of: record.name) != nil { return true }
            return try !SupervisorCgroup.isAnyThere(below: state.cgroupRoot)
        }
        let isWanted = !record.isTransient && record.life.isEstablished && record.spec.restart.policy != .no
        return !isAlive && (all || !isWanted) || record.isTransient
    }

    /// Records that cannot be read, of jails that are down: a supervisor may be about to start it again, and writes its record anew
    /// then.
    func doubtful() throws(RuntimeError) -> [ServiceRecord] {
        var doubtful: [ServiceRecord] = []
        for record in try records() where record.unreadable != nil {
            if try !state.hasTrace(of: record.name) { doubtful.append(record) }
        }
        return doubtful
    }

    /// It was up when its supervisor was killed, and is not started again: when it is down it has ended. A stop would have taken the
    /// record away.
    private func wasUpForGood(_ record: ServiceRecord) -> Bool {
        if record.awaitsRestart == true { return true }
        if record.isTransient || record.remembersEnd != true { return false }
        let wasUp = [.up, .healthy, .unhealthy].contains(record.state)
        return wasUp && record.life.isEstablished && record.spec.restart.policy == .no
    }

    private func writeEnd(of record: ServiceRecord) {
        var ended = record
        if record.awaitsRestart == true {
            ended = record.downAfterRestart()
        } else {
            ended.life.ended(isFailure: true, Clock.milliseconds())
            (ended.detail, ended.exitStatus) = (ServiceRecord.unseenEnd, nil)
        }
        // Where it cannot be written it is abandoned, and says nothing.
        do { try write(ended) } catch { removeRecord(record.name) }
    }
}
