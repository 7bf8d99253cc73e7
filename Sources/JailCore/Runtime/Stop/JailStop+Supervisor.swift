internal import CNamespaces
internal import Glibc

/// Whoever keeps a jail that is stopped is told, and may have to go.
extension JailStop {
    /// Jails that depend on it, and that other commands have started, go first, each as it would go alone: without it they would
    /// be up, and broken.
    /// - Parameter own: jails that the caller stops itself.
    func stopDependents(of name: String, beside own: [String]) throws(RuntimeError) {
        for other in try JailLookup(host: host).withDependents([name], but: own) where other != name {
            host.audience.warn(
                "\(Terminal.escaped(other)), which depends on \(Terminal.escaped(name)), is stopped before it")
            try stopBefore(other)
        }
    }

    /// From its supervisor to the restart that stops it, or to nobody.
    func handOver(_ service: ServiceRecord) {
        let registry = ServiceRegistry(state: host.state)
        guard let successor = restart?.successor(of: service.name) else { return registry.withdraw(service.name) }
        do throws(RuntimeError) { try registry.take(successor) } catch {
            host.audience.warn(error.message)
            registry.withdraw(service.name)
        }
    }

    func forget(_ service: ServiceRecord) {
        let registry = ServiceRegistry(state: host.state)
        if restart?.successor(of: service.name) == nil {
            registry.remove(service.name)
        } else {
            registry.removeLog(of: service.name)
        }
    }

    /// Tells the supervisor, which has nothing to start again any more. One that has nothing left to do goes; whoever counts
    /// processes after a stop must not meet it.
    func awaitSupervisor(_ service: ServiceRecord?) throws(RuntimeError) {
        // A restart is told when it claims the name.
        guard let service, service.awaitsRestart != true, service.supervisor != getpid(),
            try service.isSupervisorAlive()
        else { return }
        let registry = ServiceRegistry(state: host.state)
        let number = cns_pidfd_open(service.supervisor)
        guard number >= 0 else { return }
        let pidfd = Descriptor(number)
        _ = cns_pidfd_signal(pidfd.number, SIGHUP)
        let records = try registry.records()
        if records.contains(where: { $0.supervisor == service.supervisor && !$0.state.isOver }) { return }
        // That of jails beside a command ends with the command, which may take its time.
        awaitEnd(
            of: service.supervisor, pidfd, jail: service.name, milliseconds: service.isTransient ? 500 : 10000)
        // It may have had nowhere to go from its cgroup but to its end.
        if try host.removeLeftCgroups() { host.state.removeIfUnused(cgroupRoot: host.cgroupRoot) }
    }

    /// The same of a jail that is kept by the jailrun in whose foreground it runs.
    func awaitKeeper(_ trace: JailTrace) throws(RuntimeError) {
        guard trace.supervisor != getpid(), try trace.isKept() else { return }
        let number = cns_pidfd_open(trace.supervisor)
        guard number >= 0 else { return }
        let pidfd = Descriptor(number)
        awaitEnd(of: trace.supervisor, pidfd, jail: trace.label, milliseconds: 2000)
    }

    /// Until it has ended, or a signal comes: the jail is down already.
    private func awaitEnd(of process: Int32, _ pidfd: borrowing Descriptor, jail: String, milliseconds: Int) {
        host.waits.begin(jail, "pid \(process), which looks after it, to end")
        defer { host.waits.end() }
        let deadline = Clock.milliseconds() + milliseconds
        while Clock.milliseconds() < deadline, !ProcessTable.isStopped(withParent: process) {
            var watched = pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0)
            if unsafe poll(&watched, 1, Self.pauseMilliseconds) != 0 { return }
            if host.waits.pause(milliseconds: 0, host.signals) != nil { return }
        }
    }

    private static var pauseMilliseconds: Int32 { 20 }
}
