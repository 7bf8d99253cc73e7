/// An option of jailrun, and what it takes. The one place that says so: every command line is read by it, shells complete by
/// it, and a test holds the commands of the argument parser to it.
struct OptionForm {
    enum Argument: Equatable {
        case none
        case value
        case directory
        case words([String])
        /// The next word, if it is one of these; else the first of them.
        case optionalWord([String])
    }

    /// Behind two dashes.
    let long: String
    /// Behind one.
    var short: Character?
    var argument = Argument.none
    /// Nil: all that touch jails.
    var verbs: [Verb]?

    /// A letter or a name means the same to every verb that has it: so options can stand before the verb.
    static let all = [
        OptionForm(long: "root", argument: .directory),
        OptionForm(long: "cgroup-root", argument: .directory),
        OptionForm(long: "verbose", short: "v"),
        OptionForm(long: "quiet", short: "q"),
        OptionForm(long: "no-color"),
        OptionForm(long: "instance", argument: .value, verbs: [.run, .start, .stop, .restart]),
        OptionForm(long: "dry-run", verbs: [.run]),
        OptionForm(long: "assume", argument: .value, verbs: [.run, .explain]),
        OptionForm(long: "facts", verbs: [.explain]),
        OptionForm(long: "timings", argument: .optionalWord(["text", "json"]), verbs: [.run, .start]),
        OptionForm(long: "logs", argument: .directory, verbs: [.run]),
        OptionForm(long: "keep", verbs: [.run, .start]),
        OptionForm(long: "timeout", argument: .value, verbs: [.run, .start]),
        OptionForm(long: "fail-fast", verbs: [.run]),
        OptionForm(long: "force", short: "f", verbs: [.stop]),
        OptionForm(long: "json", verbs: [.list, .ps, .stats, .check]),
        OptionForm(long: "openmetrics", verbs: [.stats]),
        OptionForm(long: "terminal", short: "t", verbs: [.exec]),
        OptionForm(long: "user", short: "u", argument: .value, verbs: [.exec]),
        OptionForm(long: "directory", short: "w", argument: .value, verbs: [.exec]),
        OptionForm(long: "env", short: "e", argument: .value, verbs: [.exec]),
        OptionForm(long: "follow", short: "f", verbs: [.logs]),
        OptionForm(long: "since", argument: .value, verbs: [.logs]),
        OptionForm(long: "timestamps", short: "t", verbs: [.logs]),
        OptionForm(long: "lines", short: "n", argument: .value, verbs: [.logs]),
        OptionForm(long: "raw", verbs: [.logs]),
        OptionForm(long: "delay", short: "d", argument: .value, verbs: [.top]),
        OptionForm(long: "count", short: "c", argument: .value, verbs: [.top]),
        OptionForm(long: "posture", verbs: [.check]),
        OptionForm(long: "fail-over", argument: .value, verbs: [.check]),
        OptionForm(long: "format", argument: .words(["text", "strace", "sh", "json", "html"]), verbs: [.explain]),
    ]

    /// Of the argument parser: they are asked instead of anything else.
    static let asked = [
        OptionForm(long: "help", short: "h"),
        OptionForm(long: "help-hidden"),
        OptionForm(long: "version"),
        OptionForm(long: "experimental-dump-help"),
        OptionForm(long: "generate-completion-script", argument: .optionalWord(["bash", "zsh", "fish"])),
    ]

    func belongs(to verb: Verb) -> Bool {
        if [.params, .help, .oci].contains(verb) { return false }
        return verbs?.contains(verb) ?? true
    }

    /// Of the verb, if it has one of that name; a letter may stand for another option elsewhere.
    static func find(for verb: Verb?, _ isMeant: (OptionForm) -> Bool) -> OptionForm? {
        if let verb, let own = all.first(where: { $0.belongs(to: verb) && isMeant($0) }) { return own }
        return all.first(where: isMeant) ?? asked.first(where: isMeant)
    }

    /// Whether a word is an option by itself, and so hardly a value.
    static func isOption(_ word: String) -> Bool {
        let name = word.prefix { $0 != "=" }
        return (all + asked).contains { form in
            name == "--\(form.long)" || form.short.map { name == "-\($0)" } ?? false
        }
    }
}
