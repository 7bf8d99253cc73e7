import Glibc
import JailCore

/// What jail(8)'s command line asks for: its options, and which of its forms the operands make.
struct JailRequest {
    enum Form: Equatable {
        /// `-e`: print the jails of the file.
        case show(separator: String)
        /// The jails of the file; one of them, or all.
        case configured(String?)
        /// One jail, whose parameters are operands.
        case parameters
        /// `-r` and `-R`: jails by name, number or wildcard.
        case removal([String])
    }

    var form = Form.configured(nil)
    var creates = false
    var modifies = false
    var removes = false
    /// -R
    var ignoresFile = false
    /// -C
    var cleansUp = false
    var file = "/etc/jail.conf"
    var jidFile: String?
    /// How many commands may run at once.
    var limit = Int.max
    var isQuiet = false
    var isVerbose = false
    /// -i
    var printsNumbers = false
    var isDyingMentioned = false
    /// --dry-run, jailrun's own: what a change would do.
    var isDryRun = false
    /// path hostname ip command, without names.
    var isOldStyle = false
    var words = ParameterWords()
    /// Options that stand for parameters: then there is no file.
    private var hasParameterOptions: Bool { !words.isEmpty }

    /// Nil for what is no command line of jail(8).
    init?(_ arguments: [String]) {
        var options = OptionWords(arguments, takingArgument: "efJnpsuU", long: ["--dry-run"])
        var separator: String?
        while let (letter, argument) = options.next() {
            if letter == "e" {
                separator = argument
            } else if !takeOperation(letter) && !takeSetting(letter, argument) && !takeParameter(letter, argument) {
                return nil
            }
        }
        guard let form = form(options.operands, separator) else { return nil }
        self.form = form
    }

    private mutating func takeOperation(_ letter: Character) -> Bool {
        switch letter {
        case "c": creates = true
        case "m": modifies = true
        case "r": removes = true
        case "R": (removes, ignoresFile) = (true, true)
        case "C": cleansUp = true
        // Whichever comes last counts.
        case "q": (isQuiet, isVerbose) = (true, false)
        case "v": (isQuiet, isVerbose) = (false, true)
        case "i": (printsNumbers, isQuiet, isVerbose) = (true, true, false)
        case "d": isDyingMentioned = true
        case "-": isDryRun = true
        default: return false
        }
        return true
    }

    private mutating func takeSetting(_ letter: Character, _ argument: String) -> Bool {
        switch letter {
        case "f": file = argument
        case "J": jidFile = argument
        case "p":
            // strtol(3): what is no number is 0, and 0 is no limit.
            let number = Int(argument.prefix { $0.isASCII && $0.isNumber }) ?? 0
            limit = number > 0 ? number : Int.max
        default: return false
        }
        return true
    }

    /// The older spellings of parameters.
    private mutating func takeParameter(_ letter: Character, _ argument: String) -> Bool {
        switch letter {
        case "h": words.add("ip_hostname", nil)
        case "l": words.add("exec.clean", nil)
        case "n": words.add("name", argument)
        case "s": words.add("securelevel", argument)
        case "u", "U":
            words.add("exec.jail_user", argument)
            words.add("exec.system_jail_user", letter == "u" ? nil : "false")
        default: return false
        }
        return true
    }

    private mutating func form(_ operands: [String], _ separator: String?) -> Form? {
        let isRemoval = removes && !creates && !modifies
        if isDryRun, !modifies || creates || removes || cleansUp || separator != nil { return nil }
        if let separator {
            return creates || modifies || removes || !operands.isEmpty ? nil : .show(separator: separator)
        }
        if !creates && !modifies && !removes && !cleansUp { return oldStyle(operands) }
        if isRemoval || cleansUp && !creates && !modifies { return removal(operands) }
        if operands.count > 1 || operands.contains(where: { $0.contains("=") }) {
            if ignoresFile { return nil }
            words.add(operands: operands.map(Self.withAbsolutePath))
            return .parameters
        }
        return ignoresFile || hasParameterOptions ? nil : .configured(operands.first)
    }

    private func removal(_ operands: [String]) -> Form? {
        if hasParameterOptions { return nil }
        if operands.isEmpty { return removes ? nil : .removal(["*"]) }
        return !ignoresFile && operands.contains { $0.contains("=") } ? nil : .removal(operands)
    }

    /// Four operands without names, from before FreeBSD 8.
    private mutating func oldStyle(_ operands: [String]) -> Form? {
        guard operands.count >= 4, operands[0].hasPrefix("/") else { return nil }
        (creates, isOldStyle) = (true, true)
        words.add("path", operands[0])
        words.add("host.hostname", operands[1])
        for address in operands[2].split(separator: ",") {
            words.add(address.contains(":") ? "ip6.addr" : "ip4.addr", String(address))
        }
        words.add(command: Array(operands[3...]))
        return .parameters
    }

    /// On the command line a path may be relative.
    private static func withAbsolutePath(_ word: String) -> String {
        guard word.hasPrefix("path="), !word.hasPrefix("path=/"), word != "path=" else { return word }
        let path = String(word.dropFirst("path=".count))
        // One that is not there is found out, and said, by the start.
        return "path=\(absolute(path) ?? absolute(".").map { "\($0)/\(path)" } ?? path)"
    }

    private static func absolute(_ path: String) -> String? {
        guard let resolved = realpath(path, nil) else { return nil }
        defer { free(resolved) }
        return String(cString: resolved)
    }

    static let usage = """
        usage: jail [-cm] [-Cdqv] [-f file] [-p limit] [jail]
               jail [-r] [-Cqv] [-f file] [-p limit] ['*' | jail ...]
               jail [-cm] [-dhilqv] [-J jid_file] [-u username] [-U username]
                    param=value ... [command=command ...]
               jail [-rR] [-qv] ['*' | jail ...]
               jail [-f file] -e separator
               jail [-dhilqv] [-J jid_file] [-u username] [-U username]
                    [-n jailname] [-s securelevel]
                    path hostname ip[,...] command ...

        """
}
