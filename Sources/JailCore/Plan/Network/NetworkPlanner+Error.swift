/// Why a jail's network cannot be made as the configuration asks. Found before anything is touched.
package enum NetworkPlanError: Error, Equatable, Sendable {
    /// No such link on the host.
    /// `near` is the interface that may have been meant.
    case unknownInterface(String, near: String?, Origin)
    case loopbackInterface(String, Origin)
    case portOfBridge(interface: String, bridge: String, Origin)
    case interfaceOfJail(interface: String, jail: String, Origin)
    /// A link called `jail0` that is not a bridge.
    case bridgeNameTaken(String, Origin)
    case notAnAddress(String, Origin)
    case duplicateAddress(String, Origin)
    /// The prefix is the host's, `10.0.0.5/24`.
    case addressOnHost(address: String, prefix: String, interface: String, Origin)
    /// The host has it on the bridge, for jails that are up.
    case addressOfGateway(address: String, jails: [String], Origin)
    case addressOfJail(address: String, jail: String, Origin)
    /// The lowest or highest address of its network, which no host of IPv4 can have.
    case addressOfNetwork(address: String, network: String, Origin)
    case networkOnHost(network: String, interface: String, Origin)
    /// Both ends of the network are taken.
    case noGatewayLeft(network: String, Origin)
    /// No network of the bridge holds the address, and no prefix length was given.
    case noNetworkOnBridge(address: String, bridge: String, Origin)
    case noIPv6(address: String, Origin)
    /// `link` is `default` for those that are made.
    case disabledIPv6(address: String, link: String, Origin)
    case portOfJail(port: String, jail: String, Origin)
    /// A program of the host's listens there.
    case portOnHost(port: String, program: String?, Origin)
    case addressNotOnHost(port: String, address: String, Origin)
    /// `vnet.interface` names a link that cannot be given away.
    case cannotMove(interface: String, reason: String, Origin)

    package var origin: Origin {
        switch self {
        case .unknownInterface(_, _, let origin), .loopbackInterface(_, let origin), .portOfBridge(_, _, let origin),
            .interfaceOfJail(_, _, let origin), .bridgeNameTaken(_, let origin), .notAnAddress(_, let origin),
            .duplicateAddress(_, let origin), .addressOnHost(_, _, _, let origin), .addressOfGateway(_, _, let origin),
            .addressOfJail(_, _, let origin),
            .addressOfNetwork(_, _, let origin), .networkOnHost(_, _, let origin), .noGatewayLeft(_, let origin),
            .noNetworkOnBridge(_, _, let origin), .noIPv6(_, let origin), .disabledIPv6(_, _, let origin),
            .cannotMove(_, _, let origin),
            .portOfJail(_, _, let origin), .portOnHost(_, _, let origin), .addressNotOnHost(_, _, let origin):
            origin
        }
    }

    /// What to do about it; nil if the message says everything.
    package var hint: String? {
        switch self {
        case .unknownInterface: "without an interface the jail joins jailrun's own bridge, \(NetworkPlan.bridge)"
        case .loopbackInterface:
            "no machine is behind it; without an interface the jail joins jailrun's own bridge, \(NetworkPlan.bridge)"
        case .portOfBridge(_, let bridge, _): "interface = \(bridge)"
        case .networkOnHost(_, let interface, _): "use interface = \(interface), or an address of another network"
        case .bridgeNameTaken(let name, _): "rename that link: ip link set \(name) name NAME"
        case .addressOfGateway(_, let jails, _):
            jails.isEmpty
                ? "no jail needs it: jailrun prune takes it back"
                : "use another; or stop \(jails.enumerated) and start this jail first: the first chooses the gateway"
        case .addressOnHost(let address, let prefix, let interface, _): Self.mend(address, prefix, interface)
        case .noGatewayLeft:
            "the host needs one there, as the jails' gateway: use a larger network, or fewer addresses"
        case .noNetworkOnBridge(let address, _, _): "write the length of its network's prefix, \(address)/24"
        case .portOfJail, .portOnHost: "port 0 of the host stands for any free port"
        case .addressNotOnHost: "without an address, it is published on all addresses of the host"
        case .addressOfJail:
            "a running jail stays in its own network: jail -mr creates it anew, and then it can share that one"
        case .disabledIPv6: "sysctl net.ipv6.conf.all.disable_ipv6=0 enables it"
        case .cannotMove, .interfaceOfJail, .notAnAddress, .duplicateAddress, .addressOfNetwork, .noIPv6: nil
        }
    }
}

extension NetworkPlanError {
    /// On FreeBSD a jail is given an alias that rc.conf(5) made, or makes it itself. Here the second is done alone.
    private static func mend(_ address: String, _ prefix: String, _ interface: String) -> String {
        let parameter = address.utf8.contains(UInt8(ascii: ":")) ? "ip6.addr" : "ip4.addr"
        return "if it is for the jail alone: ip address delete \(prefix) dev \(interface), take it out of the host's"
            + " configuration, and write \(parameter) = \"\(interface)|\(address)\"; if the host needs it: leave it there,"
            + " and publish ports of a jail that has another"
    }
}

extension NetworkPlanError: CustomStringConvertible {
    /// Object first, cause last; without the origin and the hint, which whoever prints it adds.
    package var description: String {
        switch self {
        case .unknownInterface(let name, let near, _):
            "\(name): no such interface" + (near.map { " (did you mean \"\($0)\"?)" } ?? "")
        case .loopbackInterface(let name, _): "\(name): a loopback interface"
        case .portOfBridge(let name, let bridge, _): "\(name): a port of the bridge \(bridge), which has its network"
        case .interfaceOfJail(let name, let jail, _): "\(name): the interface of jail \"\(jail)\""
        case .bridgeNameTaken(let name, _): "\(name): exists, and is not a bridge"
        case .notAnAddress(let text, _): "\(text): not an address that a jail can have"
        case .duplicateAddress(let address, _): "\(address): given twice"
        case .addressOnHost(let address, _, let interface, _): "\(address): the host has it on \(interface)"
        case .addressOfGateway(let address, let jails, _):
            "\(address): the host has it on \(NetworkPlan.bridge), as the gateway"
                + (jails.isEmpty ? "" : " of \(jails.enumerated)")
        case .addressOfJail(let address, let jail, _): "\(address): jail \"\(jail)\" has it"
        case .addressOfNetwork(let address, let network, _): "\(address): not a host address in \(network)"
        case .networkOnHost(let network, let interface, _): "\(network): overlaps a network of \(interface)"
        case .noGatewayLeft(let network, _): "\(network): no address left for the gateway"
        case .noNetworkOnBridge(let address, let bridge, _): "\(address): in no network of \(bridge)"
        case .cannotMove(let name, let reason, _): "\(name): \(reason)"
        case .portOfJail(let port, let jail, _): "port \(port): taken by jail \"\(jail)\""
        case .portOnHost(let port, let program, _): "port \(port): taken by \(program ?? "a program of the host")"
        case .addressNotOnHost(let port, let address, _): "port \(port): the host has no address \(address)"
        case .noIPv6(let address, _): "\(address): this kernel has no IPv6"
        case .disabledIPv6(let address, let link, _):
            "\(address): IPv6 is disabled on this host: net.ipv6.conf.\(link).disable_ipv6 is 1"
        }
    }
}
