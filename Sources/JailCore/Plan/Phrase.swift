/// A few words with a name among them: `open /dev`. A start makes hundreds, which are read when a step fails or is shown: only
/// then are they put together.
public struct Phrase: Equatable, Sendable, ExpressibleByStringInterpolation {
    private let words: StringInterpolation

    public init(stringLiteral words: String) { self.words = StringInterpolation(before: words) }

    public init(stringInterpolation words: StringInterpolation) { self.words = words }

    public static func == (left: Phrase, right: Phrase) -> Bool { left.description == right.description }
}

extension Phrase: CustomStringConvertible {
    public var description: String { words.before + words.name + words.after }
}

extension Phrase {
    public struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var before = ""
        fileprivate var name = ""
        fileprivate var after = ""

        fileprivate init(before: String) { self.before = before }

        public init(literalCapacity: Int, interpolationCount: Int) {}

        public mutating func appendLiteral(_ words: String) {
            if name.isEmpty { before += words } else { after += words }
        }

        public mutating func appendInterpolation(_ text: String) {
            if !name.isEmpty { (before, after) = (before + name + after, "") }
            name = text
        }

        public mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            appendInterpolation(value.description)
        }
    }
}
