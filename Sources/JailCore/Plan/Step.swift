internal import CNamespaces

/// One operation on the kernel, and who asked for it.
///
/// A reference, because lists of steps are put together from lists of steps.
package final class Step: Equatable, Sendable {
    /// Where the step is performed.
    package enum Side: String, Sendable {
        /// By jailrun, in the host's namespaces.
        case host
        /// By a process of a moment, in which jailrun has the child cloned: it can join what jailrun could not leave again.
        case between
        /// By the child, in the jail's namespaces, before pid 1's program runs.
        case child
    }

    /// What the step is about; explanations group by it.
    package enum Subject: String, Sendable, CaseIterable {
        case namespaces, ids, files, devices, network, limits, privileges, command
    }

    package let operation: Operation
    package let side: Side
    /// What it is a part of.
    package let purpose: Purpose
    package let origin: Origin
    /// What it does, as a message says it after "cannot": "attach the root file system".
    package let words: Phrase
    /// What undoes it, in that order, if its effect would outlive the jail's processes or a change that fails.
    package let undo: [Operation]

    init(
        operation: Operation, side: Side, purpose: Purpose, origin: Origin, words: Phrase, undo: [Operation] = []
    ) {
        self.operation = operation
        self.side = side
        self.purpose = purpose
        self.origin = origin
        self.words = words
        self.undo = undo
    }

    package var subject: Subject { purpose.subject }

    package static func == (left: Step, right: Step) -> Bool {
        left.operation == right.operation && left.side == right.side && left.purpose == right.purpose
            && left.origin == right.origin && left.words == right.words && left.undo == right.undo
    }
}

/// What a step does.
package enum Operation: Equatable, Sendable {
    case call(SystemCall)
    /// clone3(2) of the jail's first process: into its cgroup, with a pidfd, its signal handlers cleared.
    case spawn(NamespaceFlags)
    /// clone3(2) of a process that stays on the host, to run a command there.
    case fork(ownCgroup: Bool)
    /// Lets the child go on, and passes it descriptors: the other end of its recvmsg(2).
    case release([Slot])
    case network(NetworkOperation)
    /// Reads the cgroup file that was opened last and compares: a value that the kernel changed is an error.
    case verify(cgroupFile: String, value: String)
    /// Looks at an open file: one that is not as it must be is an error.
    case check(Slot, FileRequirement)
    /// Removes the jail's cgroup, once empty.
    case removeCgroup
}

/// What an open file must be.
package enum FileRequirement: Equatable, Sendable {
    case isOnTmpfs
    case belongs(to: UInt32)
}

extension Operation {
    /// setns(2): until another one takes it back, jailrun itself is elsewhere.
    var movesCaller: Bool { if case .call(let call) = self { call.number == cns_number_setns } else { false } }

    /// What a program is executed with; nil for anything but execve(2).
    var environment: [String]? {
        guard case .call(let call) = self, call.number == CNS_EXECUTE.rawValue else { return nil }
        switch call.arguments.last {
        case .vector(let variables)?, .environment(let variables)?: return variables
        default: return nil
        }
    }
}
