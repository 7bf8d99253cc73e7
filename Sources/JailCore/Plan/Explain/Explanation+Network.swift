extension Explanation {
    static let loopback = Explanation(
        "Brings up lo, the only interface in the jail's network namespace.",
        without: "Neither 127.0.0.1 nor ::1 would answer.",
        manual: "network_namespaces(7)", "netdevice(7)", turnedOff: "ip4 = inherit")

    static func enterNetwork(of jail: String) -> Self {
        Explanation(
            "Enters the network of jail \"\(jail)\", which already has the address: the first process starts there.",
            without: "Two networks would have the same address, and nobody would know which of them is meant.",
            manual: "setns(2)", "network_namespaces(7)")
    }

    static let leaveNetwork = Explanation(
        "Goes back to the host's network.",
        without: "What jailrun does next on the host would happen in the jail's network.",
        manual: "setns(2)")

    static let prepareSysfs = Explanation(
        "Makes a read-only sysfs of that network, which belongs to the other jail's root: this jail's root could not.",
        without: "Programs that look there for devices and processors would find nothing.",
        manual: "sysfs(5)", "user_namespaces(7)", turnedOff: "mount.nosysfs")

    static func attachSysfs(_ target: String) -> Self {
        Explanation(
            "Attaches that sysfs at /\(target).",
            without: "The jail would find the empty directory that is there.",
            manual: "move_mount(2)", turnedOff: "mount.nosysfs")
    }

    static func network(_ operation: NetworkOperation) -> Self {
        switch operation {
        case .createBridge(let name, _):
            Explanation(
                "Makes the bridge \(name), which connects the jails that have no interface of their own.",
                without: "There would be nothing to plug the jail's cable into.", manual: "bridge(8)", "rtnetlink(7)",
                turnedOff: "interface = NAME")
        case .createVeth(let pair):
            Explanation(
                "Makes a cable: \(pair.name) stays on the host, its other end \(pair.peer) is created in the jail.",
                without: "Nothing would lead out of the jail's network namespace.", manual: "veth(4)", "rtnetlink(7)")
        case .raiseLink(let state):
            Explanation(
                "Brings \(state.name) up" + (state.master.map { ", as a port of \($0)." } ?? "."),
                without: "An interface that is down carries nothing.", manual: "ip-link(8)")
        case .settleLink(let name, _):
            Explanation(
                "Asks for the carrier state of \(name), so that the kernel updates it now.",
                without: "A packet sent in the first moments might be dropped, and sent again a second later.",
                manual: "ethtool(8)")
        case .addAddress(let address):
            Explanation(
                "Gives \(address.link) the address \(address.address)"
                    + (address.isGateway ? ": the host's, and the jails' gateway." : "."),
                without: address.isGateway
                    ? "The jail would have no way out of its network." : "Nobody could reach the jail.",
                manual: "ip-address(8)")
        case .addRoute(let route): .route(route)
        case .addNeighbour(let link, let address, _, .jail):
            Explanation(
                "Tells \(link) the hardware address of \(address) permanently.",
                without: "A host that is strict about ARP would not answer the jail's request for it.",
                manual: "arp(7)", "ip-neighbour(8)")
        case .addNeighbour(_, let address, _, .host):
            Explanation(
                "Tells the host the hardware address of \(address) permanently.",
                without: "Whoever answers first for that address would receive what the host sends there.",
                manual: "arp(7)", "ip-neighbour(8)")
        case .holdLink(let hold):
            Explanation(
                "Drops packets from \(hold.link) that do not have the jail's own addresses.",
                without: "A jail that may write raw packets could impersonate a neighbour, or the host.",
                manual: "nft(8)", "packet(7)", turnedOff: "allow.spoofing")
        case .openDoor:
            Explanation(
                "Adds rules to \(FirewallDoor.chain), the chain of Docker's firewall that is meant for others.",
                without: "Docker's firewall would drop packets for the jail: it drops what it does not know.",
                manual: "nft(8)", turnedOff: "firewall = no")
        case .reflect(let port):
            Explanation(
                "Lets the bridge send packets back through \(port), the port that they came in by.",
                without: "Where the host filters bridged packets, the jail would not reach its own published port.",
                manual: "bridge(8)")
        case .addProxy(let link, let address):
            Explanation(
                "Lets the host answer on \(link) for \(address).",
                without: "Other machines in that network would ask for \(address), and get no answer.",
                manual: "arp(7)", "ip-neighbour(8)")
        case .setSysctl(let sysctl): .setting(sysctl)
        case .keepNamespace(let file):
            Explanation(
                "Mounts the jail's network namespace on \(file), so that it outlives the jail's processes.",
                without: "Interfaces moved into it would be destroyed with it, even after a crash.",
                manual: "network_namespaces(7)", "ip-netns(8)")
        case .moveLink(let name, _):
            Explanation(
                "Moves \(name) into the jail, until it stops.",
                without: "The jail would not have the interface that its file names.", manual: "ip-link(8)")
        case .publish(let rules): .rules(rules)
        case .removeBridge, .removeLink, .removeAddress, .removeProxy, .restoreSysctl, .dropNamespace, .returnLink,
            .withdraw, .unpinNeighbour, .releaseLink, .unreflect, .closeDoor:
            Explanation(
                "Undoes what the start made.", without: "It would outlive the jail.", manual: "rtnetlink(7)")
        }
    }

    private static func route(_ route: NetworkRoute) -> Self {
        let isDefault = route.destination == "0.0.0.0/0" || route.destination == "::/0"
        let destination = isDefault ? "everything else" : route.destination
        let way = route.gateway.map { "via \($0)" } ?? "through \(route.link)"
        return Explanation(
            "Sends packets for \(destination) \(way)"
                + (route.namespace == .jail ? ", in the jail." : ", on the host."),
            without: route.namespace == .jail
                ? "The jail could not answer it." : "The host would not know where the jail is.",
            manual: "ip-route(8)")
    }

    private static func rules(_ rules: PacketRules) -> Self {
        var ports: [String] = []
        for rule in rules.rules {
            guard case .translate(let address, _) = rule.verdict, let port = rule.comment.split(separator: " ").last
            else { continue }
            let text = "\(port) to \(address)"
            if !ports.contains(text) { ports.append(text) }
        }
        let leads = ports.isEmpty ? "" : ", which lead \(ports.enumerated)"
        return Explanation(
            "Adds the jail's \(rules.rules.count) rules to the table jailrun of nftables\(leads).",
            without: ports.isEmpty
                ? "Packets that the jail sends beyond its bridge would have an address that nobody can answer."
                : "Nobody would reach the jail at the host's addresses.",
            manual: "nft(8)")
    }

    private static func setting(_ sysctl: NetworkSysctl) -> Self {
        let place = sysctl.namespace == .jail ? " in the jail" : ""
        let name = sysctl.path.split(separator: "/").last.map(String.init) ?? sysctl.path
        return Explanation(
            "Sets \(sysctl.path) to \(sysctl.value)\(place)"
                + (sysctl.previous.map { "; it is \($0) again when no jail needs it." } ?? "."),
            without: consequence(ofNotSetting: name), manual: "ip(7)", "ipv6(7)", "sysctl(8)")
    }

    /// By the last part of the path below /proc/sys/net.
    private static func consequence(ofNotSetting name: String) -> String {
        switch name {
        case "accept_ra": "A router advertisement from a neighbour would change routes here."
        case "accept_dad": "The address would be unusable for a second, while the interface asks whether it is taken."
        case "disable_ipv6": "The interface would be reachable at a link-local IPv6 address that nobody gave it."
        case "rp_filter": "A jail could forge its source address, and impersonate another."
        case "forwarding": "The host would drop packets for the jail, and those that the jail sends beyond it."
        case "route_localnet": "The host itself would not reach the jail at 127.0.0.1."
        case "proxy_ndp": "The host would not answer for the jail's IPv6 address."
        case "ip_unprivileged_port_start":
            "Root of this jail could not use ports below 1024 there: the network is the other jail's."
        case "proxy_delay": "Each neighbour's first packet would wait for up to 0.8 seconds."
        default: "The jail's packets would be subject to the host's setting, whatever that is."
        }
    }
}
