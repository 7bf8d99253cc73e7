internal import SystemPackage

/// A jail that somebody has frozen, as `echo 1 >cgroup.freeze` does: nothing in it runs, and no command can be run there.
extension JailRecord {
    /// Not, on a doubt: whoever asks goes on as with any other.
    var isFrozen: Bool {
        do throws(Errno) { return try Cgroup(path: cgroup).isFrozen() } catch { return false }
    }

    /// What a command that is to run in it waits for.
    var freezeNote: String { isFrozen ? ", in a frozen jail" : "" }

    /// - Throws: `.host` when it is frozen.
    func checkFreeze() throws(RuntimeError) {
        if !isFrozen { return }
        throw .host(
            "\(spec.label): it is frozen: nothing runs in it",
            hint: "echo 0 >\(Terminal.escaped(cgroup))/cgroup.freeze thaws it; jailrun stop thaws and stops it")
    }
}

extension JailStop {
    /// Its commands and SIGTERM are for processes that run: a stop thaws it, as systemctl(1) and docker-stop(1) do. One that is
    /// forced kills it as it is, and so does every stop of a jail that is frozen with a cgroup above its own.
    func thaw(_ name: String) {
        if scope != .all || urgency.isForced { return }
        do throws(RuntimeError) {
            guard let trace = try host.state.trace(of: name), let isFrozen = try thaw(trace) else { return }
            if !isFrozen { return host.audience.warn("\(trace.label): it was frozen, and is thawed to stop it") }
            urgency.isForced = true
            host.audience.warn(
                "\(trace.label): frozen by a cgroup above its own: stopped without exec.stop and SIGTERM")
        } catch { host.audience.warn("\(Terminal.escaped(name)): cannot tell whether it is frozen: \(error.message)") }
    }

    /// - Returns: whether it is frozen still; nil when it was not.
    private func thaw(_ trace: JailTrace) throws(RuntimeError) -> Bool? {
        try Cgroup(path: trace.cgroup).look { (cgroup) throws(Errno) -> Bool? in
            if try !cgroup.isFrozen() { return nil }
            try cgroup.thaw()
            return try cgroup.isFrozen()
        }
    }
}
