internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// One jail of a supervisor: its life, and what the supervisor holds of it.
final class Service {
    /// As it is to be started again: what was changed while it was up stays.
    var spec: ConfiguredJail
    /// The name by which who started it knows it.
    let firstName: String
    /// What its place in the file gives it at its first start.
    var wish: JailIdentity?
    var life: ServiceLife
    /// While its jail is up.
    var record: JailRecord?
    var pidfd: Int32 = -1
    var control: Int32 = -1
    /// The reading end of its console.
    var output: Int32 = -1
    var budget = OutputBudget()
    var log: ConsoleLogWriter?
    /// Nil when its file does not ask for it.
    let journal: JournalWriter?
    /// What is at work for it: a start, a stop, the rest of a stop.
    var work: Worker?
    var check: Worker?
    var detail: String?
    var exitStatus: Int32 = 0
    /// Whether `exitStatus` is how it ended: that of a jail that another supervisor started is not told.
    var isEndKnown = true
    var startedSeconds: Int?
    var endedSeconds: Int?
    /// Its record stays when it has ended by itself.
    var remembersEnd = false
    var isSkipped = false
    /// Its name is taken before its start begins: a stop may take it away.
    var isClaimed = false
    /// Another command was about to start it: it is no jail of this supervisor's any more.
    var isYielded = false
    /// Another command has stopped it before it was up.
    var isWithdrawn = false
    /// Waits for a jail that another supervisor looks after.
    var awaitsOthers = false
    /// Why its start failed was said.
    var isReported = false
    /// A stop that failed is done again without the jail's own commands.
    var isRepeated = false
    /// What is at work for it has been told to wait for nothing.
    var isForced = false
    /// A start is interrupted once.
    var isInterrupted = false
    var isAnnounced = false
    /// When to look whether its rules of nftables are there; nil when nothing says that some have gone.
    var rulesMilliseconds: Int?
    /// Its first process has been there: a jail nested in it can start.
    var hasExisted = false
    /// Lives without processes until those nested in it are started.
    var isHeld = false
    /// What was told last.
    var published: ServiceStatus?
    /// memory.events of the jail that is up, and what it told at first.
    var memoryEvents: Int32 = -1
    var memoryKillsBefore = 0
    /// Processes that were killed because memory ran out, and the last of them in words.
    var memoryKills = 0
    var lastMemoryKill: String?
    var memoryKillMilliseconds = 0

    init(_ spec: ConfiguredJail, life: ServiceLife) {
        (self.spec, self.life, firstName) = (spec, life, spec.name.value)
        journal = spec.log.journal.map { _ in JournalWriter() }
    }

    deinit { closeAll() }

    var name: String { spec.name.value }
    var isOver: Bool { life.state.isOver && work == nil && check == nil && pidfd < 0 }
    var status: ServiceStatus {
        var status = ServiceStatus(
            spec, life, detail: detail, exitStatus: exitStatus, isSkipped: isSkipped, isReported: isReported,
            memoryKills: memoryKills, lastMemoryKill: lastMemoryKill)
        status.name = firstName
        status.console = hasExisted ? log?.place ?? spec.consoleLogPlace : nil
        (status.isYielded, status.isWithdrawn) = (isYielded, isWithdrawn)
        status.isBusy = life.state.isOver && work != nil
        return status
    }

    func depends(on other: Service) -> Bool {
        spec.depend.contains { [other.name, other.firstName, other.spec.label].contains($0.value) }
    }

    func isNested(in other: Service) -> Bool { spec.parent.map { $0.value == other.firstName } ?? false }

    func started(pidfd: Int32, control: Int32, record: JailRecord?) {
        (self.pidfd, self.control, self.record) = (pidfd, control, record)
    }

    func closeAll() {
        for descriptor in [pidfd, control, output, memoryEvents] where descriptor >= 0 { close(descriptor) }
        (pidfd, control, output, memoryEvents) = (-1, -1, -1, -1)
    }

    /// What waits for a reader is dropped.
    /// - Returns: how many bytes.
    func discardOutput() -> Int {
        var count = 0
        drainOutput { count += $0.count }
        return count
    }

    /// At most what one read(2) gives; nil at the end.
    func readOutput() -> [UInt8]? {
        var buffer = [UInt8](repeating: 0, count: 65536)
        let count = unsafe read(output, &buffer, buffer.count)
        if count > 0 { return Array(buffer[..<count]) }
        if count < 0 && (errno == EINTR || errno == EAGAIN) { return [] }
        close(output)
        output = -1
        return nil
    }

    /// All that is there now, and no more of a program that writes without pause. A terminal counts late: at least a buffer.
    func drainOutput(_ each: ([UInt8]) -> Void) {
        var waiting: Int32 = 0
        _ = unsafe ioctl(output, UInt(FIONREAD), &waiting)
        var rest = max(Int(waiting), 65536)
        while output >= 0, rest > 0 {
            var watched = pollfd(fd: output, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&watched, 1, 0) > 0, let bytes = readOutput() else { return }
            rest -= bytes.count
            each(bytes)
        }
    }
}

extension ConfiguredJail {
    /// `exec.consolelog`.
    var consoleLogPlace: ConsoleLog.Place? {
        commands.consoleLog.map { ConsoleLog.Place(path: $0.value, hasTimestamps: false) }
    }
}
