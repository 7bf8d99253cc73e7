/// A command of the configuration that runs inside a jail.
struct InsideCommand {
    var parameter: String
    var line: JailCommand
    var origin: Origin
}

extension ConfiguredJail {
    /// `exec.start` and `command`, in their order; one without a word is none.
    var startCommands: [InsideCommand] {
        var all: [InsideCommand] = []
        for command in commands.start { all.append("exec.start", command) }
        for command in commands.command { all.append("command", command) }
        if let vector = commands.commandVector, !vector.value.isEmpty {
            let text = vector.value.joined(separator: " ")
            let line = JailCommand(text: text, arguments: vector.value, isBackground: false)
            all.append(InsideCommand(parameter: "command", line: line, origin: vector.origin))
        }
        return all
    }

    /// Those, and what runs while the jail is up and when it is stopped.
    var insideCommands: [InsideCommand] {
        var all = startCommands
        if let health { all.append("health.command", health.command) }
        for command in commands.stop { all.append("exec.stop", command) }
        return all
    }
}

extension [InsideCommand] {
    fileprivate mutating func append(_ parameter: String, _ command: Located<String>) {
        let line = JailCommand(command.value)
        if !line.arguments.isEmpty {
            append(InsideCommand(parameter: parameter, line: line, origin: command.origin))
        }
    }
}
