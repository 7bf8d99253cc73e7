internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Work on several jails at once, each in a process of its own, as far as their dependencies allow.
package struct JailWorkers {
    package struct Job {
        package var jail: String
        /// Jails whose jobs must have succeeded first.
        package var after: [String]
        /// - Returns: 0 when it went well.
        package var work: () -> Int32

        package init(jail: String, after: [String], work: @escaping () -> Int32) {
            self.jail = jail
            self.after = after
            self.work = work
        }
    }

    package enum Result: Equatable, Sendable {
        case ended(Int32)
        /// One before it failed.
        case skipped
    }

    private let jobs: [Job]
    private let limit: Int
    private let host: Host
    private var results: [Result?]
    /// The first signal that came in the meantime.
    package private(set) var interruption: Int32?
    /// pidfds of those at work.
    private var workers: [(index: Int, pidfd: Int32)] = []

    /// - Parameter limit: how many work at once.
    package init(_ jobs: [Job], limit: Int, host: Host) {
        self.jobs = jobs
        self.limit = limit
        self.host = host
        results = Array(repeating: nil, count: jobs.count)
    }

    /// - Returns: a result for each job, in their order.
    package mutating func run() throws(RuntimeError) -> [Result] {
        if jobs.count == 1 { return [.ended(jobs[0].work())] }
        while results.contains(nil) {
            try startReady()
            // Records of jails that depend on each other in a circle: in their order, then.
            if workers.isEmpty, let first = results.firstIndex(of: nil) { try start(first) }
            if !workers.isEmpty { awaitOne() }
        }
        return results.compactMap { $0 }
    }

    private mutating func startReady() throws(RuntimeError) {
        for index in jobs.indices where results[index] == nil && !workers.contains(where: { $0.index == index }) {
            let before = jobs.indices.filter { jobs[index].after.contains(jobs[$0].jail) }
            if before.contains(where: { results[$0] != nil && results[$0] != .ended(0) }) {
                results[index] = .skipped
            } else if before.allSatisfy({ results[$0] != nil }) && workers.count < limit {
                try start(index)
            }
        }
    }

    private mutating func start(_ index: Int) throws(RuntimeError) {
        let parent = getpid()
        var ended: Int32 = -1
        let pid = unsafe cns_fork(&ended)
        if pid < 0 { throw .system("cannot start a process for \(jobs[index].jail)", Errno(-pid)) }
        if pid == 0 {
            cns_die_with_parent(parent)
            host.waits.isOneOfMany = true
            exit(jobs[index].work())
        }
        workers.append((index, ended))
    }

    /// A signal is for those at work; one of a terminal's has reached them already.
    private mutating func awaitOne() {
        var watched = ([host.signals.descriptor] + workers.map(\.pidfd)).map {
            pollfd(fd: $0, events: Int16(POLLIN), revents: 0)
        }
        _ = unsafe poll(&watched, nfds_t(watched.count), -1)
        if watched[0].revents != 0, let (signal, isFromTerminal) = host.signals.nextWithSender() {
            if signal != SIGWINCH { interruption = interruption ?? signal }
            for worker in workers where !isFromTerminal { _ = cns_pidfd_signal(worker.pidfd, signal) }
        }
        for position in workers.indices.reversed() where watched[position + 1].revents != 0 {
            let worker = workers.remove(at: position)
            results[worker.index] = .ended(CommandOutcome(waitStatus: cns_wait(worker.pidfd, -1)).exitStatus)
            close(worker.pidfd)
        }
    }
}
