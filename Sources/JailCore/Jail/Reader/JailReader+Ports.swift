// `port` and `nat`.

extension JailReader {
    mutating func readPorts(into network: inout NetworkSpec) {
        let written = strings("port").flatMap(Self.split)
        let masquerade = optionalBoolean("nat").flatMap { $0.value ? $0 : nil }
        let isReachable = checkReach(of: network, written.first, masquerade)
        for entry in written {
            guard let port = port(entry) else { continue }
            if isReachable { checkFamily(of: port, entry, network) }
            if let other = network.ports.first(where: { $0.overlaps(port) }) {
                error(
                    "port: \"\(entry.shown)\" is published twice", at: entry.place,
                    hint: "see \(other.origin)")
            }
            network.ports.append(port)
        }
        network.masquerade = masquerade
        if let masquerade, isReachable, network.lookup == nil,
            !network.addresses.contains(where: { $0.interface == nil || $0.interface == NetworkSpec.bridge })
        {
            error(
                "nat: none of the jail's addresses is on the bridge \(NetworkSpec.bridge)", at: masquerade.place,
                hint: "on an interface of the host the jail has an address of that network, and needs no other")
        }
    }

    private mutating func port(_ entry: Located<String>) -> PortSpec? {
        do throws(PortSpec.Objection) { return try PortSpec(entry.value, entry.origin) } catch {
            self.error("port: \"\(entry.shown)\" \(error.message)", at: entry.place, hint: error.hint)
            return nil
        }
    }

    /// Whether the jail has addresses of its own, which jailrun knows.
    private mutating func checkReach(
        of network: NetworkSpec, _ port: Located<String>?, _ masquerade: Located<Bool>?
    ) -> Bool {
        if network.mode.value == .own, !network.addresses.isEmpty || network.lookup != nil { return true }
        let isInherited = network.mode.value == .inherit
        let why =
            isInherited
            ? "the jail is in the host's network, and its ports are the host's"
            : "the jail has no address to send anything to"
        let hint = isInherited ? nil : "ip4.addr = 10.77.0.10"
        if let port { error("port: \(why)", at: port.place, hint: hint) }
        if let masquerade { error("nat: \(why)", at: masquerade.place, hint: hint) }
        return false
    }

    private mutating func checkFamily(of port: PortSpec, _ entry: Located<String>, _ network: NetworkSpec) {
        guard let family = port.family, network.lookup == nil,
            !network.addresses.contains(where: { $0.family == family })
        else { return }
        error(
            "port: \"\(entry.shown)\": the jail has no \(family == .ipv4 ? "IPv4" : "IPv6") address",
            at: entry.place, hint: family == .ipv4 ? "ip4.addr" : "ip6.addr")
    }
}
