import JailCore

/// The parts of several jails in one order: what is so for many of them is said once.
struct MergedParts {
    struct Part {
        var told: JailExplanation.Part
        var calls: [String]
        /// Ascending.
        var members: [Member]
    }

    /// A jail that has the part.
    struct Member {
        var jail: Int
        var steps: [Int]
        var origins: [JailExplanation.Source]
    }

    let parts: [Part]
    /// Where each jail's parts are in it, in their order.
    let places: [[Int]]

    init(_ jails: [JailExplanation]) {
        var merger = Merger()
        let found = jails.enumerated().map { merger.add($1, $0) }
        let places = merger.positions
        self.places = found.map { $0.map { places[$0] } }
        parts = merger.order.map { merger.parts[$0] }
    }
}

/// Parts have numbers here, in the order in which they were met.
private struct Merger {
    private(set) var parts: [MergedParts.Part] = []
    /// Their numbers, in an order that no jail's parts contradict.
    private(set) var order: [Int] = []
    private var known: [String: [Int]] = [:]

    /// Where each number is in the order.
    var positions: [Int] {
        var positions = [Int](repeating: 0, count: order.count)
        for (position, number) in order.enumerated() { positions[number] = position }
        return positions
    }

    /// - Returns: the numbers of its parts.
    mutating func add(_ jail: JailExplanation, _ index: Int) -> [Int] {
        let positions = positions
        var before = [[Int]](repeating: [], count: order.count + 1)
        var (next, new, numbers) = (0, [Int](), [Int]())
        for part in jail.parts {
            let calls = part.steps.map { jail.steps[$0 - 1].call }
            let key = Self.key(part, calls)
            let member = MergedParts.Member(jail: index, steps: part.steps, origins: part.origins)
            if let number = known[key]?.first(where: { $0 < positions.count && positions[$0] >= next }) {
                before[positions[number]] += new
                (next, new) = (positions[number] + 1, [])
                parts[number].members.append(member)
                numbers.append(number)
            } else {
                let number = parts.count
                parts.append(MergedParts.Part(told: part, calls: calls, members: [member]))
                known[key, default: []].append(number)
                new.append(number)
                numbers.append(number)
            }
        }
        order = order.indices.flatMap { before[$0] + [order[$0]] } + before[order.count] + new
        return numbers
    }

    /// All that is said of it, but for where and by whom it was asked for.
    private static func key(_ part: JailExplanation.Part, _ calls: [String]) -> String {
        let words = [part.subject, part.does, part.without, part.turnedOff ?? ""]
        return (words + part.manual + part.shell + calls).joined(separator: "\n")
    }
}
