internal import Glibc
internal import SystemPackage

/// What the jail's processes are to have, and this kernel does not give. A jail that asks for nothing of it costs no look.
extension FactFinder {
    func checkProcess() throws(RuntimeError) {
        for setting in jail.process.settings { try check(setting) }
        for limit in jail.process.limits where limit.resource == .nofile { try check(limit) }
        try checkCapabilities()
    }

    /// Parameters of one interface are there when the jail has it.
    private func check(_ setting: ProcessSpec.Setting) throws(RuntimeError) {
        let parts = setting.path.split(separator: "/")
        let isOfInterface = parts.count > 3 && (parts[2] == "conf" || parts[2] == "neigh")
        if isOfInterface && !["all", "default"].contains(parts[3]) { return }
        if Files.exists("/proc/sys/\(setting.path)") || Errno.current != .noSuchFileOrDirectory { return }
        try object(
            .unsuitable(
                jail: jail.label, origin: setting.origin,
                "sysctl.\(parts.joined(separator: ".")): this kernel has no such parameter",
                hint: "sysctl -a lists those that it has; some come with a module"))
    }

    /// A command's own process performs these behind its filter, and tells nobody when it may not.
    func checkExecution(_ filter: SeccompFilter?, _ path: String) throws(RuntimeError) {
        if jail.startCommands.isEmpty { return }
        let reach = FilterReach(filter)
        let needed = SeccompTable.rows.filter { ["execve", "close_range"].contains($0.name) }
        for case (let name, let number?) in needed.map({ ($0.name, $0.number) }) where reach.answer(to: number) == .never {
            try object(
                .unsuitable(
                    jail: jail.label, origin: jail.privileges.seccomp.origin,
                    "seccomp: \(path): the profile forbids \(name)(2), without which no command can be started",
                    hint: "let it allow execve and close_range, and what the program itself needs"))
        }
    }

    /// setrlimit(2): no process may have more than that, whoever it is.
    private func check(_ limit: ProcessSpec.Limit) throws(RuntimeError) {
        let text = try attempt("\(jail.label): fs.nr_open") { () throws(Errno) in
            try Files.text("/proc/sys/fs/nr_open").trimmed
        }
        guard let most = UInt64(text), limit.hard > most else { return }
        let asked = limit.hard == .max ? "unlimited" : String(limit.hard)
        try object(
            .unsuitable(
                jail: jail.label, origin: limit.origin,
                "ulimit.nofile: \(asked) is more than this host lets a process open, \(most)",
                hint: "sysctl fs.nr_open raises that"))
    }

    /// In a user namespace of its own root has all of them; in the host's, no more than jailrun.
    private func checkCapabilities() throws(RuntimeError) {
        guard jail.privileges.userNamespace.value == .host, geteuid() == 0 else { return }
        let lacking = CapabilitySet(jail.privileges).subtracting(.ofThisProcess)
        guard let first = lacking.capabilities.first else { return }
        let asked = jail.privileges.capAdd.first { $0.value == first.name }
        try object(
            .unsuitable(
                jail: jail.label, origin: asked?.origin ?? jail.privileges.userNamespace.origin,
                "\(lacking.description): jailrun itself does not have what the jail is to have",
                hint: "whoever runs jailrun was given less than root has: CapBnd in /proc/self/status"))
    }
}
