extension PostureJudge {
    // MARK: Devices

    private var nodes: [DeviceNode] {
        jail.pseudoFilesystems.devfs.value == .never ? [] : facts.devices.nodes
    }

    var devices: Posture.Part {
        let origin = jail.pseudoFilesystems.devfsRuleset.origin
        let findings = DeviceRisk.allCases.filter { $0.weight > 0 }.compactMap { risk -> Posture.Finding? in
            let names = nodes.filter { self.risk(of: $0) == risk }.map(\.path)
            if names.isEmpty { return nil }
            // Who writes to a disk writes to every file on it. Memory asks for CAP_SYS_RAWIO as well.
            let isWayOut = risk == .disk || risk == .memory && isHostRoot && heldCapabilities.contains(.sysRawio)
            return Posture.Finding(
                risk.weight, "\(Self.list(names)): \(risk.allowance)", origin,
                mend: risk == .userFilesystem ? "a ruleset without it" : "devfs_ruleset = 4, or a ruleset without them",
                givesMachine: isWayOut)
        }
        return Posture.Part(subject: .devices, summary: deviceSummary, findings: findings)
    }

    /// Whoever serves a file system to the kernel has to mount it.
    private func risk(of node: DeviceNode) -> DeviceRisk {
        let privileges = jail.privileges
        let mayMount =
            privileges.allowsJails || privileges.seccomp.value != .standard
            || CapabilitySet(openedBy: privileges).contains(.sysAdmin)
        let risk = DeviceRisk(node)
        return risk == .userFilesystem && !mayMount ? .ordinary : risk
    }

    private var deviceSummary: String {
        if nodes.isEmpty { return "none" }
        let special = nodes.filter { risk(of: $0) != .ordinary }.count
        if special == 0 { return nodes.map(\.path).joined(separator: " ") }
        return "\(nodes.count), \(special) of them beyond what every program expects"
    }

    var deviceReach: [Posture.Reach] {
        nodes.map { Posture.Reach(name: $0.path, allows: risk(of: $0).allowance) }
    }

    // MARK: Namespaces

    var namespaces: Posture.Part {
        var findings: [Posture.Finding] = []
        var shared: [String] = []
        if jail.privileges.sharesInterprocess.value {
            shared.append("IPC")
            findings.append(
                Posture.Finding(
                    25, "read and write System V objects and message queues of the host",
                    jail.privileges.sharesInterprocess.origin, mend: "sysvshm = new, as sysvsem and sysvmsg"))
        }
        if jail.host.isInherited.value {
            shared.append("UTS")
            findings.append(
                Posture.Finding(
                    15, "see the host's name, and change it with CAP_SYS_ADMIN on the machine",
                    jail.host.isInherited.origin, mend: "host = new"))
        }
        if let handler = facts.coreHandler {
            findings.append(
                Posture.Finding(
                    10, "crash on purpose, so that \(handler) runs as root of the host on its core dump",
                    .standard(""), mend: "sysctl kernel.core_pattern=core, on the host"))
        }
        let summary = shared.isEmpty ? "none shared" : "\(shared.enumerated) shared with the host"
        return Posture.Part(subject: .namespaces, summary: summary, findings: findings)
    }

    // MARK: Network

    var network: Posture.Part {
        Posture.Part(subject: .network, summary: networkSummary, findings: networkReach + neighbours + doors + families)
    }

    private var networkSummary: String {
        let network = jail.network
        if network.mode.value == .inherit { return "the host's" }
        let parts =
            network.addresses.map { "\($0.address) on \($0.interface ?? "jail0")" }
            + network.interfaces.map { "\($0.value) moved in" }
            + (network.lookup.map { ["the addresses of its hostname on \($0.value.isEmpty ? "jail0" : $0.value)"] }
                ?? [])
        return parts.isEmpty ? "lo only" : Self.list(parts)
    }

    private var networkReach: [Posture.Finding] {
        let network = jail.network
        if network.mode.value == .inherit {
            return [
                Posture.Finding(
                    70, "reach everything that the host reaches: its localhost, its abstract sockets, every network",
                    network.mode.origin, mend: "ip4.addr = ADDRESS")
            ]
        }
        if let link = network.interfaces.first {
            return [
                Posture.Finding(
                    50, "\(link.value): send anything on that network", link.origin,
                    mend: "ip4.addr = \"\(link.value)|ADDRESS\" instead of vnet.interface")
            ]
        }
        let outside = network.addresses.first { $0.interface != nil && $0.interface != "jail0" }
        if let address = outside ?? network.addresses.first {
            let isOutside = outside != nil
            return [
                Posture.Finding(
                    isOutside ? 35 : 20,
                    isOutside
                        ? "reach the host and the network of \(address.interface ?? ""), and be reached from there"
                        : "reach the host, other jails on jail0, and wherever the host routes", address.origin,
                    mend: "leave out the address if lo is enough")
            ]
        }
        guard let lookup = network.lookup else { return [] }
        let isOutside = !lookup.value.isEmpty
        return [
            Posture.Finding(
                isOutside ? 35 : 20, "reach the host and be reached at the addresses of its hostname", lookup.origin,
                mend: "leave out ip_hostname if lo is enough")
        ]
    }

    private var neighbours: [Posture.Finding] {
        guard let address = jail.network.addresses.first, !facts.neighbours.isEmpty else { return [] }
        let names = Self.list(facts.neighbours)
        return [
            Posture.Finding(
                10, "reach the localhost and the abstract sockets of \(names), at the same address", address.origin,
                mend: "give it an address of its own")
        ]
    }

    /// `nat` and `port`.
    private var doors: [Posture.Finding] {
        var doors: [Posture.Finding] = []
        if let masquerade = jail.network.masquerade, masquerade.value {
            doors.append(
                Posture.Finding(
                    15, "reach whatever the host reaches, with the host's address", masquerade.origin,
                    mend: "leave out nat"))
        }
        if let spoofing = jail.network.allowsSpoofing, spoofing.value {
            doors.append(
                Posture.Finding(
                    15, "impersonate other jails, the host and its neighbours on the network", spoofing.origin,
                    mend: "leave out allow.spoofing"))
        }
        if let port = jail.network.ports.first(where: { $0.address?.hasPrefix("127.") != true }) {
            doors.append(
                Posture.Finding(
                    10, "be reached at port \(port.hostPort) by anyone who reaches the host", port.origin,
                    mend: "put 127.0.0.1: before the port if only the host needs to reach it"))
        }
        return doors
    }

    /// socket(2) passes whatever the family is.
    private var families: [Posture.Finding] {
        guard answers.calls.contains(where: { $0.row.name == "socket" && $0.answer == .always }) else { return [] }
        let granted = jail.privileges.granted.first { $0.value == .socketFamilies }
        return [
            Posture.Finding(
                10, "open sockets of every family, and make the kernel load their modules",
                granted?.origin ?? jail.privileges.seccomp.origin,
                mend: granted == nil ? "seccomp = default" : "leave out allow.socket_af")
        ]
    }

    // MARK: Limits

    private static let limits: [(file: String, title: String, weight: Int, without: String, mend: String)] = [
        ("memory.max", "memory", 30, "use up the memory of the machine", "cgroup.memory.max = 512M"),
        ("cpu.max", "cpu", 20, "keep every processor busy", "cgroup.cpu.max = \"200000 100000\""),
        ("pids.max", "processes", 20, "make processes until the machine can have no more", "cgroup.pids.max = 4096"),
        ("io.max", "io", 10, "keep disks busy", "cgroup.io.max = \"MAJOR:MINOR wbps=BYTES\""),
    ]

    var limits: Posture.Part {
        let missing = Self.limits.filter { limit(of: $0.file) == nil }
        let given = Self.limits.compactMap { entry in
            limit(of: entry.file).map { entry.file == "io.max" ? entry.title : "\(entry.title) \(Self.size($0))" }
        }
        let lacking = missing.isEmpty ? [] : ["none of \(missing.map(\.title).enumerated)"]
        return Posture.Part(
            subject: .limits, summary: (given + lacking).joined(separator: ", "),
            findings: missing.map { entry in
                let origin = jail.cgroup.last { $0.file == entry.file }?.origin ?? .standard("")
                let controller =
                    facts.unavailableLimits.contains(entry.file) ? entry.file.split(separator: ".").first : nil
                return Posture.Finding(
                    entry.weight, entry.without, origin,
                    mend: controller.map { "use a host with the cgroup controller \($0), which this one lacks" }
                        ?? entry.mend)
            })
    }

    /// `512M` for 536870912, as the file has it.
    private static func size(_ value: String) -> String {
        guard let bytes = Int(value), bytes > 0, bytes % (1 << 20) == 0 else { return value }
        return bytes % (1 << 30) == 0 ? "\(bytes >> 30)G" : "\(bytes >> 20)M"
    }

    /// Nil where there is none: `max`, and `max` before the period of cpu.max; and where the host cannot hold to it.
    private func limit(of file: String) -> String? {
        guard !facts.unavailableLimits.contains(file),
            let value = jail.cgroup.last(where: { $0.file == file })?.value,
            value.split(separator: " ").first != "max"
        else { return nil }
        return value
    }
}
