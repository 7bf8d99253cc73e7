internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `kill` and `delete`.
package struct ContainerRemoval {
    let directory: ContainerDirectory
    let host: Host

    package init(_ directory: ContainerDirectory, host: Host) { (self.directory, self.host) = (directory, host) }

    /// After a create that has failed.
    func removeHalfMade() {
        do throws(RuntimeError) {
            if let record = try directory.readIfThere() { try end(record) }
            try directory.remove()
        } catch { host.audience.warn(error.message) }
    }

    /// - Parameter isForced: one that runs is killed, and one that is not there is no error.
    package func delete(isForced: Bool) throws(RuntimeError) {
        guard let record = try directory.readIfThere() else {
            // A create that was killed at its beginning.
            if isForced { return try directory.remove() }
            throw .host("container \"\(directory.id)\" does not exist", hint: nil)
        }
        let status = try directory.status(of: record)
        if !isForced, status == .running || status == .paused {
            throw .host(
                "cannot delete container \"\(directory.id)\" that is not stopped: it is \(status.rawValue)", hint: nil)
        }
        try end(record)
        runPoststop(record)
        try directory.remove()
    }

    /// Its hooks fail: that is said, and nothing else.
    private func runPoststop(_ record: ContainerRecord) {
        do throws(RuntimeError) {
            let hooks = try directory.configuration().hooks.at(.poststop)
            if hooks.isEmpty { return }
            for hook in hooks {
                do throws(RuntimeError) {
                    try HookRun(id: directory.id, host: host, state: record.state(.stopped).bytes).run([hook])
                } catch { host.audience.warn(error.message) }
            }
        } catch { host.audience.warn(error.message) }
    }

    private static let endMilliseconds = 10000

    /// Kills what is left of it, and takes its cgroup away. Those above it are the engine's, or others may be about to use them.
    private func end(_ record: ContainerRecord) throws(RuntimeError) {
        try endFirst(record)
        if record.cgroup.isEmpty { return }
        let cgroup = Cgroup(path: record.cgroup)
        try attempt("cannot remove the cgroup \(record.cgroup)") { () throws(Errno) in
            // One that somebody else has made under that name is not the container's.
            guard try cgroup.belongs(to: HostWalk.parts(record.cgroup).name, by: host.authority.mark) else {
                cgroup.removeIfEmpty()
                return
            }
            try cgroup.killAll(timeoutMilliseconds: Self.endMilliseconds)
            try cgroup.remove()
        }
        SystemdScope.awaitEnd(of: record.cgroup)
    }

    /// One that has failed ends by itself, and may do so at any moment.
    private func endFirst(_ record: ContainerRecord) throws(RuntimeError) {
        guard let first = try openFirst(record) else { return }
        _ = cns_pidfd_signal(first.number, SIGKILL)
        var watched = pollfd(fd: first.number, events: Int16(POLLIN), revents: 0)
        _ = unsafe poll(&watched, 1, Int32(Self.endMilliseconds))
    }

    /// A pidfd; nil if it has ended, or is not there yet.
    private func openFirst(_ record: ContainerRecord) throws(RuntimeError) -> Descriptor? {
        if record.pid == 0 { return nil }
        let pidfd = cns_pidfd_open(record.pid)
        if pidfd == -ESRCH { return nil }
        let opened = try attempt("\(directory.id): cannot look at its first process") { () throws(Errno) in
            Descriptor(try checkedResult(pidfd))
        }
        // The number may have come to mean another process meanwhile.
        if try !directory.isAlive(record) { return nil }
        return opened
    }

    private func signalFirst(_ record: ContainerRecord, _ signal: Int32) throws(RuntimeError) {
        guard let first = try openFirst(record) else { throw Self.notRunning }
        let result = cns_pidfd_signal(first.number, signal)
        if result == -ESRCH { throw Self.notRunning }
        if result < 0 { throw .system("\(directory.id): cannot send signal \(signal)", Errno(-result)) }
    }

    /// containerd and docker know it by these words.
    static let notRunning = RuntimeError.host("container not running", hint: nil)

    /// - Parameter toAll: to all processes of its cgroup; then one that has ended is no error.
    package func kill(_ signal: Int32, toAll: Bool) throws(RuntimeError) {
        let record = try directory.read()
        if !toAll || record.cgroup.isEmpty {
            if toAll, try !directory.isAlive(record) { return }
            return try signalFirst(record, signal)
        }
        try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in
            guard try cgroup.exists() else { return }
            if signal == SIGKILL { return try cgroup.killAll(timeoutMilliseconds: Self.endMilliseconds) }
            for process in try cgroup.processes() { Glibc.kill(process, signal) }
        }
    }

    /// The freezer of its cgroup.
    package func freeze(_ isFrozen: Bool) throws(RuntimeError) {
        let record = try directory.read()
        let status = try directory.status(of: record)
        let isFit = isFrozen ? status == .running || status == .created : status == .paused
        if !isFit {
            throw .host(
                "cannot \(isFrozen ? "pause" : "resume") container \"\(directory.id)\": it is \(status.rawValue)",
                hint: nil)
        }
        try attempt("\(directory.id): \(record.cgroup)") { () throws(Errno) in
            try Cgroup(path: record.cgroup).freeze(isFrozen, timeoutMilliseconds: Self.endMilliseconds)
        }
    }

    /// Host pids.
    package func processes() throws(RuntimeError) -> [Int32] {
        let record = try directory.read()
        if record.cgroup.isEmpty { return try directory.isAlive(record) ? [record.pid] : [] }
        return try Cgroup(path: record.cgroup).look { (cgroup) throws(Errno) in try cgroup.processesBelow() }
    }
}

extension Cgroup {
    /// Writes `cgroup.freeze`, and waits until the kernel says that it is so.
    func freeze(_ isFrozen: Bool, timeoutMilliseconds: Int) throws(Errno) {
        let file = try Files.open("\(path)/cgroup.freeze", O_WRONLY)
        try Files.write(Array((isFrozen ? "1" : "0").utf8), to: file.number)
        let deadline = Clock.milliseconds() + timeoutMilliseconds
        while isFrozen, try !value(of: "cgroup.events").split(separator: "\n").contains("frozen 1") {
            if Clock.milliseconds() > deadline { throw Errno(ETIMEDOUT) }
            usleep(1000)
        }
    }

    /// Those of the cgroups in it, too.
    func processesBelow() throws(Errno) -> [Int32] {
        var all = try ownProcesses()
        for name in try Files.foldersIfThere(in: path) { all += try Cgroup(path: "\(path)/\(name)").processesBelow() }
        return all
    }
}
