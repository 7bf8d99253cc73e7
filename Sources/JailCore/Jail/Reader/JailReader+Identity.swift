extension JailReader {
    /// The jail's name: `name`, or the block's.
    mutating func name() -> Located<String> {
        guard let parameter = jail.parameter("name"), let value = parameter.lastValue else {
            return Located("", .configuration(jail.location))
        }
        let shown = value.bytes.printable()
        if let objection = JailName.objection(to: value.bytes) {
            error(
                "\"\(shown)\" cannot be a jail's name: \(objection)", at: value.location,
                hint: "letters, digits, _ . and -, at most \(JailName.maximumBytes)")
        } else if value.bytes.allSatisfy(\.isDigit), Bytes(String(numericJid ?? 0).utf8) != value.bytes {
            error("name cannot be numeric (unless it is the jid)", at: value.location)
        }
        return Located(shown, .configuration(value.location))
    }

    private var numericJid: Int? {
        jail.parameter("jid")?.lastValue.flatMap { DigitsOnly.value($0.bytes, in: 1...999_999) }
    }

    /// FreeBSD's largest jid is 999999.
    mutating func jid() -> Located<Int>? { integer("jid", in: 1...999_999) }

    var hasPath: Bool { jail.parameter("path")?.lastValue.map { !$0.bytes.isEmpty } ?? false }

    /// FreeBSD's root is `/` when there is no `path`: see `ConfigurationReading.requireRoots()`.
    mutating func path() -> Located<String> {
        guard let path = absolutePath("path") else { return Located("/", .standard("path = DIRECTORY")) }
        if !path.value.split(separator: "/").contains("..") { return path }
        error("path: \"\(path.shown)\" contains ..", at: path.place)
        return path
    }

    /// sethostname(2) takes 64 bytes. What stands there gets into /etc/hosts and prompts: printable ASCII without
    /// blanks.
    mutating func hostname(of jailName: Located<String>, inherits: Located<Bool>) -> Located<String> {
        if inherits.value { return Located("", inherits.origin) }
        guard let hostname = string("host.hostname") else {
            return Located(jailName.value, .standard("host.hostname = NAME"))
        }
        if hostname.value.utf8.count > 64 {
            error("host.hostname: longer than 64 bytes", at: hostname.place)
        } else if !hostname.value.utf8.allSatisfy({ $0.isLetter || $0.isDigit || ".-_".utf8.contains($0) }) {
            error(
                "host.hostname: \"\(hostname.shown)\" is not a hostname", at: hostname.place,
                hint: "letters, digits, dots, - and _")
        }
        return hostname
    }

    mutating func commands() -> CommandSpec {
        var commands = CommandSpec(
            isClean: boolean("exec.clean", otherwise: false, "exec.clean"),
            isJailUserOfHost: boolean("exec.system_jail_user", otherwise: false, "exec.system_jail_user"),
            timeoutSeconds: seconds("exec.timeout", otherwise: 0),
            stopTimeoutSeconds: seconds("stop.timeout", otherwise: 10))
        commands.prepare = strings("exec.prepare")
        commands.prestart = strings("exec.prestart")
        commands.created = strings("exec.created")
        commands.start = strings("exec.start")
        commands.command = strings("command")
        commands.poststart = strings("exec.poststart")
        commands.prestop = strings("exec.prestop")
        commands.stop = strings("exec.stop")
        commands.poststop = strings("exec.poststop")
        commands.release = strings("exec.release")
        commands.jailUser = user("exec.jail_user")
        commands.systemUser = user("exec.system_user")
        commands.consoleLog = absoluteFile("exec.consolelog", separator: ":")
        return commands
    }

    /// The bound keeps milliseconds within what poll(2) takes.
    private mutating func seconds(_ name: String, otherwise: Int) -> Located<Int> {
        integer(name, in: 0...2_000_000) ?? Located(otherwise, .standard("\(name) = SECONDS"))
    }

    /// A number is a number: it is never looked up as a name, and (uid_t)-1 would mean "no change" to the kernel.
    private mutating func user(_ name: String) -> Located<String>? {
        guard let user = string(name), !user.value.isEmpty else { return nil }
        let bytes = Bytes(user.value.utf8)
        let isNumber = DigitsOnly.value(bytes, in: 0...(UInt32.max - 1)) != nil
        let isName =
            !bytes[0].isDigit && bytes[0] != UInt8(ascii: "-") && bytes.count <= 32
            && bytes.allSatisfy { $0.isLetter || $0.isDigit || "_.-$".utf8.contains($0) }
        if isNumber || isName { return user }
        error("\(name): \"\(user.shown)\" is neither a user's name nor a number below 4294967295", at: user.place)
        return nil
    }

    /// A jail that nothing would keep alive: jail_set(2) refuses it.
    mutating func checkLiveliness(_ isPersistent: Located<Bool>, _ commands: CommandSpec) {
        if isPersistent.value || !commands.start.isEmpty || !commands.command.isEmpty { return }
        if case .standard = isPersistent.origin, jail.parameter("persist") != nil { return }  // told already
        // jail_set(2)'s words.
        error(
            "new jail must persist or attach", at: jail.location,
            hint: "the jail needs persist, exec.start or command", code: .lifeless)
    }
}
