/// How a command string is run: jail(8) uses a shell only when the string needs one.
package struct JailCommand: Equatable, Sendable {
    /// As the configuration has it; messages show it.
    package var text: String
    package var arguments: [String]
    /// A trailing `&`: not waited for.
    package var isBackground: Bool

    package init(text: String, arguments: [String], isBackground: Bool) {
        self.text = text
        self.arguments = arguments
        self.isBackground = isBackground
    }

    /// jail(8)'s rule: split at white space, of which a newline is one, unless a character means something to sh(1).
    ///
    /// One program that is left in the background is run without a shell even if its words are quoted: a shell would
    /// not report that there is no such program.
    package init(_ text: String) {
        var body = Substring(text)
        while let last = body.last, last == " " || last == "\t" { body.removeLast() }
        let isBackground = body.last == "&" && body.utf8.filter(Self.isSpecial).count == 1
        if isBackground { body.removeLast() }
        self.text = text
        if body.last == "&", let words = ShellLine(body.dropLast()).words {
            self.isBackground = true
            arguments = words
            return
        }
        self.isBackground = isBackground
        self.arguments =
            body.utf8.contains(where: Self.isSpecial)
            ? ["/bin/sh", "-c", String(body)]
            : body.utf8.split { " \t\u{b}\u{c}\r\n".utf8.contains($0) }.map { String(Substring($0)) }
    }

    /// Whether it means something to sh(1).
    private static func isSpecial(_ byte: UInt8) -> Bool { "!\"$&'()*;<>?[\\]`{|}~".utf8.contains(byte) }
}

extension JailCommand {
    /// A program that the command executes.
    package struct Program: Equatable, Sendable {
        package var name: String
        /// The command cannot be run without it. A shell that lacks a program continues.
        package var isCertain: Bool
    }

    /// As far as its text shows: how a shell evaluates expansions and functions is not known here.
    package var programs: [Program] {
        guard let first = arguments.first else { return [] }
        let own = [Program(name: first, isCertain: true)]
        guard let line = shellLine, let inner = ShellLine(line[...]).firstProgram else { return own }
        return own + [Program(name: inner, isCertain: false)]
    }

    /// What a shell is given to run.
    private var shellLine: String? {
        guard arguments.count > 2, arguments[1] == "-c", ["/bin/sh", "sh"].contains(arguments[0]) else { return nil }
        return arguments[2]
    }

    /// The first, of one that a shell runs; nil where that cannot be told without being a shell.
    var unclosedQuote: Character? { shellLine.flatMap { ShellLine($0[...]).unclosedQuote } }

    /// What it runs is a shell's affair.
    var isShell: Bool { shellLine != nil }

    /// A shell leaves processes behind and ends well, whatever becomes of them.
    var leavesProcesses: Bool {
        guard let line = shellLine else { return false }
        return line.utf8.last { $0 != UInt8(ascii: " ") && $0 != UInt8(ascii: "\t") } == UInt8(ascii: "&")
    }
}
