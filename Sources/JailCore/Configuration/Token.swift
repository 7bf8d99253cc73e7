/// A piece of a configuration file. Adjacent pieces with nothing between them are `isGlued` and make one string.
struct Token: Equatable {
    enum Kind: Equatable {
        /// A bare, escaped or quoted piece, its escapes resolved.
        case word(Bytes, isGlued: Bool)
        /// `$name` or `${any name}`.
        case variable(Bytes, isGlued: Bool)
        /// `+=`
        case append
        /// One of `, ; = { }`
        case punctuation(UInt8)
        /// A byte that has no meaning outside quotes.
        case stray(UInt8)
        case end
    }

    var kind: Kind
    /// Where its text begins and ends; a double-quoted string ends, for messages, before its first variable.
    var range: Range<Int>

    func isPunctuation(_ byte: UInt8) -> Bool { kind == .punctuation(byte) }
}
