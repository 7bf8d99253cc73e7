import Glibc
import JailCore

/// Called as `jls`: FreeBSD's jls(8), its flags, messages and statuses.
enum JlsLink {
    private struct Request {
        var jail: String?
        /// -c
        var asksExistence = false
        /// -d
        var includesDying = false
        var byName = false
        var isVerbose = false
        var hasHeader = false
        var isNamed = false
        var isQuoted = false
        var skipsUnsettable = false
        var parameters: [String] = []
        var output: StructuredOutput?

        init?(_ arguments: [String]) {
            guard let words = takeOutput(arguments) else { return nil }
            var options = OptionWords(words, takingArgument: "j")
            while let (letter, argument) = options.next() {
                if letter == "j" { jail = argument } else if !take(letter) { return nil }
            }
            parameters = options.operands
            if asksExistence && jail == nil { return nil }
        }

        /// Some options take others back, whichever comes last.
        private mutating func take(_ letter: Character) -> Bool {
            switch letter {
            case "a", "d": includesDying = true
            case "c": asksExistence = true
            case "h": (hasHeader, skipsUnsettable, isVerbose) = (true, false, false)
            case "N": byName = true
            case "n": (isNamed, isVerbose) = (true, false)
            case "q": isQuoted = true
            case "s":
                (isNamed, isQuoted, skipsUnsettable) = (true, true, true)
                (hasHeader, isVerbose) = (false, false)
            case "v": (isVerbose, hasHeader, isNamed, skipsUnsettable) = (true, false, false, false)
            default: return false
            }
            return true
        }

        /// libxo's options may stand anywhere: `--libxo json,pretty`, `--libxo=json`, `--libxo:JP`.
        private mutating func takeOutput(_ arguments: [String]) -> [String]? {
            var rest: [String] = []
            var words = arguments[...]
            while let word = words.popFirst() {
                if word == "--libxo" {
                    guard let options = words.popFirst() else { return nil }
                    if !setOutput(options.split(separator: ",").map(String.init)) { return nil }
                } else if word.hasPrefix("--libxo=") {
                    let options = word.dropFirst("--libxo=".count).split(separator: ",").map(String.init)
                    if !setOutput(options) { return nil }
                } else if word.hasPrefix("--libxo:") {
                    if !setOutput(word.dropFirst("--libxo:".count).map(String.init)) { return nil }
                } else {
                    rest.append(word)
                }
            }
            return rest
        }

        private mutating func setOutput(_ options: [String]) -> Bool {
            for option in options {
                switch option {
                case "json", "J": output = StructuredOutput(style: .json, isPretty: output?.isPretty ?? false)
                case "xml", "X": output = StructuredOutput(style: .xml, isPretty: output?.isPretty ?? false)
                case "text", "T": output = nil
                case "pretty", "P": output?.isPretty = true
                default: return false
                }
            }
            if options.contains("pretty") || options.contains("P") { output?.isPretty = true }
            return true
        }
    }

    private static let usage = """
        usage: jls [--libxo json|xml|text[,pretty]] [-cdhNnqsv] [-j jail] [param ...]

        """

    static func run(_ arguments: [String]) -> Int32 {
        guard let request = Request(arguments) else { return LinkOutput.usage(usage) }
        let output = LinkOutput(program: "jls")
        do {
            let lookup = JailLookup(host: try output.host())
            if request.asksExistence { return try lookup.recordEverywhere(request.jail ?? "") == nil ? 1 : 0 }
            return try list(request, lookup, output)
        } catch {
            output.error(error.message)
            return 1
        }
    }

    private static func list(_ request: Request, _ lookup: JailLookup, _ output: LinkOutput)
        throws(RuntimeError) -> Int32
    {
        let isKnown = { $0 == "all" || KernelParameters.contains($0) || KernelParameters.positive(of: $0) != nil }
        if let unknown = request.parameters.first(where: { !isKnown($0) }) {
            output.error("unknown parameter: \(Terminal.escaped(unknown))")
            return 1
        }
        let running = try lookup.runningEverywhere()
        var jails = running.filter { request.includesDying || !$0.isDying }
        if let wanted = request.jail {
            guard let jail = try lookup.recordEverywhere(wanted) else {
                // The columns' heads come before any jail is looked for.
                if request.output == nil { LinkOutput.write(1, Array(try listing(request, [], running).text([]).utf8)) }
                output.error(lookup.objection(to: wanted))
                return 1
            }
            jails = [jail]
        }
        let listing = listing(request, jails, running)
        let fields = try jails.map { (jail) throws(RuntimeError) in try listing.fields(of: jail) }
        let text = if let output = request.output { output.text(fields) } else { try listing.text(jails) }
        return output.result(Array(text.utf8))
    }

    private static func listing(_ request: Request, _ jails: [JailRecord], _ running: [JailRecord]) -> JailListing {
        var listing = JailListing(among: running)
        listing.hasHeader = request.hasHeader
        listing.isNamed = request.isNamed
        listing.isQuoted = request.isQuoted
        listing.skipsUnsettable = request.skipsUnsettable
        if !request.parameters.isEmpty || request.hasHeader || request.isNamed {
            listing.form = .parameters(names(request.parameters.isEmpty ? ["all"] : request.parameters, jails))
        } else {
            listing.form = request.isVerbose ? .verbose : .columns(byName: request.byName)
        }
        return listing
    }

    /// Each once; `all` stands for those that every jail has, and the limits that were set for one of these.
    private static func names(_ words: [String], _ jails: [JailRecord]) -> [String] {
        var names: [String] = []
        for word in words {
            let meant = word == "all" ? KernelParameters.all + limits(of: jails) : [word]
            for name in meant where !names.contains(name) { names.append(name) }
        }
        return names
    }

    private static func limits(of jails: [JailRecord]) -> [String] {
        jails.flatMap { $0.spec.parameters.settings.map(\.name) }.filter(KernelParameters.isSettable)
    }
}
