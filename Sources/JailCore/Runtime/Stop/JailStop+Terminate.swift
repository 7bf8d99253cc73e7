internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// SIGTERM, and the time to end by it.
extension JailStop {
    /// What is asked to end before it is killed: a pidfd of its first process, of which it is certain, and the others. Nil when that
    /// has ended, when nobody is asked, and when it cannot be looked at or signalled: its commands have run, and it is to end.
    func firstProcess(of record: JailRecord) -> FirstProcess? {
        do throws(RuntimeError) { return try watchedFirst(of: record) } catch {
            host.audience.warn("\(record.spec.label): its processes get no SIGTERM: \(error.message)")
            return nil
        }
    }

    private func watchedFirst(of record: JailRecord) throws(RuntimeError) -> FirstProcess? {
        if record.spec.commands.stopTimeoutSeconds.value == 0 || urgency.isForced { return nil }
        // Nobody would hear it.
        if record.isFrozen { return nil }
        // The record cannot be read, and nothing is left in its cgroup.
        if record.pid <= 0 { return nil }
        let number = cns_pidfd_open(record.pid)
        if number < 0 {
            if number != -ESRCH {
                host.audience.warn("\(record.spec.label): its processes get no SIGTERM: \(Errno(-number).description)")
            }
            return nil
        }
        let pidfd = Descriptor(number)
        guard try record.isAlive() else { return nil }
        let processes = try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in try cgroup.processes() }
        return FirstProcess(pidfd: pidfd, others: processes.filter { $0 != record.pid })
    }

    struct FirstProcess: ~Copyable {
        let pidfd: Descriptor
        let others: [Int32]
    }

    /// On a doubt it has: it gets the time that it is given.
    private func hasOthers(_ record: JailRecord) -> Bool {
        do throws(Errno) {
            return try Cgroup(path: record.cgroup).processes().contains { $0 != record.pid }
        } catch { return true }
    }

    /// SIGTERM to every process, then the time that `stop.timeout` gives them, or until a signal says that it is enough.
    func terminate(_ record: JailRecord, _ first: borrowing FirstProcess?) {
        switch first {
        case .none: return
        case .some(let first): terminate(record, first, record.spec.commands.stopTimeoutSeconds.value)
        }
    }

    private func terminate(_ record: JailRecord, _ first: borrowing FirstProcess, _ seconds: Int) {
        if !first.others.isEmpty {
            host.audience.tell?(
                record.spec.label, "sent SIGTERM to: \(first.others.map(String.init).joined(separator: " "))")
        }
        _ = cns_pidfd_signal(first.pidfd.number, SIGTERM)
        host.waits.begin(
            record.spec.label, "its processes to end after SIGTERM, stop.timeout \(seconds) s\(record.freezeNote)")
        defer { host.waits.end() }
        let deadline = Clock.milliseconds() + seconds * 1000
        while Clock.milliseconds() < deadline, hasOthers(record) {
            var watched = [first.pidfd.number, host.signals.descriptor].map {
                pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
            }
            _ = unsafe poll(&watched, 2, 10)
            if watched[0].revents != 0 { return }
            if watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH {
                urgency.isForced = true
                return
            }
            host.waits.tick()
        }
    }
}
