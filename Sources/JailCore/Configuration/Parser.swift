/// jail.conf(5)'s grammar over one file.
///
/// The error recovery is yacc's, because the list of errors is part of what users compare: after an error everything up
/// to the next `;` is dropped, and errors within the three tokens after that are consequences and not reported.
struct Parser {
    private var lexer: Lexer
    private var token: Token
    /// Behind the last token that is not the file's end, where something is missing when the end comes too early.
    private var textEnd = 0
    /// Tokens to be read before an error is reported again.
    private var quietTokens = 0
    private let depthOutside: Int
    private let errorsOutside: Int
    /// Blocks in blocks; a jail's name has no room for as many.
    private static let maximumBlocks = 64
    private let include: Include

    /// What `.include` does with one name.
    typealias Include = (_ name: Bytes, _ location: SourceLocation, _ tree: inout ConfigurationTree) -> Void

    private init(_ source: SourceText, tree: ConfigurationTree, include: @escaping Include) {
        lexer = Lexer(source)
        token = Token(kind: .end, range: 0..<0)
        depthOutside = tree.openBlocks.count
        errorsOutside = tree.errors.count
        self.include = include
    }

    /// Adds a file's blocks and settings, and its errors, to the tree.
    static func parse(_ source: SourceText, into tree: inout ConfigurationTree, include: @escaping Include) {
        var parser = Parser(source, tree: tree, include: include)
        parser.advance(&tree)
        parser.parse(&tree)
        tree.openBlocks.removeLast(max(0, tree.openBlocks.count - parser.depthOutside))
    }

    private mutating func advance(_ tree: inout ConfigurationTree) {
        token = lexer.next()
        if token.kind != .end { textEnd = token.range.upperBound }
        tree.errors += lexer.errors
        lexer.errors = []
    }

    private mutating func shift(_ tree: inout ConfigurationTree) {
        quietTokens = max(0, quietTokens - 1)
        advance(&tree)
    }

    private mutating func parse(_ tree: inout ConfigurationTree) {
        while !isFinished(tree) {
            switch token.kind {
            case .punctuation(.semicolon): shift(&tree)
            case .punctuation(.closeBrace) where tree.openBlocks.count > depthOutside:
                tree.openBlocks.removeLast()
                shift(&tree)
            case .word(let name, isGlued: false): statement(name, isVariable: false, &tree)
            case .variable(let name, isGlued: false): statement(name, isVariable: true, &tree)
            case .stray(let byte) where byte.endsFileForYacc: refuseEnd(&tree)
            default: recover(&tree)
            }
        }
    }

    /// FreeBSD's parser takes the byte for the file's end. Between statements that would silently drop what follows, so
    /// it is an error here; jail(8) only stops listing those that it found before.
    private mutating func refuseEnd(_ tree: inout ConfigurationTree) {
        if tree.errors.count > errorsOutside && tree.openBlocks.count == depthOutside { tree.noteExit() }
        recover(&tree)
    }

    private func isFinished(_ tree: ConfigurationTree) -> Bool {
        token.kind == .end && (hasGivenUp || tree.openBlocks.count == depthOutside)
    }

    /// A block or a setting, whose name is the current token.
    private mutating func statement(_ name: Bytes, isVariable: Bool, _ tree: inout ConfigurationTree) {
        let location = lexer.source.location(at: token.range.lowerBound)
        var setting = Setting(name: name, isVariable: isVariable, location: location)
        shift(&tree)
        switch token.kind {
        case .punctuation(.openBrace) where !isVariable && tree.openBlocks.count < Self.maximumBlocks:
            tree.open(name, at: location)
            return shift(&tree)
        case .punctuation(.semicolon): break
        case .punctuation(.equals):
            setting.form = .assign
            shift(&tree)
            guard values(&setting, &tree) else { return }
        case .append:
            setting.form = .append
            shift(&tree)
            guard values(&setting, &tree) else { return }
        case .word(_, isGlued: false), .variable(_, isGlued: false):
            setting.form = .juxtapose
            guard values(&setting, &tree) else { return }
        default: return recover(&tree)
        }
        finish(setting, &tree)
    }

    /// At the `;`: `.include` is performed before the text behind it is read.
    private mutating func finish(_ setting: Setting, _ tree: inout ConfigurationTree) {
        let end = token.range.lowerBound
        if setting.form == .juxtapose, !setting.isVariable, setting.name == Bytes(".include".utf8) {
            setting.values.forEach { includeFile($0, statementEnd: end, &tree) }
        } else {
            tree.add(setting)
        }
        shift(&tree)
    }

    private func includeFile(_ name: ValueTemplate, statementEnd: Int, _ tree: inout ConfigurationTree) {
        guard name.references.isEmpty else {
            let source = lexer.source
            let text = "variables not permitted in '.include' filename"
            return tree.report(
                Diagnostic(
                    text, at: name.location, sourceLine: source.line(at: name.location),
                    jailMessage: Bytes("\(source.file) line \(source.lineNumber(at: statementEnd)): \(text)".utf8)))
        }
        include(name.text, name.location, &tree)
    }

    /// `string, string …;` False when an error was found, and dealt with.
    private mutating func values(_ setting: inout Setting, _ tree: inout ConfigurationTree) -> Bool {
        while let value = string(&tree) {
            setting.values.append(value)
            if token.isPunctuation(.semicolon) { return true }
            guard token.isPunctuation(.comma) else { break }
            shift(&tree)
        }
        recover(&tree)
        return false
    }

    /// Glued pieces, or nil when none stands here.
    private mutating func string(_ tree: inout ConfigurationTree) -> ValueTemplate? {
        var value = ValueTemplate(location: lexer.source.location(at: token.range.lowerBound))
        guard value.takeFirst(token.kind) else { return nil }
        shift(&tree)
        while value.takeGlued(token.kind) { shift(&tree) }
        return value
    }

    // MARK: Errors

    /// The file cannot be read on: it ended inside a statement or block, or as FreeBSD's parser takes it, at a
    /// non-ASCII byte.
    private var hasGivenUp = false

    private mutating func recover(_ tree: inout ConfigurationTree) {
        if quietTokens == 0 { report(&tree) }
        quietTokens = 3
        while !token.isPunctuation(.semicolon) {
            if case .stray(let byte) = token.kind, byte.endsFileForYacc { tree.noteExit() }
            if token.kind == .end {
                hasGivenUp = true
                return
            }
            advance(&tree)
        }
        shift(&tree)
    }

    private func report(_ tree: inout ConfigurationTree) {
        let source = lexer.source
        let location = source.location(at: token.kind == .end ? textEnd : token.range.lowerBound)
        tree.report(
            Diagnostic(
                token.kind == .end ? "unexpected end of file" : "syntax error at \(text.printable())", at: location,
                hint: hint(tree), sourceLine: source.line(at: location), jailMessage: jailMessage))
    }

    private var text: Bytes { Bytes(lexer.source.bytes[token.range]) }

    private var jailMessage: Bytes {
        let source = lexer.source
        if token.kind == .end || token.kind == .stray(0) { return Bytes("\(source.file): unexpected EOF".utf8) }
        let line = source.lineNumber(at: token.range.upperBound)
        return Bytes("\(source.file) line \(line): ".utf8) + text.prefix { $0 != 0 } + Bytes(": syntax error".utf8)
    }

    /// U+FEFF in UTF-8, which some editors put first.
    private static let byteOrderMark: Bytes = [0xef, 0xbb, 0xbf]

    private func hint(_ tree: ConfigurationTree) -> String? {
        switch token.kind {
        case .end where tree.openBlocks.count > depthOutside:
            let block = tree.blocks[tree.openBlocks[tree.openBlocks.count - 1]]
            return "the block \(block.name.printable()) of line \(block.location.line) is still open"
        case .end: return "the last statement has no ;"
        case .punctuation(.closeBrace) where tree.openBlocks.count == depthOutside: return "no block is open here"
        case .punctuation(.closeBrace), .word(_, isGlued: false), .variable(_, isGlued: false):
            return "the statement before it needs a ; and a value with white space needs quotes"
        case .word(_, isGlued: true), .variable(_, isGlued: true):
            return "a name is one word; put a name with * in quotes"
        case .stray where token.range.lowerBound == 0 && lexer.source.bytes.starts(with: Self.byteOrderMark):
            return "the file begins with a byte order mark: save it as UTF-8 without one"
        case .stray: return "put it in quotes"
        default: return nil
        }
    }
}

extension UInt8 {
    /// Tokens that are negative, or 0, are the end for yacc: a byte is one as C's signed char.
    fileprivate var endsFileForYacc: Bool { self == 0 || self >= 0x80 }
}

extension ValueTemplate {
    fileprivate mutating func takeFirst(_ kind: Token.Kind) -> Bool {
        switch kind {
        case .word(let text, isGlued: _): self.text = text
        case .variable(let name, isGlued: _): references = [Reference(name: name, position: 0)]
        default: return false
        }
        return true
    }

    fileprivate mutating func takeGlued(_ kind: Token.Kind) -> Bool {
        switch kind {
        case .word(let text, isGlued: true): self.text += text
        case .variable(let name, isGlued: true): references.append(Reference(name: name, position: self.text.count))
        default: return false
        }
        return true
    }
}
