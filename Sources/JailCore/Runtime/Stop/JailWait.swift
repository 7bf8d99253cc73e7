internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Waits until a jail has ended and nobody will start it again.
package struct JailWait {
    /// How a jail ended.
    package enum End: Equatable, Sendable {
        /// By itself. The words are the jail's own in part: to be escaped.
        case ended(status: Int32?, words: String?)
        /// It was stopped, or is one of which nothing is kept: a foreground run's, or jail(8)'s.
        case untold
        /// A new jail has its name.
        case replaced
    }

    private static let pauseMilliseconds: Int32 = 20

    private let name: String
    private let host: Host
    /// Of the jail that is waited for; nil while it is not up.
    private var generation: UInt64?

    /// - Throws: `.notFound` when neither a jail of that name or number is known, nor that one was.
    package init(for text: String, host: Host) throws(RuntimeError) {
        let lookup = JailLookup(host: host)
        let record = try lookup.record(text)
        let known = record == nil ? try lookup.service(text)?.name : record?.name
        guard let name = known else { throw lookup.notFound(text) }
        (self.name, self.host) = (name, host)
        generation = record?.identity.generation
    }

    /// - Throws: `.interrupted` when a signal ends the wait; the jail continues.
    package mutating func run() throws(RuntimeError) -> End {
        while true {
            let service = try ServiceRegistry(state: host.state).record(of: name)
            if let record = try host.state.record(of: name), try record.isAlive() {
                if generation == nil { generation = record.identity.generation }
                let isSame = record.identity.generation == generation
                if !isSame && record.spec.restart.policy == .no { return .replaced }
                generation = record.identity.generation
                try awaitEnd(of: record)
                continue
            }
            guard let service else { return .untold }
            if service.state.isOver {
                return service.tellsEnd ? .ended(status: service.exitStatus, words: service.detail) : .untold
            }
            if try !service.isSupervisorAlive() { _ = try JailLookup(host: host).running() }
            // Its supervisor is about to tell how it ended, or starts it again.
            try pause(-1, Self.pauseMilliseconds)
        }
    }

    private func awaitEnd(of record: JailRecord) throws(RuntimeError) {
        let number = cns_pidfd_open(record.pid)
        guard number >= 0 else {
            try pause(-1, Self.pauseMilliseconds)
            return
        }
        let pidfd = Descriptor(number)
        // The pid may have come to mean another process before it was opened.
        guard try record.isAlive() else { return }
        host.waits.begin(record.spec.label, "its end")
        defer { host.waits.end() }
        while try !pause(pidfd.number, host.waits.timeout(until: nil)) { host.waits.tick() }
    }

    /// - Returns: whether the process has ended.
    @discardableResult
    private func pause(_ pidfd: Int32, _ milliseconds: Int32) throws(RuntimeError) -> Bool {
        var watched = [
            pollfd(fd: pidfd, events: Int16(POLLIN), revents: 0),
            pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        _ = unsafe poll(&watched, 2, milliseconds)
        if watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH {
            throw .interrupted(jail: name, signal: signal)
        }
        return watched[0].revents != 0
    }
}
