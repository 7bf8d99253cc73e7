/// One line of `/proc/self/uid_map` or `gid_map`, user_namespaces(7): a number of ids from `inside` on are those from
/// `outside` on in the outer user namespace.
package struct IDMapping: Equatable, Sendable, Codable {
    package var inside: UInt32
    package var outside: UInt32
    package var count: UInt32

    package init(inside: UInt32, outside: UInt32, count: UInt32) {
        (self.inside, self.outside, self.count) = (inside, outside, count)
    }

    /// Empty if the text has no lines, or is not a map.
    package static func read(_ text: String) -> [IDMapping] {
        text.split(separator: "\n").compactMap { line in
            let fields = line.split(whereSeparator: \.isWhitespace).compactMap { UInt32($0) }
            return fields.count == 3 ? IDMapping(inside: fields[0], outside: fields[1], count: fields[2]) : nil
        }
    }
}

extension [IDMapping] {
    /// The map of the machine's first user namespace: 4294967295 is not an id.
    package static let everything = [IDMapping(inside: 0, outside: 0, count: .max)]

    /// Whether there is such an id in the namespace.
    package func has(_ id: UInt32) -> Bool { contains { id >= $0.inside && id - $0.inside < $0.count } }

    /// Whether an id of the outer namespace has one in this.
    package func has(outside id: UInt32) -> Bool { contains { id >= $0.outside && id - $0.outside < $0.count } }

    /// How many ids there are from 0 on without a gap.
    package var countFromRoot: UInt32 {
        var next: UInt32 = 0
        while let mapping = first(where: { $0.inside == next && $0.count > 0 }) {
            let (end, isPastAll) = next.addingReportingOverflow(mapping.count)
            if isPastAll { return .max }
            next = end
        }
        return next
    }
}
