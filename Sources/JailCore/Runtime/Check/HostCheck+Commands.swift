internal import SystemPackage

/// Commands, whose programs a start does not look for.
extension HostCheck {
    mutating func checkHostCommands() {
        let commands = spec.commands
        let lists = [
            ("exec.prepare", commands.prepare), ("exec.prestart", commands.prestart),
            ("exec.created", commands.created), ("exec.poststart", commands.poststart),
            ("exec.prestop", commands.prestop), ("exec.poststop", commands.poststop),
            ("exec.release", commands.release),
        ]
        if lists.allSatisfy(\.1.isEmpty) { return }
        let lookup = CommandLookup(onHost: commands.isClean.value, as: preparedStart?.facts.caller?.user)
        for (parameter, list) in lists {
            for command in list {
                let line = JailCommand(command.value)
                sayUnclosed(line, parameter, command.origin)
                for lack in lookup.lacks(of: line) {
                    say(
                        lack.isCertain ? .error : .warning, "\(parameter): \(lack.words(for: line))", command.origin,
                        hint: lack.hint(path: lookup.path))
                }
            }
        }
    }

    /// A program that an earlier command may make need not be there yet. In a jail that is up it is, unless none makes it.
    mutating func checkCommands() {
        let lookup = CommandLookup(rootOf: spec, as: preparedStart?.facts.jailUser)
        let inside = presentRoot
        for command in spec.insideCommands {
            sayUnclosed(command.line, command.parameter, command.origin)
            for lack in lookup.lacks(of: command.line) {
                let isMade = inside?.lacks(of: command.line).isEmpty ?? false
                let bringer =
                    lack.problem == .unseen ? "a mount provides it" : maker(of: lack, before: command, isMade: isMade)
                if isMade && bringer != nil { continue }
                let needed = bringer.map { "needed unless \($0)" }
                say(
                    lack.isCertain && bringer == nil ? .error : .warning,
                    "\(command.parameter): \(lack.words(for: command.line))", command.origin,
                    hint: (lack.isCertain || lack.problem == .unseen ? needed : nil) ?? lack.hint(path: lookup.path)
                        ?? (lack.problem == .missing(.noSuchFileOrDirectory) ? "it must be in the jail's root" : nil))
            }
        }
    }

    /// Every shell ends with an error of its own there, if it comes there: it reads one line after the other.
    private mutating func sayUnclosed(_ line: JailCommand, _ parameter: String, _ origin: Origin) {
        guard let quote = line.unclosedQuote else { return }
        say(
            line.text.utf8.contains(UInt8(ascii: "\n")) ? .warning : .error,
            "\(parameter): \(Terminal.escaped(line.text)): the quote \(quote) is not closed", origin,
            hint: "close it, or write \\\(quote) where the quote itself is meant")
    }

    /// Where the user may not pass, a command inside, which is the same user's, changes nothing.
    private func maker(of lack: CommandLookup.Lack, before command: InsideCommand, isMade: Bool) -> String? {
        let commands = spec.commands
        let inside = lack.barrier == nil ? commands.start + commands.command : []
        let earlier = Array(inside.prefix { $0.origin != command.origin })
        let lists: [Maker] = [
            ("exec.prepare", commands.prepare), ("exec.prestart", commands.prestart),
            ("exec.created", commands.created), ("an earlier command", earlier),
        ]
        return maker(of: lists, isMade: isMade).map { "\($0) makes it" }
    }
}
