import Glibc

/// What helps with a command line: examples of each verb, and what is said where there is none.
enum HelpText {
    /// Ends with 64, as what is no command line does.
    static func explainItself() -> Never {
        Output.raw(
            """
            jailrun runs FreeBSD-style jails on Linux, as a jail.conf(5) describes them.

            usage: jailrun FILE [JAIL ...] [-- COMMAND ...]
                   jailrun VERB ...

                jailrun www.conf                     run its jails here, until Ctrl-C
                jailrun start www.conf               start them, and return when they are up
                jailrun services.conf -- make test   run a command beside them, then stop

            verbs: \(Verb.names.prefix(10).joined(separator: " "))
                   \(Verb.names.dropFirst(10).joined(separator: " "))
            See jailrun --help, jailrun VERB --help, and jailrun(8).

            """)
        exit(64)
    }

    /// The discussion of a verb's help.
    static func discussion(_ text: String = "", examples: String...) -> String {
        let title = examples.count == 1 ? "EXAMPLE:" : "EXAMPLES:"
        let shown = ([title] + examples.map { "  \($0)" }).joined(separator: "\n")
        return text.isEmpty ? shown : "\(text)\n\n\(shown)"
    }
}
