/// A few words with a name among them: `open /dev`. A start makes hundreds, which are read when a step fails or is shown: only
/// then are they put together.
package struct Phrase: Equatable, Sendable, ExpressibleByStringInterpolation {
    private let words: StringInterpolation

    package init(stringLiteral words: String) { self.words = StringInterpolation(before: words) }

    package init(stringInterpolation words: StringInterpolation) { self.words = words }

    package static func == (left: Phrase, right: Phrase) -> Bool { left.description == right.description }
}

extension Phrase: CustomStringConvertible {
    package var description: String { words.before + words.name + words.after }
}

extension Phrase {
    package struct StringInterpolation: StringInterpolationProtocol, Sendable {
        fileprivate var before = ""
        fileprivate var name = ""
        fileprivate var after = ""

        fileprivate init(before: String) { self.before = before }

        package init(literalCapacity: Int, interpolationCount: Int) {}

        package mutating func appendLiteral(_ words: String) {
            if name.isEmpty { before += words } else { after += words }
        }

        package mutating func appendInterpolation(_ text: String) {
            if !name.isEmpty { (before, after) = (before + name + after, "") }
            name = text
        }

        package mutating func appendInterpolation(_ value: some CustomStringConvertible) {
            appendInterpolation(value.description)
        }
    }
}
