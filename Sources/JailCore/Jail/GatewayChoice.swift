/// The host's address in each network of the bridge `jail0`, chosen for all jails of a file at once: one that none of them
/// has, whichever of them starts first, or alone.
struct GatewayChoice {
    private let taken: Set<InternetAddress>
    private var chosen: [InternetPrefix: InternetPrefix] = [:]

    init(_ jails: [ConfiguredJail]) {
        taken = Set(jails.flatMap(\.network.addresses).compactMap { InternetAddress($0.address) })
    }

    /// The gateways that a jail needs, one for each of its networks.
    /// - Returns: the first address whose network has none left, too.
    mutating func gateways(of network: NetworkSpec) -> (gateways: [String], without: AddressSpec?) {
        var gateways: [String] = []
        for spec in network.addresses where spec.isOnBridge {
            guard let address = InternetAddress(spec.address) else { continue }
            let prefix = InternetPrefix(onBridge: address, length: spec.prefixLength).network
            guard let gateway = gateway(of: prefix) else { return (gateways, spec) }
            let text = gateway.description
            if !gateways.contains(text) { gateways.append(text) }
        }
        return (gateways, nil)
    }

    private mutating func gateway(of network: InternetPrefix) -> InternetPrefix? {
        if let known = chosen[network] { return known }
        guard let address = network.gateway(isTaken: taken.contains) else { return nil }
        let gateway = InternetPrefix(address, length: network.length)
        chosen[network] = gateway
        return gateway
    }
}

extension InternetPrefix {
    /// The network's first address, if it is not taken; else its last, or the highest that is left. Nil when none is.
    func gateway(isTaken: (InternetAddress) -> Bool) -> InternetAddress? {
        let (first, last) = hosts
        if !isTaken(first) { return first }
        var value = last.value
        while value > first.value {
            let address = InternetAddress(first.family, value)
            if !isTaken(address) { return address }
            value -= 1
        }
        return nil
    }
}

extension AddressSpec {
    /// On jailrun's own, `jail0`.
    var isOnBridge: Bool { interface == nil || interface == NetworkSpec.bridge }
}

extension NetworkSpec {
    /// The host's address in a network of the bridge, as it was chosen for the file.
    func gateway(of prefix: InternetPrefix) -> InternetPrefix? {
        for text in gateways ?? [] {
            if let gateway = InternetPrefix(text), gateway.network == prefix.network { return gateway }
        }
        return nil
    }
}

extension ConfigurationReading {
    /// What a jail that is alone in its file gets is chosen when it starts.
    mutating func chooseGateways() {
        if jails.count < 2 { return }
        var choice = GatewayChoice(jails.map(\.spec))
        for index in jails.indices where jails[index].spec.network.mode.value == .own {
            let (gateways, without) = choice.gateways(of: jails[index].spec.network)
            if !gateways.isEmpty { jails[index].spec.network.gateways = gateways }
            guard let without, let address = InternetAddress(without.address) else { continue }
            let network = InternetPrefix(onBridge: address, length: without.prefixLength).network
            jails[index].reader.error(
                "\(network): the jails use all of its addresses, and the host needs one of them",
                at: Located(without.address, without.origin).place,
                hint: "use a larger network, or fewer addresses: the host's address is the gateway")
        }
    }
}
