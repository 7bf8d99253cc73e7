internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Work on several jails at once, each in a process of its own, as far as their dependencies allow.
public struct JailWorkers {
    public struct Job {
        public var jail: String
        /// Jails whose jobs must have ended well before.
        public var after: [String]
        /// - Returns: 0 when it went well.
        public var work: () -> Int32

        public init(jail: String, after: [String], work: @escaping () -> Int32) {
            self.jail = jail
            self.after = after
            self.work = work
        }
    }

    public enum Result: Equatable, Sendable {
        case ended(Int32)
        /// One before it failed.
        case skipped
    }

    private let jobs: [Job]
    private let limit: Int
    private var results: [Result?]
    /// pidfds of those at work.
    private var workers: [(index: Int, pidfd: Int32)] = []

    /// - Parameter limit: how many work at once.
    public init(_ jobs: [Job], limit: Int) {
        self.jobs = jobs
        self.limit = limit
        results = Array(repeating: nil, count: jobs.count)
    }

    /// - Returns: a result for each job, in their order.
    public mutating func run() throws(RuntimeError) -> [Result] {
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
        let pid = cns_fork()
        if pid < 0 { throw .system("cannot start a process for \(jobs[index].jail)", Errno(-pid)) }
        if pid == 0 { exit(jobs[index].work()) }
        workers.append((index, cns_pidfd_open(pid)))
    }

    private mutating func awaitOne() {
        var watched = workers.map { pollfd(fd: $0.pidfd, events: Int16(POLLIN), revents: 0) }
        _ = unsafe poll(&watched, nfds_t(watched.count), -1)
        for position in workers.indices.reversed() where watched[position].revents != 0 {
            let worker = workers.remove(at: position)
            results[worker.index] = .ended(CommandOutcome(waitStatus: cns_wait(worker.pidfd, -1)).exitStatus)
            close(worker.pidfd)
        }
    }
}
