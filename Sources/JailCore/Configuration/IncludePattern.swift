/// The glob(3) patterns of `.include`: `*`, `?` and `[…]` in any component; a leading dot is matched by a dot alone.
struct IncludePattern {
    let pattern: String

    /// Has at least one wildcard: a `[` without its `]` is a plain character.
    var isPattern: Bool { pattern.split(separator: "/").contains { GlobComponent($0).hasWildcard } }

    /// The files that match, sorted by their bytes, as glob(3) lists them.
    func matches(in source: any ConfigurationSource) throws(ConfigurationReadError) -> [String] {
        var found = [pattern.hasPrefix("/") ? "/" : ""]
        var isBehindWildcard = false
        for part in pattern.split(separator: "/") {
            let component = GlobComponent(part)
            isBehindWildcard = isBehindWildcard || component.hasWildcard
            var longer: [String] = []
            for prefix in found {
                // What is named plainly before the first wildcard need not be listable.
                let names =
                    isBehindWildcard
                    ? try source.names(in: prefix.isEmpty ? "." : prefix).filter(component.matches)
                    : [component.literal]
                longer += names.map { "\(prefix)\($0)/" }
            }
            found = longer
        }
        return found.map { String($0.dropLast()) }.sorted { Bytes($0.utf8).lexicographicallyPrecedes(Bytes($1.utf8)) }
    }
}

/// One component of a pattern.
private struct GlobComponent {
    private enum Element {
        case byte(UInt8)
        case any
        case run
        case set([ClosedRange<UInt8>], isNegated: Bool)
    }

    private var elements: [Element] = []
    private(set) var hasWildcard = false
    /// The component without its backslashes.
    private(set) var literal = ""

    init(_ text: Substring) {
        var rest = Bytes(text.utf8)[...]
        var plain = Bytes()
        while let byte = rest.popFirst() {
            switch byte {
            case .star: elements.append(.run)
            case UInt8(ascii: "?"): elements.append(.any)
            case UInt8(ascii: "["):
                if let set = Self.takeSet(&rest) { elements.append(set) } else { elements.append(.byte(byte)) }
            case .backslash: elements.append(.byte(rest.popFirst() ?? byte))
            default: elements.append(.byte(byte))
            }
            if case .byte(let byte)? = elements.last { plain.append(byte) } else { hasWildcard = true }
        }
        literal = String(decoding: plain, as: UTF8.self)
    }

    private static func takeSet(_ rest: inout ArraySlice<UInt8>) -> Element? {
        var body = rest
        let isNegated = body.first == UInt8(ascii: "!")
        if isNegated { body = body.dropFirst() }
        guard let close = body.dropFirst().firstIndex(of: UInt8(ascii: "]")) else { return nil }
        rest = body[(close + 1)...]
        body = body[..<close]
        var ranges: [ClosedRange<UInt8>] = []
        while let low = body.popFirst() {
            let isRange = body.first == UInt8(ascii: "-") && body.count > 1
            let high = isRange ? body[body.startIndex + 1] : low
            if isRange { body = body.dropFirst(2) }
            if low <= high { ranges.append(low...high) }
        }
        return .set(ranges, isNegated: isNegated)
    }

    func matches(_ name: String) -> Bool {
        let bytes = Bytes(name.utf8)
        if bytes.first == .dot {
            guard case .byte(.dot)? = elements.first else { return false }
        }
        return matches(bytes)
    }

    /// Greedy with one point of return, so that no name makes it slow.
    private func matches(_ bytes: Bytes) -> Bool {
        var element = 0
        var index = 0
        var retry: (element: Int, index: Int)?
        while index < bytes.count {
            if element < elements.count, case .run = elements[element] {
                retry = (element, index)
                element += 1
            } else if element < elements.count, Self.accepts(elements[element], bytes[index]) {
                element += 1
                index += 1
            } else if let last = retry {
                retry = (last.element, last.index + 1)
                (element, index) = (last.element + 1, last.index + 1)
            } else {
                return false
            }
        }
        return elements[element...].allSatisfy { if case .run = $0 { true } else { false } }
    }

    private static func accepts(_ element: Element, _ byte: UInt8) -> Bool {
        switch element {
        case .byte(let expected): expected == byte
        case .any: true
        case .run: false
        case .set(let ranges, let isNegated): ranges.contains { $0.contains(byte) } != isNegated
        }
    }
}
