/// The ports of the host that are taken, for jails that are planned together: looked up once, for all that they ask for. What is
/// asked again at a start, under the network's lock, is what holds.
final class PortLook {
    private let asked: [PortSpec]
    private var found: [HostNetworkFacts.TakenPort]?

    init(of jails: [ConfiguredJail]) { asked = jails.flatMap(\.network.ports) }

    func taken(
        for ports: [PortSpec], _ netlink: borrowing Netlink
    ) throws(NetlinkError) -> [HostNetworkFacts.TakenPort] {
        if ports.isEmpty { return [] }
        if let found { return found }
        let all = try netlink.takenPorts(for: asked, seesRules: Host.seesRules)
        found = all
        return all
    }
}
