internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `run`: create and start, and the wait for the end of a container that is not detached.
package struct ContainerRun {
    let directory: ContainerDirectory
    let options: ContainerCreation.Options
    let host: Host

    package init(_ directory: ContainerDirectory, _ options: ContainerCreation.Options, host: Host) {
        (self.directory, self.options, self.host) = (directory, options, host)
    }

    /// - Parameter keeps: what is recorded stays when it has ended.
    /// - Returns: the status of its process, 128 + n for signal n.
    package func run(isDetached: Bool, keeps: Bool) throws(RuntimeError) -> Int32 {
        try ContainerCreation(directory, options, host: host).run()
        do throws(RuntimeError) { try ContainerStart(directory, host: host).run() } catch {
            ContainerRemoval(directory, host: host).removeHalfMade()
            throw error
        }
        if isDetached { return 0 }
        let status = try awaitEnd(try directory.read())
        if !keeps { try ContainerRemoval(directory, host: host).delete(isForced: true) }
        return status
    }

    /// Signals to the runtime are the container's.
    private func awaitEnd(_ record: ContainerRecord) throws(RuntimeError) -> Int32 {
        let pidfd = try attempt("\(directory.id): cannot look at its first process") { () throws(Errno) in
            Descriptor(try checkedResult(cns_pidfd_open(record.pid)))
        }
        while true {
            var watched = [
                pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: pidfd.number, events: Int16(POLLIN), revents: 0),
            ]
            _ = unsafe poll(&watched, 2, -1)
            if watched[0].revents != 0, let signal = host.signals.next() { _ = cns_pidfd_signal(pidfd.number, signal) }
            if watched[1].revents != 0 {
                return CommandOutcome(waitStatus: cns_wait(pidfd.number, -1)).exitStatus
            }
        }
    }
}

extension ContainerDirectory {
    /// - Parameter pattern: an extended regular expression, regex(7), of a part of the name.
    /// - Throws: `.host` when it is none.
    package static func all(root: String, matching pattern: String) throws(RuntimeError) -> [ContainerDirectory] {
        var expression = unsafe regex_t()
        guard unsafe regcomp(&expression, pattern, REG_EXTENDED | REG_NOSUB) == 0 else {
            throw .host("\"\(Terminal.escaped(pattern))\" is not a regular expression", hint: nil)
        }
        defer { unsafe regfree(&expression) }
        var found: [ContainerDirectory] = []
        for (record, _) in try all(root: root) where unsafe regexec(&expression, record.id, 0, nil, 0) == 0 {
            found.append(try ContainerDirectory(root: root, id: record.id))
        }
        return found
    }

    /// Those of a root directory, by name.
    package static func all(
        root: String
    ) throws(RuntimeError) -> [(record: ContainerRecord, status: ContainerRecord.Status)] {
        let names = try attempt("cannot look into \(root)") { () throws(Errno) in try Files.namesIfThere(in: root) }
        var all: [(record: ContainerRecord, status: ContainerRecord.Status)] = []
        for name in names {
            let directory = try ContainerDirectory(root: root, id: name)
            guard let record = try directory.readIfThere() else { continue }
            all.append((record, try directory.status(of: record)))
        }
        return all
    }
}

extension CommandOutcome {
    /// `9`, `KILL`, `SIGKILL`, `SIGRTMIN+3`; nil for anything else.
    package static func signalNumber(_ text: String) -> Int32? {
        if let number = Int32(text) { return (1...64).contains(number) ? number : nil }
        let name = text.uppercased()
        let full = name.hasPrefix("SIG") ? name : "SIG" + name
        if full == "SIGRTMIN" { return 34 }
        if full.hasPrefix("SIGRTMIN+"), let more = Int32(full.dropFirst(9)), (0...30).contains(more) {
            return 34 + more
        }
        return (1...31).first { signalName($0) == full }
    }
}

extension RuntimeConfiguration {
    /// What `features` tells.
    package static var mountOptions: [String] { MountOptions.names + MountOptions.superblockFlags }
    package static var seccompActions: [String] {
        SeccompProfile.Action.allCases.map(\.rawValue).filter { $0 != SeccompProfile.Action.notify.rawValue }
    }
    package static var seccompOperators: [String] { SeccompProfile.Operator.allCases.map(\.rawValue) }
}
