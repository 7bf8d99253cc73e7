internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A process that does for the supervisor what has to be waited for: a start, a stop, a health command. So the supervisor itself
/// never waits for anything but events, and a start still reads one thing after the other.
final class Worker {
    enum Kind { case start, stop, finish, check }

    /// What a start tells its supervisor.
    enum Message {
        /// A started jail's control socket, its pidfd, the master of its terminal or -1, and how its last start command ended.
        case started(control: Int32, pidfd: Int32, terminal: Int32, status: Int32)
        /// The jail exists, and its commands follow.
        case exists
        /// The jail is another command's.
        case yielded
        /// Another command has stopped the jail.
        case withdrawn
        /// The worker waits until what the jail has printed is shown.
        case printed
    }

    /// The worker's own ends of what joins it to its supervisor.
    struct Channel: Sendable {
        /// A control socket: a started jail's descriptors go over it.
        var control: Int32
        /// A pipe for what went wrong, in words.
        var words: Int32

        func tellExists() { send(CNS_READY) }
        func tellYielded() { send(CNS_ENDED) }
        func tellWithdrawn() { send(CNS_SIGNAL) }

        /// What the jail has printed comes before what the worker says next.
        func awaitOutput() {
            send(CNS_FINISHED)
            var report = cns_report()
            _ = unsafe cns_receive(control, &report, nil, 0, Worker.outputMilliseconds)
        }

        func send(_ kind: cns_report_kind, status: Int32 = 0, _ descriptors: [Int32] = []) {
            _ = unsafe cns_send(
                control, Int32(kind.rawValue), 0, Int64(status), descriptors, UInt32(descriptors.count))
        }

        /// From now on jailrun reports what this process waits for.
        func tell(_ waits: Waits) {
            var told = ""
            waits.tell = { wait in
                let what = wait?.what ?? ""
                if what != told { say("\(Worker.waitMark)\(what)\(Worker.waitMark)") }
                told = what
            }
        }

        func say(_ text: String) { try? Files.write(Array(text.utf8.prefix(Worker.maximumWords)), to: words) }
    }

    static let maximumWords = 2048
    /// Before and behind what a worker waits for; words are escaped, and have none.
    static let waitMark = Character("\u{1}")
    /// A supervisor whose reader takes nothing does not keep a start for longer.
    static let outputMilliseconds: Int32 = 2000

    let kind: Kind
    let pid: Int32
    private let child: Descriptor
    private var messages: Descriptor
    private var text: Descriptor
    private var said: [UInt8] = []
    /// What it waits for, and since when.
    private(set) var awaited: (what: String, sinceMilliseconds: Int)?

    /// Forks. The worker dies with its supervisor.
    /// - Parameters:
    ///   - services: what the supervisor holds of jails is its own: the end of a control socket is that of its last holder.
    ///   - keepsInput: descriptor 0 stays the supervisor's; else it is /dev/null.
    init(_ kind: Kind, beside services: [Service], keepsInput: Bool = false, _ body: (Channel) -> Int32)
        throws(RuntimeError)
    {
        self.kind = kind
        let parent = getpid()
        let pair = try attempt("cannot start a worker") { () throws(Errno) in try ControlPair() }
        let pipe = try OutputPipe(mode: OutputPipe.writableInside)
        var ended: Int32 = -1
        pid = unsafe cns_fork(&ended)
        if pid == 0 {
            cns_die_with_parent(parent)
            close(pipe.reading)
            for service in services where service.control >= 0 { close(service.control) }
            if !keepsInput { redirect(0, to: CNS_CONTROL_DESCRIPTOR.int32) }
            _exit(body(Channel(control: pair.childs.number, words: pipe.writing)))
        }
        close(pipe.writing)
        messages = Descriptor(pair.ours.release())
        text = Descriptor(pipe.reading)
        child = Descriptor(ended)
        if pid < 0 { throw .system("cannot start a worker", Errno(-pid)) }
    }

    /// To be watched by poll(2): its end, its messages, its words.
    var pidfd: Int32 { child.number }
    var control: Int32 { messages.number }
    var words: Int32 { text.number }

    func signal(_ number: Int32) { _ = cns_pidfd_signal(pidfd, number) }

    /// Reads what there is; the last of it is kept.
    func listen() {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe read(words, &buffer, buffer.count)
        if count < 0 && errno == EINTR { return }
        if count <= 0 {
            text = .none
        } else {
            said += buffer[..<count]
            if kind != .check { takeAwaited() }
            said = Array(said.suffix(Self.maximumWords))
        }
    }

    private func takeAwaited() {
        let mark = Self.waitMark.asciiValue ?? 0
        while let first = said.firstIndex(of: mark), let last = said[(first + 1)...].firstIndex(of: mark) {
            let what = String(decoding: said[(first + 1)..<last], as: UTF8.self)
            awaited = what.isEmpty ? nil : (what, Clock.milliseconds() - Waits.pauseMilliseconds)
            said.removeSubrange(first...last)
        }
    }

    /// Nil when there is no message, and never will be.
    func receive() -> Message? {
        var report = cns_report()
        var passed: [Int32] = [-1, -1, -1]
        let count = unsafe cns_receive(control, &report, &passed, 3, 0)
        switch (count, UInt32(report.kind)) {
        case (2..., CNS_STARTED.rawValue):
            return .started(
                control: passed[0], pidfd: passed[1], terminal: passed[2],
                status: Int32(truncatingIfNeeded: report.value))
        case (0, CNS_READY.rawValue): return .exists
        case (0, CNS_ENDED.rawValue): return .yielded
        case (0, CNS_SIGNAL.rawValue): return .withdrawn
        case (0, CNS_FINISHED.rawValue): return .printed
        default: break
        }
        messages = .none
        return nil
    }

    /// What the jail had printed is shown.
    func goOn() { _ = cns_send(control, Int32(CNS_GO.rawValue), 0, 0, nil, 0) }

    /// Once `pidfd` is readable. What it has left behind may hold its words open, and write on.
    func end() -> (outcome: CommandOutcome, words: String) {
        let last = Clock.milliseconds() + 100
        while words >= 0, Clock.milliseconds() < last {
            var watched = pollfd(fd: words, events: Int16(POLLIN), revents: 0)
            guard unsafe poll(&watched, 1, 0) > 0 else { break }
            listen()
        }
        return (CommandOutcome(waitStatus: cns_wait(pidfd, -1)), String(decoding: said, as: UTF8.self).trimmed)
    }
}

extension Int {
    var int32: Int32 { Int32(self) }
}
