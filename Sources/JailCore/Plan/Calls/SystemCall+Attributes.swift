internal import CNamespaces

extension SystemCall {
    /// - Parameter process: nil is the caller itself.
    static func set(_ attribute: ProcessAttribute, of process: Slot?) -> Self {
        let who = process.map(CallArgument.descriptor) ?? .integer(0)
        return switch attribute {
        case .scheduling(let scheduling):
            Self("sched_setattr", cns_number_sched_setattr, [who, .structure(structure(scheduling)), .integer(0)])
        case .ioPriority(let kind, let level):
            Self(
                "ioprio_set", cns_number_ioprio_set,
                [
                    .integer(1, spelled: "IOPRIO_WHO_PROCESS"), who,
                    .integer(
                        Int64(kind.value) << 13 | Int64(level),
                        spelled: .text("IOPRIO_PRIO_VALUE(\(kind.name), \(level))")),
                ])
        case .memoryPolicy(let mode, let nodes):
            Self(
                "set_mempolicy", cns_number_set_mempolicy,
                [
                    .integer(Int64(mode.value), spelled: .text(mode.name)),
                    nodes.words.isEmpty ? .null : .structure(structure(nodes)),
                    // The kernel takes one bit less than it is told.
                    .integer(nodes.words.isEmpty ? 0 : nodes.words.count * 64 + 1),
                ])
        case .personality(let word):
            Self(
                "personality", cns_number_personality,
                [.integer(Int64(word.value), spelled: .text("PER_\(word.name)"))])
        case .processors(let list):
            Self(
                "sched_setaffinity", cns_number_sched_setaffinity,
                [who, .integer(list.words.count * 8), .structure(structure(list))])
        }
    }

    /// `struct sched_attr` in its first form.
    private static func structure(_ scheduling: ProcessAttribute.Scheduling) -> Structure {
        let size = UInt32(48)
        let flags = scheduling.flags.reduce(0) { $0 | $1.value }
        let bytes =
            size.littleEndianBytes + UInt32(scheduling.policy.value).littleEndianBytes + flags.littleEndianBytes
            + scheduling.nice.littleEndianBytes + scheduling.priority.littleEndianBytes
            + [scheduling.runtime, scheduling.deadline, scheduling.period].flatMap(\.littleEndianBytes)
        let names = scheduling.flags.isEmpty ? "0" : scheduling.flags.map(\.name).joined(separator: "|")
        return Structure(
            bytes: bytes,
            spelling: .text(
                "{size=\(size), sched_policy=\(scheduling.policy.name), sched_flags=\(names), "
                    + "sched_nice=\(scheduling.nice), sched_priority=\(scheduling.priority), "
                    + "sched_runtime=\(scheduling.runtime), sched_deadline=\(scheduling.deadline), "
                    + "sched_period=\(scheduling.period)}"))
    }

    private static func structure(_ list: NumberList) -> Structure {
        .words(list.words, spelling: .text("[\(list.text)]"))
    }
}
