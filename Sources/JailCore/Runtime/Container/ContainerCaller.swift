internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What whoever calls `create` or `exec` wants of a process, and how it is waited for.
package struct ContainerCaller: Sendable {
    package var pidFile: String?
    package var consoleSocket: String?
    /// How many descriptors behind 0, 1 and 2 the process is given.
    package var passedDescriptors = 0
    /// Of those, the first: sockets that the process is told of, sd_listen_fds(3).
    package var listeningDescriptors = 0

    package init() {}

    /// - Throws: `.unsuitable` when the terminal that config.json asks for has no place to go, or there is a place and no terminal.
    func check(_ process: ContainerProcess, of id: String) throws(RuntimeError) {
        if process.isTerminal == (consoleSocket != nil) { return }
        throw .unsuitable(
            jail: id, origin: process.origin,
            process.isTerminal
                ? "process.terminal: needs --console-socket, on which an engine takes the terminal"
                : "--console-socket is for a process with a terminal: process.terminal is not true",
            hint: process.isTerminal ? "\"terminal\": false lets it use the caller's descriptors as they are" : nil)
    }

    func note(_ pid: Int32) throws(RuntimeError) {
        guard let path = pidFile else { return }
        try attempt("cannot write \(Terminal.escaped(path))") { () throws(Errno) in
            try Files.replace(path, with: Array("\(pid)".utf8), isSynced: false)
        }
    }

    func handOver(_ master: consuming Descriptor, _ size: (height: UInt16, width: UInt16)?) throws(RuntimeError) {
        guard let path = consoleSocket else { return }
        if let size, size.height > 0, size.width > 0 {
            _ = cns_set_window_size(master.number, Int32(size.width), Int32(size.height))
        }
        let result = unsafe cns_hand_over_console(path, master.number)
        if result < 0 { throw .system("cannot hand the terminal over to \(Terminal.escaped(path))", Errno(-result)) }
    }
}

/// What is heard of a process that the runtime has made, or connects to.
enum ContainerEvent {
    case report(Report)
    /// The connection is closed.
    case closed
    case signal(Int32)
    case timedOut

    /// - Parameters:
    ///   - process: its pidfd, where its end does not close the connection.
    ///   - milliseconds: nil waits for ever.
    static func next(
        on control: Int32, _ signals: SignalSource, process: Int32 = -1, within milliseconds: Int? = nil
    ) -> Self {
        let deadline = milliseconds.map { Clock.milliseconds() + $0 }
        while true {
            var watched = [
                pollfd(fd: control, events: Int16(POLLIN), revents: 0),
                pollfd(fd: signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: process, events: Int16(POLLIN), revents: 0),
            ]
            let rest = deadline.map { Int32(clamping: max(0, $0 - Clock.milliseconds())) } ?? -1
            if unsafe poll(&watched, 3, rest) == 0 { return .timedOut }
            if watched[0].revents != 0 {
                guard let report = try? Control.receive(from: control) else { return .closed }
                return .report(report)
            }
            if watched[1].revents != 0, let signal = signals.next(), signal != SIGWINCH { return .signal(signal) }
            if watched[2].revents != 0 { return .closed }
        }
    }
}
