/// The command line of an OCI runtime: `[GLOBAL OPTION ...] VERB [OPTION ...] [OPERAND ...]`, as runc and crun have it. Engines write
/// `--option value` and `--option=value`.
struct ContainerWords {
    private(set) var operands: [String] = []
    private var options: [(name: String, value: String)] = []

    struct Wrong: Error { var text: String }

    /// - Parameters:
    ///   - flags: options without a value.
    ///   - valued: options with one. A letter is a name, too.
    ///   - endsAtOperand: what follows the first operand is not looked at.
    init(_ words: ArraySlice<String>, flags: [String], valued: [String], endsAtOperand: Bool = false) throws(Wrong) {
        var rest = words
        while let word = rest.popFirst() {
            if word == "--" {
                operands += rest
                return
            }
            guard word.hasPrefix("-"), word != "-" else {
                operands.append(word)
                if endsAtOperand {
                    operands += rest
                    return
                }
                continue
            }
            let parts = word.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
            let name = String(parts[0].drop { $0 == "-" })
            if flags.contains(name) {
                if parts.count == 1 || parts[1] == "true" { options.append((name, "true")) }
            } else if valued.contains(name) {
                guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                    throw Wrong(text: "option \(parts[0]) needs a value")
                }
                options.append((name, value))
            } else {
                throw Wrong(text: "unknown option \(parts[0])")
            }
        }
    }

    func has(_ names: String...) -> Bool { options.contains { names.contains($0.name) } }
    /// The last one given.
    func value(_ names: String...) -> String? { options.last { names.contains($0.name) }?.value }
    func values(_ names: String...) -> [String] { options.filter { names.contains($0.name) }.map(\.value) }
}
