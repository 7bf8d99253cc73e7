/// Cuts a configuration file into tokens, as jail.conf(5)'s lexer does: the longest match decides.
struct Lexer {
    let source: SourceText
    /// What was unterminated, in the order found; the parser adds its own.
    var errors: [Diagnostic] = []
    private(set) var offset = 0
    /// The last piece has had no separator after it: the next piece belongs to it.
    private var isInString = false
    /// Where the closing quote stands, behind a variable inside double quotes.
    private var quotesEnd: Int?
    /// No double quote closes anything in the rest of the file.
    private var isWithoutQuotes = false

    init(_ source: SourceText) { self.source = source }

    private var bytes: Bytes { source.bytes }

    private func byte(_ index: Int) -> UInt8? { index < bytes.count ? bytes[index] : nil }

    mutating func next() -> Token {
        while let byte = byte(offset) {
            if let token = quotesEnd != nil ? quotedToken(byte) : bareToken(byte) { return token }
        }
        return Token(kind: .end, range: offset..<offset)
    }

    /// A token outside double quotes, or nil when what stood here was a separator or an error.
    private mutating func bareToken(_ first: UInt8) -> Token? {
        switch first {
        case UInt8(ascii: " "), UInt8(ascii: "\t"), .carriageReturn, .newline: return skip(to: offset + 1)
        case .hash: return skip(to: endOfLine)
        case .slash where byte(offset + 1) == .slash: return skip(to: endOfLine)
        case .slash where byte(offset + 1) == .star: return skipComment()
        case .plus where byte(offset + 1) == .equals: return reserved(.append, length: 2)
        case .comma, .semicolon, .equals, .openBrace, .closeBrace: return reserved(.punctuation(first), length: 1)
        case .singleQuote: return singleQuoted()
        case .doubleQuote: return doubleQuoted()
        default: return first.beginsPiece ? piece(first) : stray(first)
        }
    }

    /// A token behind a variable inside double quotes.
    private mutating func quotedToken(_ first: UInt8) -> Token? {
        switch first {
        case .doubleQuote:
            offset += 1
            quotesEnd = nil
            return nil
        case .dollar, .backslash: return piece(first)
        default: return restOfQuotes(first)
        }
    }

    // MARK: Separators

    private var endOfLine: Int { bytes[offset...].firstIndex(of: .newline) ?? bytes.count }

    private mutating func skip(to end: Int) -> Token? {
        offset = end
        isInString = false
        return nil
    }

    private mutating func skipComment() -> Token? {
        var index = offset + 2
        while index + 1 < bytes.count {
            if bytes[index] == .star && bytes[index + 1] == .slash { return skip(to: index + 2) }
            index += 1
        }
        let start = offset
        offset = bytes.count
        unterminated("comment", from: start, hint: "outside quotes, /* begins a comment, even inside a word")
        return nil
    }

    private mutating func reserved(_ kind: Token.Kind, length: Int) -> Token {
        isInString = false
        return token(kind, to: offset + length)
    }

    /// Bytes from 0x80, and most control bytes.
    private mutating func stray(_ byte: UInt8) -> Token { token(.stray(byte), to: offset + 1) }

    private mutating func token(_ kind: Token.Kind, to end: Int) -> Token {
        defer { offset = end }
        return Token(kind: kind, range: offset..<end)
    }

    private mutating func unterminated(_ what: String, from start: Int, hint: String) {
        let line = source.lineNumber(at: offset)
        let location = source.location(at: start)
        errors.append(
            Diagnostic(
                "unterminated \(what)", at: location, hint: hint,
                sourceLine: source.line(at: location),
                jailMessage: Bytes("\(source.file) line \(line): unterminated \(what)".utf8)))
    }

    // MARK: Pieces

    private mutating func word(_ text: Bytes, to end: Int) -> Token {
        defer { isInString = true }
        return token(.word(text, isGlued: isInString), to: end)
    }

    /// A run of word characters, an escape, a variable, or one of `$ * + / \` alone.
    private mutating func piece(_ first: UInt8) -> Token? {
        if first == .dollar, let end = variableEnd { return variable(to: end) }
        if first == .dollar, byte(offset + 1) == .openBrace { return skipUnterminatedVariable() }
        if first == .backslash {
            let end = Escapes.end(of: offset, in: bytes)
            return word(Escapes.resolve(bytes[offset..<end], in: bytes), to: end)
        }
        if first == .dollar || first == .star || first == .plus || first == .slash {
            return word([first], to: offset + 1)
        }
        guard first.isWordByte else { return nil }
        let end = bytes[offset...].firstIndex { !$0.isWordByte } ?? bytes.count
        return word(Bytes(bytes[offset..<end]), to: end)
    }

    private mutating func singleQuoted() -> Token? {
        guard let close = closingQuote(.singleQuote, from: offset + 1) else {
            return skipUnterminatedString(.singleQuote)
        }
        return word(Escapes.resolve(bytes[offset + 1..<close], in: bytes), to: close + 1)
    }

    private mutating func doubleQuoted() -> Token? {
        guard let close = closingQuote(.doubleQuote, from: offset + 1) else {
            return skipUnterminatedString(.doubleQuote)
        }
        return quotedWord(from: offset + 1, close: close)
    }

    /// A variable with a backslash before the closing quote has taken it with it: then the next one closes, and without one
    /// there are pieces, among which `/` begins no comment.
    private mutating func restOfQuotes(_ first: UInt8) -> Token? {
        if let close = quotesEnd, close > offset { return quotedWord(from: offset, close: close) }
        if !isWithoutQuotes, let close = closingQuote(.doubleQuote, from: offset) {
            return quotedWord(from: offset, close: close)
        }
        isWithoutQuotes = true
        if first.beginsPiece { return piece(first) }
        quotesEnd = nil
        return nil
    }

    /// The text up to the closing quote, or up to a variable, which is the next token.
    private mutating func quotedWord(from start: Int, close: Int) -> Token {
        let dollar = firstDollar(in: start..<close)
        quotesEnd = dollar == nil ? nil : close
        return word(Escapes.resolve(bytes[start..<(dollar ?? close)], in: bytes), to: dollar ?? close + 1)
    }

    private func firstDollar(in range: Range<Int>) -> Int? {
        var index = range.lowerBound
        while index < range.upperBound, bytes[index] != .dollar { index += bytes[index] == .backslash ? 2 : 1 }
        return index < range.upperBound ? index : nil
    }

    private func closingQuote(_ quote: UInt8, from start: Int) -> Int? {
        var index = start
        while index < bytes.count, bytes[index] != quote { index += bytes[index] == .backslash ? 2 : 1 }
        return index < bytes.count ? index : nil
    }

    private mutating func skipUnterminatedString(_ quote: UInt8) -> Token? {
        let start = offset
        offset = unterminatedEnd(from: offset + 1, quote: quote)
        unterminated("string", from: start, hint: "the closing \(Character(Unicode.Scalar(quote))) is missing")
        return nil
    }

    /// How far an unterminated string reaches: to the end of its line, an escape counting as one.
    private func unterminatedEnd(from start: Int, quote: UInt8) -> Int {
        var index = start
        while let byte = byte(index), byte != .newline, byte != quote {
            if byte == .backslash {
                guard let escaped = self.byte(index + 1), escaped != .newline else { return index }
                index += 1
            }
            index += 1
        }
        return index
    }

    // MARK: Variables

    /// Behind `$name` or `${any name}` at the offset, if one stands there.
    private var variableEnd: Int? {
        guard byte(offset + 1) == .openBrace else {
            guard let first = byte(offset + 1), first.isNameByte, !first.isDigit else { return nil }
            return bytes[(offset + 1)...].firstIndex { !$0.isNameByte } ?? bytes.count
        }
        return closingBrace
    }

    /// Behind the closing brace, or nil where the pattern of the unterminated variable matches more.
    private var closingBrace: Int? {
        let reach = bracesReach
        return reach.closed.flatMap { $0 >= reach.open ? $0 : nil }
    }

    /// The longest matches, with a closing brace and without, the latter within its line. A backslash may hide the byte behind
    /// it, or be an ordinary byte, whichever reaches further.
    private var bracesReach: (closed: Int?, open: Int) {
        var reach = (closed: Int?.none, open: offset + 2)
        var isPlain = true
        var isEscaped = false
        var isInLine = true
        var index = offset + 2
        while let byte = byte(index), isPlain || isEscaped {
            if isPlain && byte == .closeBrace { reach.closed = index + 1 }
            let stays = isPlain && !isForbiddenInBraces(byte)
            (isPlain, isEscaped) = (stays || isEscaped, isPlain && byte == .backslash)
            isInLine = isInLine && byte != .newline
            index += 1
            if isPlain && isInLine { reach.open = index }
        }
        return reach
    }

    private func isForbiddenInBraces(_ byte: UInt8) -> Bool {
        byte == .newline || byte == .openBrace || byte == .closeBrace || quotesEnd != nil && byte == .doubleQuote
    }

    private mutating func variable(to end: Int) -> Token {
        defer { isInString = true }
        let isBraced = bytes[offset + 1] == .openBrace
        let name = isBraced ? bytes[offset + 2..<end - 1] : bytes[offset + 1..<end]
        return token(.variable(Escapes.resolve(name, in: bytes), isGlued: isInString), to: end)
    }

    private mutating func skipUnterminatedVariable() -> Token? {
        let start = offset
        offset = bracesReach.open
        unterminated(
            "variable", from: start, hint: "write ${name}, on one line and without braces inside, or \\$ for a plain $")
        return nil
    }
}

extension UInt8 {
    /// The bytes of a bare word.
    fileprivate var isWordByte: Bool { Self.wordBytes[Int(self)] }

    private static let wordBytes: [Bool] = {
        let punctuation = Bytes("_!%&()-.:<>?@[]^`|~".utf8)
        return (0..<256).map { punctuation.contains(UInt8($0)) || UInt8($0).isDigit || UInt8($0).isLetter }
    }()

    fileprivate var beginsPiece: Bool {
        isWordByte || self == .dollar || self == .star || self == .plus || self == .slash || self == .backslash
    }

    fileprivate var isNameByte: Bool { isLetter || isDigit || self == UInt8(ascii: "_") }
}
