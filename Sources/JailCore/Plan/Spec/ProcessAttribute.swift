/// What the kernel's schedulers know of a process. config.md, "Linux Process"; config-linux.md, "Memory policy", "Personality".
package enum ProcessAttribute: Equatable, Sendable {
    case scheduling(Scheduling)
    case ioPriority(class: Word, level: Int)
    case memoryPolicy(mode: Word, nodes: NumberList)
    case personality(Word)
    case processors(NumberList)

    /// A constant of the kernel's headers.
    package struct Word: Equatable, Sendable {
        package var name: String
        package var value: UInt64
    }

    /// sched_setattr(2).
    package struct Scheduling: Equatable, Sendable {
        package var policy: Word
        package var flags: [Word] = []
        package var nice: Int32 = 0
        package var priority: UInt32 = 0
        /// Nanoseconds, of SCHED_DEADLINE.
        package var runtime: UInt64 = 0
        package var deadline: UInt64 = 0
        package var period: UInt64 = 0
    }

    /// Only the process itself can change it.
    var isOwn: Bool {
        switch self {
        case .memoryPolicy, .personality: true
        case .scheduling, .ioPriority, .processors: false
        }
    }

    /// What is set, in messages.
    package var name: String {
        switch self {
        case .scheduling: "scheduler"
        case .ioPriority: "I/O priority"
        case .memoryPolicy: "memory policy"
        case .personality: "personality"
        case .processors: "CPU affinity"
        }
    }

    /// To what.
    package var value: String {
        switch self {
        case .scheduling(let scheduling): scheduling.policy.name
        case .ioPriority(let kind, let level): "\(kind.name), level \(level)"
        case .memoryPolicy(let mode, let nodes): nodes.text.isEmpty ? mode.name : "\(mode.name) of \(nodes.text)"
        case .personality(let word): word.name
        case .processors(let list): list.text
        }
    }

    /// As util-linux and numactl do it.
    var shell: String {
        switch self {
        case .scheduling(let scheduling):
            "chrt --\(scheduling.policy.name.dropFirst("SCHED_".count).lowercased()) --pid \(scheduling.priority) $JAIL"
        case .ioPriority(let kind, let level): "ionice -c \(kind.value) -n \(level) -p $JAIL"
        case .memoryPolicy(let mode, let nodes):
            "numactl --\(mode.name.dropFirst("MPOL_".count).lowercased())=\(nodes.text) COMMAND"
        case .personality(let word): "setarch \(word.name.lowercased()) COMMAND"
        case .processors(let list): "taskset --cpu-list --pid \(list.text) $JAIL"
        }
    }
}

/// Numbers of processors or memory nodes as the kernel writes them: `0-3,7`.
package struct NumberList: Equatable, Sendable {
    package let text: String
    /// A bit for each number.
    package let words: [UInt64]

    /// No machine has more.
    private static let mostNumbers = 8192

    /// Nil for anything else.
    package init?(_ text: String) {
        var words: [UInt64] = []
        for part in text.split(separator: ",", omittingEmptySubsequences: !text.contains(",")) {
            let ends = part.split(separator: "-", omittingEmptySubsequences: false).map { end in
                DigitsOnly.value(end.utf8, in: 0...Self.mostNumbers - 1)
            }
            guard ends.count <= 2, let first = ends[0], let last = ends[ends.count - 1], first <= last else {
                return nil
            }
            for number in first...last {
                while words.count <= number / 64 { words.append(0) }
                words[number / 64] |= 1 << UInt64(number % 64)
            }
        }
        (self.text, self.words) = (text, words)
    }
}
