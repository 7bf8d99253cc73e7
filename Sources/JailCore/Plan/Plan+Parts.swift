extension Plan {
    /// The steps of one purpose, and the lines that asked for it.
    package struct Part: Equatable, Sendable {
        package var purpose: Purpose
        /// Indices into `allSteps`, ascending.
        package var steps: [Int]
        /// Without repetition, in the order of the steps.
        package var origins: [Origin]
    }

    /// What the plan consists of, in the order in which each part begins.
    package var parts: [Part] {
        var parts: [Part] = []
        for (index, step) in allSteps.enumerated() {
            // Most steps go with the one before: looked for from the end.
            if let found = parts.lastIndex(where: { $0.purpose == step.purpose }) {
                parts[found].steps.append(index)
                if !parts[found].origins.contains(step.origin) { parts[found].origins.append(step.origin) }
            } else {
                parts.append(Part(purpose: step.purpose, steps: [index], origins: [step.origin]))
            }
        }
        return parts
    }

    /// The names of a part's system calls and how often each is made: `fsopen, fsconfig ×3, fsmount`.
    package func calls(of part: Part) -> String {
        var counts: [(name: String, count: Int)] = []
        for name in part.steps.map({ allSteps[$0].operation.name }) {
            if let found = counts.firstIndex(where: { $0.name == name }) {
                counts[found].count += 1
            } else {
                counts.append((name, 1))
            }
        }
        return counts.map { $0.count == 1 ? $0.name : "\($0.name) ×\($0.count)" }.joined(separator: ", ")
    }
}

extension Plan.Part {
    /// The numbers of the steps, from 1: `3-7, 12`.
    package var numbers: String { steps.map { $0 + 1 }.ranges }
}

extension [Int] {
    /// Ascending numbers, runs of them together: `3-7, 12`.
    package var ranges: String {
        var ranges: [ClosedRange<Int>] = []
        for number in self {
            if let last = ranges.last, last.upperBound + 1 == number {
                ranges[ranges.count - 1] = last.lowerBound...number
            } else {
                ranges.append(number...number)
            }
        }
        return ranges.map { $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)-\($0.upperBound)" }
            .joined(separator: ", ")
    }
}

extension Operation {
    /// The name of its system call.
    package var name: String {
        switch self {
        case .call(let call): call.name
        case .spawn, .fork: "clone3"
        case .release: "sendmsg"
        case .network(.setSysctl), .network(.restoreSysctl): "write"
        case .network(.settleLink): "ioctl"
        case .network: "sendmsg"
        case .verify: "read"
        case .check(_, .isOnTmpfs): "fstatfs"
        case .check(_, .belongs): "fstat"
        case .removeCgroup: "rmdir"
        }
    }
}
