import ArgumentParser
import JailCore

/// What a shell may offer for the word under the cursor: `jailrun __complete WORD... CURRENT`, which its completion script calls.
/// A line for each candidate, with a tab before its meaning, and one behind a colon for the files that fit as well.
struct Completion {
    /// What the shell itself knows.
    enum Files: String { case none, configurations, directories, command }

    static let verb = "__complete"

    private(set) var candidates: [(word: String, meaning: String)] = []
    private(set) var files = Files.none
    private let words: CommandWords

    init(before: ArraySlice<String>, current: String) {
        words = CommandWords(before)
        if let awaited = words.awaited {
            offerValues(of: awaited)
        } else if words.command != nil {
            files = words.verb == .exec ? .none : .command
        } else if current.hasPrefix("-") {
            offerOptions()
        } else {
            offerOperands()
        }
        candidates = candidates.filter { $0.word.hasPrefix(current) && !words.operands.contains($0.word) }
    }

    /// - Parameter words: those before the cursor, and the one that is being typed.
    static func answer(_ words: ArraySlice<String>) {
        let completion = Completion(before: words.dropLast(), current: words.last ?? "")
        for (word, meaning) in completion.candidates { Output.text(meaning.isEmpty ? word : "\(word)\t\(meaning)") }
        Output.text(":\(completion.files.rawValue)")
    }

    private mutating func offer(_ words: [String]) { candidates += words.map { ($0, "") } }

    private mutating func offerValues(of form: OptionForm) {
        switch form.argument {
        case .words(let words): offer(words)
        case .optionalWord(let words):
            offer(words)
            offerOperands()
        case .directory: files = .directories
        case .value, .none: break
        }
    }

    private mutating func offerOptions() {
        let asked = OptionForm.asked.filter { form in
            form.long == "help" || words.verb == nil && words.operands.isEmpty && form.long == "version"
        }
        let forms = OptionForm.all.filter { $0.belongs(to: words.verb ?? .run) } + asked
        for form in forms {
            offer(["--\(form.long)"])
            if let short = form.short { offer(["-\(short)"]) }
        }
    }

    private mutating func offerOperands() {
        guard let verb = words.verb else {
            return words.operands.isEmpty ? offerVerbs(orFiles: true) : offerJailsOfFile()
        }
        switch verb.operand {
        case .none: break
        case .file: words.operands.isEmpty ? files = .configurations : offerJailsOfFile()
        case .jail: if words.operands.isEmpty { offerJails(alsoEnded: verb == .inspect) }
        case .jails: offerJails(alsoEnded: verb == .wait)
        case .jailsOrFiles:
            offerJails(alsoEnded: true)
            files = .configurations
        case .parameter:
            if words.operands.isEmpty { candidates += ParameterTable.rows.map { ($0.name, $0.meaning) } }
        case .containerVerb:
            if words.operands.isEmpty { candidates += ContainerVerb.all.map { ($0.name, $0.meaning) } }
        case .verb: if words.operands.isEmpty { offerVerbs(orFiles: false) }
        }
    }

    private mutating func offerVerbs(orFiles: Bool) {
        for command in Jailrun.configuration.subcommands {
            candidates.append((command.configuration.commandName ?? "", command.configuration.abstract))
        }
        if orFiles { files = .configurations }
    }

    /// A file that cannot be read has none that could be offered.
    private mutating func offerJailsOfFile() {
        guard let file = words.operands.first, file != "-", let configuration = try? Configuration(path: file),
            let specs = try? configuration.specs()
        else { return }
        offer(specs.map(\.name.value))
    }

    private mutating func offerJails(alsoEnded: Bool) {
        // Whoever may not look is offered none.
        offer((try? StateDirectory.jailNames(in: words.value(of: "root"), alsoEnded: alsoEnded)) ?? [])
    }
}
