internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Finds detached jails whose supervisor was killed, and starts another for those of each file.
struct Adoption {
    let host: Host
    /// It takes moments, unless the machine hangs.
    private static let readyMilliseconds: Int32 = 30_000

    /// Returns when the orphans have a supervisor: what is said of them afterwards is true.
    /// - Throws: when it could not be looked for them.
    func run() throws(RuntimeError) {
        var orphans: [ServiceRecord] = []
        for record in try registry.records() where try isOrphan(record) { orphans.append(record) }
        var files: [String] = []
        for orphan in orphans where !files.contains(orphan.configuration) { files.append(orphan.configuration) }
        for file in files { try adopt(orphans.filter { $0.configuration == file }) }
    }

    private var registry: ServiceRegistry { ServiceRegistry(state: host.state) }

    /// One of which it is not known how it is to be kept is left alone.
    private func isOrphan(_ record: ServiceRecord) throws(RuntimeError) -> Bool {
        if record.isTransient || record.state.isOver || record.unreadable != nil { return false }
        // Of a restart that was killed: it is down, whatever its policy.
        if record.awaitsRestart == true { return false }
        if try record.isSupervisorAlive() { return false }
        let isWanted = record.life.isEstablished && record.spec.restart.policy != .no
        return isWanted ? true : try host.state.trace(of: record.name)?.isAlive() == true
    }

    private func adopt(_ orphans: [ServiceRecord]) throws(RuntimeError) {
        let ready = try OutputPipe()
        let pid = cns_fork(nil)
        if pid == 0 {
            close(ready.reading)
            setsid()
            RunMark.leave()
            RestartLocks.letGo()
            _ = unsafe chdir("/")
            let services = orphans.compactMap { take($0.name) }
            for number: Int32 in 0...2 { redirect(number, to: CNS_CONTROL_DESCRIPTOR.int32) }
            close(ready.writing)
            if !services.isEmpty { supervisor(of: services, configuration: orphans[0].configuration).run() }
            _exit(0)
        }
        close(ready.writing)
        // Its end: nothing is ever written.
        var watched = pollfd(fd: ready.reading, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&watched, 1, Self.readyMilliseconds)
        close(ready.reading)
    }

    private func supervisor(of services: [Service], configuration: String) -> Supervisor {
        let options = Supervisor.Options(
            isTransient: false, configuration: configuration, logDirectory: nil, showsOutput: false,
            isOutputForeign: false, isStrict: true, showsNames: false)
        return Supervisor(services, host: host, options: options, front: -1, report: { _ in }, announce: { _ in })
    }

    /// Under the name's lock, and looked at again: of two that come at once one adopts. Who holds the lock is at work on the jail,
    /// and what becomes of it is not known yet.
    private func take(_ name: String) -> Service? {
        // What could not be looked at stays as it is: the next command adopts it.
        do throws(RuntimeError) { return try takeOrphan(name) } catch {
            host.audience.warn("nobody looks after \(Terminal.escaped(name)): \(error.message)")
            return nil
        }
    }

    private func takeOrphan(_ name: String) throws(RuntimeError) -> Service? {
        guard let lock = try JailLock(tryLocking: host.state.lockPath(name)) else { return nil }
        let service = try takeLocked(name)
        lock.release(of: name, in: host.state)
        return service
    }

    private func takeLocked(_ name: String) throws(RuntimeError) -> Service? {
        guard var record = try registry.record(of: name), try isOrphan(record) else { return nil }
        let jail = try host.state.record(of: name)
        if jail?.unreadable != nil { return nil }
        let pidfd = try jail.flatMap { (jail) throws(RuntimeError) in try watch(jail) } ?? -1
        // One that ended meanwhile and is not to be started again: how it ended is told by whoever repairs.
        if pidfd < 0, try !isOrphan(record) { return nil }
        let service = Service(record.spec, life: record.life)
        service.life.adopted(isAlive: pidfd >= 0, Clock.milliseconds())
        service.isAnnounced = true
        service.detail = record.detail
        (service.remembersEnd, service.startedSeconds) = (record.remembersEnd == true, record.startedSeconds)
        (service.memoryKills, service.lastMemoryKill) = (record.memoryKills, record.lastMemoryKill)
        record.supervisor = getpid()
        record.supervisorStartTime = try ProcessTable.ownStartTime()
        record.life = service.life
        try registry.adopt(record)
        if let place = record.log {
            service.log = ConsoleLogWriter(
                place, LogFile(place.path, walk: HostWalk(jails: [record.spec], state: host.state)),
                maximumBytes: record.spec.log.maximumBytes, kept: record.spec.log.kept)
            service.log?.open()
        }
        if pidfd >= 0, let jail { hold(service, jail, pidfd) }
        return service
    }

    /// A pidfd of its pid 1; nil when that has ended.
    /// - Throws: when it cannot be watched: nobody would see its end.
    private func watch(_ jail: JailRecord) throws(RuntimeError) -> Int32? {
        guard try jail.isAlive() else { return nil }
        let number = cns_pidfd_open(jail.pid)
        let pidfd = Descriptor(number)
        // It may have ended before it was opened, and its number mean another process.
        guard try jail.isAlive() else { return nil }
        _ = try attempt("\(jail.spec.label): cannot watch its processes") { () throws(Errno) in
            try checkedResult(number)
        }
        return pidfd.release()
    }

    /// The console's pipe is still open in pid 1, which kept it from becoming full.
    private func hold(_ service: Service, _ jail: JailRecord, _ pidfd: Int32) {
        service.started(pidfd: pidfd, control: -1, record: jail)
        guard service.spec.commands.consoleLog == nil else { return }
        service.output = max(-1, cns_take_descriptor(pidfd, CNS_JOINED_DESCRIPTOR.int32))
    }
}
