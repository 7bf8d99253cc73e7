internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Descriptors 0, 1 and 2 of jailrun's as a jail gets them, where they are no terminals. docs/design/0027.
///
/// A directory is refused: from it a path leads all over the host. A file, a FIFO or a socket of the host's stays outside, and a
/// process beside jailrun moves the bytes, so that nothing of the host's changes its owner or its mode. A pipe gets in.
final class HandedDescriptors {
    /// What the plan is told.
    private(set) var facts: [StartFacts.HandedDescriptor] = []
    /// The jail's ends of pipes, by the numbers that they have there.
    private var ends: [(number: Int, descriptor: Int32)] = []
    /// The control sockets of the processes that move bytes, and what they write to.
    private var controls: [(socket: Int32, name: String)] = []

    private static let names = ["standard input", "standard output", "standard error"]
    /// What jailrun keeps open to hold the number.
    private static let nullDevice = Int32(CNS_CONTROL_DESCRIPTOR)

    /// - Parameter numbers: of those that the jail gets, and that are no terminals.
    /// - Throws: `.unsuitable` for what is a way out of the jail.
    init(_ numbers: [Int], jail: String, authority: Authority) throws(RuntimeError) {
        let all = try Self.find(numbers, jail: jail, authority: authority)
        facts = all.map(\.handed)
        var relayed: [(found: cns_descriptor, end: Int32)] = []
        for (handed, found) in all where handed.way == .relayed {
            let number = handed.number
            // Both in one file: what is written first comes first.
            if let same = relayed.first(where: { $0.found.device == found.device && $0.found.inode == found.inode }) {
                ends.append((number, dup(same.end)))
            } else {
                let end = try relay(number, to: Int32(number))
                if number > 0 { relayed.append((found, end)) }
            }
        }
    }

    deinit {
        closeEnds()
        for control in controls { close(control.socket) }
    }

    /// What a plan would be told, and nothing is made.
    static func facts(
        of numbers: [Int], jail: String, authority: Authority
    ) throws(RuntimeError) -> [StartFacts.HandedDescriptor] {
        try find(numbers, jail: jail, authority: authority).map(\.handed)
    }

    /// Those that cannot get in as they are.
    private static func find(
        _ numbers: [Int], jail: String, authority: Authority
    ) throws(RuntimeError) -> [(handed: StartFacts.HandedDescriptor, found: cns_descriptor)] {
        var all: [(handed: StartFacts.HandedDescriptor, found: cns_descriptor)] = []
        for number in numbers {
            let found = try look(at: number, jail: jail)
            if let way = way(number, found, authority: authority) { all.append((.init(number, way), found)) }
        }
        return all
    }

    private static func look(at number: Int, jail: String) throws(RuntimeError) -> cns_descriptor {
        var found = cns_descriptor()
        let result = unsafe cns_look_at(Int32(number), &found)
        if result < 0 { throw .system("\(jail): \(names[number])", Errno(-result)) }
        let kind: String
        switch UInt32(bitPattern: found.kind) {
        case CNS_DIRECTORY.rawValue: kind = "is a directory of the host"
        case CNS_PATH.rawValue: kind = "is open only as a path (O_PATH)"
        default: return found
        }
        throw .unsuitable(
            jail: jail, origin: .commandLine,
            "\(names[number]) \(kind), from which the jail could reach the host's files",
            hint: number == 0 ? "</dev/null" : "\(number)>/dev/null, or a file")
    }

    /// Nil when it can get in as it is. Others than the owner may read input, and not write it: a jail's root is such another.
    private static func way(_ number: Int, _ found: cns_descriptor, authority: Authority) -> StartFacts.HandedDescriptor
        .Way?
    {
        let (wanted, unwanted): (UInt32, UInt32) = number == 0 ? (0o4, 0o2) : (0o2, 0o4)
        switch UInt32(bitPattern: found.kind) {
        case CNS_PIPE.rawValue:
            if found.mode & wanted != 0 { return nil }
            let isOurs = found.owner == geteuid() || geteuid() == 0 && authority.namespace.hasEveryID
            return isOurs ? .opened(mode: found.mode | wanted) : .relayed
        case CNS_FIFO.rawValue: return found.mode & (wanted | unwanted) == wanted ? nil : .relayed
        case CNS_FILE.rawValue where number == 0: return found.mode & (wanted | unwanted) == wanted ? nil : .relayed
        // Through a descriptor of its own the jail could cut off what is in the file already.
        case CNS_FILE.rawValue: return .relayed
        case CNS_SOCKET.rawValue: return number == 0 ? nil : .relayed
        default: return nil
        }
    }

    /// - Returns: the jail's end.
    private func relay(_ number: Int, to descriptor: Int32) throws(RuntimeError) -> Int32 {
        let pipe = try OutputPipe(mode: number == 0 ? OutputPipe.readableInside : OutputPipe.writableInside)
        let control =
            number == 0
            ? unsafe cns_relay_input([pipe.reading, pipe.writing], descriptor)
            : cns_relay_output(pipe.reading, descriptor)
        let (end, other) = number == 0 ? (pipe.reading, pipe.writing) : (pipe.writing, pipe.reading)
        close(other)
        ends.append((number, end))
        if control < 0 { throw .system("cannot start the process that copies \(Self.names[number])", Errno(-control)) }
        controls.append((control, Self.names[number]))
        return end
    }

    /// A file of the host's that is the jail's output, whatever descriptors 1 and 2 are.
    /// - Returns: what the jail gets in its place; this object closes it.
    func relay(into file: borrowing Descriptor) throws(RuntimeError) -> Int32 { try relay(1, to: file.number) }

    /// Input is nothing, and output goes into a file of the host's.
    func divert(into file: borrowing Descriptor) throws(RuntimeError) {
        facts.append(.init(0, .nothing))
        ends.append((0, dup(Self.nullDevice)))
        facts += [.init(1, .relayed), .init(2, .relayed)]
        ends.append((2, dup(try relay(into: file))))
    }

    /// Input is nothing, and output that would be the caller's terminal goes to a pipe.
    /// - Returns: the reading end, and where it is to be shown; nil if there is none.
    func hideTerminals() throws(RuntimeError) -> (pipe: Int32, shownOn: Int32)? {
        facts.append(.init(0, .nothing))
        ends.append((0, dup(Self.nullDevice)))
        let terminals = [1, 2].filter { isatty(Int32($0)) == 1 }
        guard let first = terminals.first else { return nil }
        let pipe = try OutputPipe(mode: OutputPipe.writableInside)
        for number in terminals {
            facts.append(.init(number, .relayed))
            ends.append((number, number == first ? pipe.writing : dup(pipe.writing)))
        }
        return (pipe.reading, Int32(first))
    }

    func set(in plan: borrowing KernelPlan) {
        for end in ends { plan.set(.relay(end.number), to: end.descriptor) }
    }

    /// The jail has its own: without ours, the last process there that closes it ends the stream.
    func closeEnds() {
        for end in ends { close(end.descriptor) }
        ends = []
    }

    /// Waits until all that was written is where it belongs. A reader that takes nothing is waited for until a signal comes.
    /// - Parameter isHurried: one has come, and he is waited for a moment only.
    /// - Throws: what could not be written, and why; a reader that went away is no news.
    func finish(_ signals: SignalSource, isHurried: Bool = false) throws(RuntimeError) {
        closeEnds()
        for control in controls { cns_relay_settle(control.socket) }
        for control in controls {
            guard isSettled(control.socket, signals, isHurried) else { return }
            let error = cns_relay_error(control.socket)
            if error < 0 {
                throw .host("\(control.name) is incomplete: the process that copies it was killed", hint: nil)
            }
            if error != 0 && error != EPIPE { throw .system("cannot write \(control.name)", Errno(error)) }
        }
    }

    private func isSettled(_ socket: Int32, _ signals: SignalSource, _ isHurried: Bool) -> Bool {
        var watched = [
            pollfd(fd: socket, events: Int16(POLLIN), revents: 0),
            pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
        ]
        // One that came before is not meant for this.
        if unsafe poll(&watched, 1, 1000) > 0 { return true }
        if isHurried { return false }
        while true {
            _ = unsafe poll(&watched, 2, -1)
            if watched[0].revents != 0 { return true }
            if watched[1].revents != 0, let signal = signals.next(), signal != SIGWINCH { return false }
        }
    }
}

extension ConfiguredJail {
    /// Of its starter's descriptors, those that it gets: it has a pty for terminals, and a log or its keeper's pipe for output.
    func handedDescriptors(terminals: [Int], hasOutput: Bool) -> [Int] {
        (hasOutput || commands.consoleLog != nil ? [0] : [0, 1, 2]).filter { !terminals.contains($0) }
    }
}

/// `oom_score_adj` of this process: proc(5).
enum OwnOomScore {
    private static let path = "/proc/self/oom_score_adj"

    static func value() throws(RuntimeError) -> Int {
        let text = try attempt("cannot read \(path)") { () throws(Errno) in try Files.text(path) }
        return Int(text.trimmed) ?? 0
    }

    /// What is set for a process is set for all that share its memory, and a jail's first process shares jailrun's for a while.
    /// Who may not lower it again keeps what it has.
    static func restore(_ score: Int) {
        guard let file = try? Files.open(path, O_WRONLY) else { return }
        try? Files.write(Array(String(score).utf8), to: file.number)
    }

    /// Whoever keeps jails up is not the first to go when memory runs out, though its caller was meant to be.
    static func lower() { if let score = try? value(), score > 0 { restore(0) } }
}
