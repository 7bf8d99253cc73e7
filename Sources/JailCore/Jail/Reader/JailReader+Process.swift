extension JailReader {
    mutating func process(network: NetworkSpec, privileges: PrivilegeSpec) -> ProcessSettings {
        ProcessSettings(
            limits: limits(), oomScore: oomScore(), umask: umask(),
            settings: settings(network: network, privileges: privileges))
    }

    /// The parameters of a family, with the part of the name behind its prefix, in their order. A name with a row of its own is
    /// of none.
    func family(_ prefix: String) -> [(name: String, parameter: EffectiveParameter)] {
        jail.parameters.compactMap { parameter in
            guard let name = parameter.name.text, name.hasPrefix(prefix),
                ParameterTable.row(parameter.name)?.prefix == prefix
            else { return nil }
            return (String(name.dropFirst(prefix.utf8.count)), parameter)
        }
    }

    // MARK: ulimit

    private mutating func limits() -> [ProcessSettings.Limit] {
        family("ulimit.").compactMap { name, parameter in
            guard let resource = ResourceLimitName(rawValue: name) else {
                let names = ResourceLimitName.allCases.map(\.rawValue)
                let near = Spelling(name).closest(in: names).map { "did you mean ulimit.\($0)?" }
                error(
                    parameter, "no resource limit has this name", at: parameter.location,
                    hint: near ?? names.joined(separator: ", "))
                return nil
            }
            guard let value = parameter.lastValue, let limit = limit(resource, value) else {
                error(
                    parameter, "\"\(parameter.lastValue?.bytes.printable() ?? "")\" is not a limit",
                    at: parameter.lastValue?.location ?? parameter.location,
                    hint: "SOFT:HARD or one value for both; a number\(resource.isSize ? " with K, M, G or T" : ""), "
                        + "or unlimited; SOFT is at most HARD")
                return nil
            }
            return limit
        }
    }

    private func limit(_ resource: ResourceLimitName, _ value: ParameterValue) -> ProcessSettings.Limit? {
        let parts = value.bytes.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: false)
        let numbers = parts.compactMap { Self.limitValue(Bytes($0), isSize: resource.isSize) }
        guard numbers.count == parts.count, let soft = numbers.first, let hard = numbers.last, numbers.count <= 2,
            soft <= hard
        else { return nil }
        return ProcessSettings.Limit(resource: resource, soft: soft, hard: hard, origin: .configuration(value.location))
    }

    private static func limitValue(_ bytes: Bytes, isSize: Bool) -> UInt64? {
        if ["unlimited", "infinity"].contains(bytes.text) { return .max }
        let number = isSize ? byteCount(bytes) : DigitsOnly.value(bytes, in: 0...Int.max)
        return number.map { UInt64($0) }
    }

    // MARK: oom.score, umask

    private mutating func oomScore() -> Located<Int>? {
        guard let parameter = jail.parameter("oom.score"), let value = parameter.lastValue else { return nil }
        let isNegative = value.bytes.first == UInt8(ascii: "-")
        guard let number = DigitsOnly.value(isNegative ? value.bytes.dropFirst() : value.bytes[...], in: 0...1000)
        else {
            error(
                parameter, "\"\(value.bytes.printable())\" is not a score", at: value.location,
                hint: "-1000 (never) to 1000 (first)")
            return nil
        }
        return Located(isNegative ? -number : number, .configuration(value.location))
    }

    private mutating func umask() -> Located<UInt32> {
        let standard = Located(UInt32(0o022), Origin.standard("umask = MASK"))
        guard let parameter = jail.parameter("umask"), let value = parameter.lastValue else { return standard }
        guard (1...4).contains(value.bytes.count), value.bytes.allSatisfy(\.isOctalDigit),
            let mask = UInt32(String(decoding: value.bytes, as: UTF8.self), radix: 8), mask <= 0o777
        else {
            error(
                parameter, "\"\(value.bytes.printable())\" is not a file mode mask", at: value.location,
                hint: "octal digits, up to 777")
            return standard
        }
        return Located(mask, .configuration(value.location))
    }

    // MARK: sysctl

    private mutating func settings(network: NetworkSpec, privileges: PrivilegeSpec) -> [ProcessSettings.Setting] {
        family("sysctl.").compactMap { name, parameter in
            // sysctl(8): a name with a slash has slashes for separators, and its dots are dots.
            let path = name.contains("/") ? name : name.split(separator: ".").joined(separator: "/")
            guard isSettable(path, parameter, network, privileges) else { return nil }
            guard let value = parameter.lastValue, let text = value.bytes.text, !text.isEmpty,
                value.bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f })
            else {
                error(parameter, "a value of one line is missing", at: parameter.location)
                return nil
            }
            return ProcessSettings.Setting(path: path, value: text, origin: .configuration(value.location))
        }
    }

    /// Files below /proc/sys that belong to a namespace of the jail's; all others are the machine's.
    private static let interprocessSettings = [
        "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
        "kernel/shmmni", "kernel/shm_rmid_forced", "fs/mqueue/msg_default", "fs/mqueue/msg_max",
        "fs/mqueue/msgsize_default", "fs/mqueue/msgsize_max", "fs/mqueue/queues_max",
    ]

    private mutating func isSettable(
        _ path: String, _ parameter: EffectiveParameter, _ network: NetworkSpec, _ privileges: PrivilegeSpec
    ) -> Bool {
        let isOfNetwork = path.hasPrefix("net/")
        let isOfProcesses = Self.interprocessSettings.contains(path)
        let isOfUsers = path.hasPrefix("user/max_")
        if path.split(separator: "/", omittingEmptySubsequences: false).contains(where: {
            ["", ".", ".."].contains($0)
        }) {
            error(parameter, "this is not the name of a kernel parameter", at: parameter.location)
        } else if !isOfNetwork && !isOfProcesses && !isOfUsers {
            error(
                parameter, "this belongs to the machine, not to a jail", at: parameter.location,
                hint: "net.*, user.max_*, System V's kernel.msg*, kernel.sem, kernel.shm* and fs.mqueue.* can be set; "
                    + "set others on the host, with sysctl(8)")
        } else if isOfNetwork && network.mode.value == .inherit {
            error(parameter, "the jail is in the host's network namespace", at: parameter.location)
        } else if isOfUsers && privileges.userNamespace.value == .host {
            error(parameter, "with userns = host the user limits are those of the host", at: parameter.location)
        } else if isOfProcesses && privileges.sharesInterprocess.value {
            error(parameter, "the jail is in the host's IPC namespace", at: parameter.location)
        } else {
            return true
        }
        return false
    }
}
