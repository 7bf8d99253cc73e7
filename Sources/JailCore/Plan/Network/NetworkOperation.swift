/// One operation on the network, by rtnetlink(7) or by a file below `/proc/sys/net`.
///
/// Operations are performed in their order by `Netlink`; a stop performs the `undo` of each, last first. All are made
/// while the network lock is held (`NetworkLock`): from the first operation of a start to the last, and of a stop
/// likewise, for the bridge and the interfaces' settings are shared by all jails.
package enum NetworkOperation: Equatable, Sendable, Codable {
    /// Where an operation is made.
    package enum Namespace: String, Sendable, Codable { case host, jail }

    /// No error when it exists and is jailrun's.
    case createBridge(name: String, mac: String)
    /// Only when it is jailrun's own and has no port left.
    case removeBridge(name: String)
    case createVeth(VethPair)
    /// Mounts the jail's network namespace on a file, so that it outlives the jail's processes: what was moved there
    /// can be taken back after any crash.
    case keepNamespace(file: String)
    /// No error when it is not there.
    case dropNamespace(file: String)
    /// From the host into the jail.
    case moveLink(name: String, file: String)
    /// Back again, from the namespace that was kept; no error when there is none, or no such link in it.
    /// The index is that which it had there at first, if it is known: root inside may have renamed it.
    case returnLink(name: String, index: Int?, file: String)
    case removeLink(name: String)
    case raiseLink(LinkState)
    /// Makes the kernel act on the link's carrier now, and not in a work queue that drops what is sent before.
    case settleLink(name: String, namespace: Namespace)
    /// No error when the link has it, for the gateways are shared.
    case addAddress(LinkAddress)
    /// Only when no jail of its network is left.
    case removeAddress(LinkAddress)
    case addRoute(NetworkRoute)
    /// A permanent entry: in the jail no ARP is needed, and of a jail's address on the host nobody else's answer takes its place.
    case addNeighbour(link: String, address: String, mac: String, namespace: Namespace)
    case unpinNeighbour(link: String, address: String)
    case addProxy(link: String, address: String)
    case removeProxy(link: String, address: String)
    case setSysctl(NetworkSysctl)
    /// Only when no jail needs it any more.
    case restoreSysctl(NetworkSysctl)
    /// Drops what arrives by a jail's link and does not have the jail's own addresses.
    case holdLink(LinkHold)
    case releaseLink(name: String)
    /// Lets the jail through somebody else's firewall, where that has a place for such rules.
    case openDoor(FirewallDoor)
    /// No error when it is not open.
    case closeDoor(jail: String)
    /// Lets a port of a bridge get back what it sent, when a published port leads there: with br_netfilter that does not leave
    /// the bridge.
    case reflect(port: String)
    case unreflect(port: String)
    /// All of a jail's rules of nftables, in one batch, in the place of those that it had; the table and its chains with the first.
    case publish(PacketRules)
    /// All rules of that jail; the table with the last. No error when there are none. `count` are those that it has as long as it
    /// is up, if that is known; `gates` those that it has as long as its door is open, nil for none.
    case withdraw(jail: String, count: Int? = nil, gates: Int? = nil)
}

/// A veth(4) pair; the peer is created in the jail's namespace and never exists in the host's.
package struct VethPair: Equatable, Sendable, Codable {
    package var name: String
    package var mac: String
    package var peer: String
    package var peerMAC: String
}

/// A link set up; with a master, made its port.
package struct LinkState: Equatable, Sendable, Codable {
    package var name: String
    package var namespace: NetworkOperation.Namespace
    package var master: String?
    package var alias: String?
}

package struct LinkAddress: Equatable, Sendable, Codable {
    package var link: String
    package var namespace: NetworkOperation.Namespace
    /// With its prefix length, `10.77.0.1/24`.
    package var address: String
    /// The gateway of a bridge, which jails share.
    package var isGateway: Bool
}

package struct NetworkRoute: Equatable, Sendable, Codable {
    package var namespace: NetworkOperation.Namespace
    /// With its prefix length; `0.0.0.0/0` and `::/0` are the default routes.
    package var destination: String
    package var link: String
    package var gateway: String?
    /// The address from which the host speaks to it.
    package var source: String?
}

/// A file below `/proc/sys` and its value.
package struct NetworkSysctl: Equatable, Sendable, Codable {
    /// Which jails need a setting that outlives the jail that made it.
    package struct Users: Equatable, Sendable, Codable {
        /// Jails on that plain interface; nil: on any.
        package var interface: String?
        /// Only those that have an address of this family.
        package var family: AddressSpec.Family

        package init(interface: String?, family: AddressSpec.Family) {
            self.interface = interface
            self.family = family
        }
    }

    package var namespace: NetworkOperation.Namespace
    /// Below `/proc/sys`, with slashes: `net/ipv4/conf/eth0.5/forwarding`.
    package var path: String
    package var value: String
    /// What it was when the plan was made, and is restored; nil when it dies with a link or a namespace.
    package var previous: String?
    /// Nil when only this jail needs it.
    package var users: Users?

    /// Stands for "yes" in settings of which any number but 0 does: as long as it is there, nobody else has written there.
    /// Docker looks at the first digit of what it finds, others for a 1.
    package static let mark = "74"
    static let ipv6Forwarding = "net/ipv6/conf/all/forwarding"

    /// Goes with the forwarding of IPv6, which others may have turned on since.
    static func followsIPv6Forwarding(_ path: String) -> Bool {
        path.hasPrefix("net/ipv6/conf/") && path != ipv6Forwarding && !path.hasSuffix("/proxy_ndp")
    }

    /// For sh(1): what is true where it is not to be restored, since somebody else has changed it, or needs it.
    fileprivate var isSomebodyElses: String? {
        if users == nil { return nil }
        return Self.followsIPv6Forwarding(path)
            ? "[ \"$(sysctl -n \(Self.ipv6Forwarding))\" != 0 ]" : "[ \"$(sysctl -n \(path))\" != \(value) ]"
    }
}

extension NetworkOperation {
    package var namespace: Namespace {
        switch self {
        case .raiseLink(let state): state.namespace
        case .settleLink(_, let namespace): namespace
        case .addAddress(let address), .removeAddress(let address): address.namespace
        case .addRoute(let route): route.namespace
        case .addNeighbour(_, _, _, let namespace): namespace
        case .setSysctl(let sysctl), .restoreSysctl(let sysctl): sysctl.namespace
        case .createBridge, .removeBridge, .createVeth, .removeLink, .keepNamespace, .dropNamespace, .moveLink,
            .returnLink, .unpinNeighbour, .addProxy, .removeProxy, .holdLink, .releaseLink, .openDoor,
            .closeDoor, .reflect, .unreflect, .publish, .withdraw:
            .host
        }
    }

    /// Nil for what goes with its link, or with the jail's namespace.
    package var undo: NetworkOperation? {
        switch self {
        case .createBridge(let name, _): .removeBridge(name: name)
        case .createVeth(let pair): .removeLink(name: pair.name)
        case .keepNamespace(let file): .dropNamespace(file: file)
        case .moveLink(let name, let file): .returnLink(name: name, index: nil, file: file)
        case .addAddress(let address): address.isGateway ? .removeAddress(address) : nil
        case .addProxy(let link, let address): .removeProxy(link: link, address: address)
        case .addNeighbour(let link, let address, _, .host): .unpinNeighbour(link: link, address: address)
        case .holdLink(let hold): .releaseLink(name: hold.link)
        case .openDoor(let door): .closeDoor(jail: door.jail)
        case .setSysctl(let sysctl): sysctl.previous == nil ? nil : .restoreSysctl(sysctl)
        case .publish(let rules):
            .withdraw(jail: rules.jail, count: rules.lastingCount, gates: rules.gateCount)
        case .removeBridge, .removeLink, .raiseLink, .settleLink, .removeAddress, .addRoute, .addNeighbour,
            .removeProxy, .restoreSysctl, .dropNamespace, .returnLink, .withdraw, .unpinNeighbour, .releaseLink,
            .reflect, .unreflect, .closeDoor:
            nil
        }
    }
}

extension NetworkOperation {
    /// Whose that is what an operation takes away, for a jail that gets another network while it runs.
    enum Possession { case own, shared, movedLink, rules }

    var possession: Possession {
        switch self {
        case .removeBridge, .removeAddress, .restoreSysctl: .shared
        case .returnLink, .dropNamespace: .movedLink
        case .withdraw, .closeDoor: .rules
        case .createBridge, .createVeth, .removeLink, .keepNamespace, .moveLink, .raiseLink, .settleLink, .addAddress,
            .addRoute, .addNeighbour, .unpinNeighbour, .addProxy, .removeProxy, .setSysctl, .holdLink,
            .releaseLink, .openDoor, .reflect, .unreflect, .publish:
            .own
        }
    }
}

extension [NetworkOperation] {
    /// What takes all of it back, newest first.
    var undo: [NetworkOperation] { reversed().flatMap { undo(of: $0) } }

    /// What takes one of them back. A link is held until it is gone: its jail may still send.
    func undo(of operation: NetworkOperation) -> [NetworkOperation] {
        switch operation {
        case .holdLink(let hold) where contains(where: { $0.undo == .removeLink(name: hold.link) }): []
        case .createVeth(let pair):
            [.removeLink(name: pair.name)] + compactMap(\.undo).filter { $0 == .releaseLink(name: pair.name) }
        default: operation.undo.map { [$0] } ?? []
        }
    }
}

extension NetworkOperation: CustomStringConvertible {
    /// In the spelling of strace(1) and ip(8). `netns jail`: a descriptor of the jail's namespace.
    package var description: String {
        switch self {
        case .setSysctl(let sysctl): "write(\"/proc/sys/\(sysctl.path)\", \"\(sysctl.value)\")" + place
        case .restoreSysctl(let sysctl):
            "write(\"/proc/sys/\(sysctl.path)\", \"\(sysctl.previous ?? sysctl.value)\")" + place
        case .keepNamespace(let file): "mount(\"/proc/self/fd/N\", \"\(file)\", NULL, MS_BIND, NULL)"
        case .dropNamespace(let file): "umount2(\"\(file)\", MNT_DETACH)"
        case .settleLink(let name, _): "ioctl(rtnetlink, SIOCETHTOOL, {ETHTOOL_GLINK, \"\(name)\"})" + place
        case .publish(let rules):
            Self.batch(rules.script.joined(separator: "; "))
                + (rules.datagramPorts.isEmpty ? "" : "; " + Self.forgetting(rules.datagramPorts))
        case .holdLink(let hold): Self.batch(hold.script.joined(separator: "; "))
        case .openDoor(let door): Self.batch(door.script.joined(separator: "; "))
        case .closeDoor(let jail): Self.batch("delete rules of \"\(jail)\" in \(FirewallDoor.chain)")
        case .releaseLink(let name): Self.batch("delete chain netdev jailrun \(name)")
        case .withdraw(let jail, _, _):
            Self.batch("delete rules of \"\(jail)\"")
        default: "sendmsg(rtnetlink, \(request.type), {\(request.body)})" + place
        }
    }

    private static func batch(_ body: String) -> String {
        "sendmsg(nfnetlink, NFNL_MSG_BATCH_BEGIN, {\(body)}, NFNL_MSG_BATCH_END)"
    }

    private static func forgetting(_ ports: [String]) -> String {
        "sendmsg(nfnetlink, IPCTNL_MSG_CT_DELETE, {connections to \(ports.joined(separator: ", "))})"
    }

    private var place: String { namespace == .jail ? " in the jail's network namespace" : "" }

    private var request: (type: String, body: String) {
        switch self {
        case .createBridge(let name, let mac): ("RTM_NEWLINK", "bridge \"\(name)\" address \(mac)")
        case .createVeth(let pair):
            (
                "RTM_NEWLINK",
                "veth \"\(pair.name)\" address \(pair.mac) peer \"\(pair.peer)\" address \(pair.peerMAC) netns jail"
            )
        case .removeBridge(let name), .removeLink(let name): ("RTM_DELLINK", "\"\(name)\"")
        case .moveLink(let name, _): ("RTM_NEWLINK", "\"\(name)\" netns jail")
        case .returnLink(let name, _, _): ("RTM_NEWLINK", "\"\(name)\" netns host")
        case .raiseLink(let state): ("RTM_NEWLINK", "\"\(state.name)\"\(Self.words(state, quote: "\"")) up")
        case .addAddress(let address): ("RTM_NEWADDR", "\(address.address) dev \"\(address.link)\"")
        case .removeAddress(let address): ("RTM_DELADDR", "\(address.address) dev \"\(address.link)\"")
        case .addRoute(let route): ("RTM_NEWROUTE", Self.words(route))
        case .addNeighbour(let link, let address, let mac, _):
            ("RTM_NEWNEIGH", "\(address) lladdr \(mac) dev \"\(link)\" nud permanent")
        case .unpinNeighbour(let link, let address): ("RTM_DELNEIGH", "\(address) dev \"\(link)\"")
        case .reflect(let port): ("RTM_SETLINK", "\"\(port)\" hairpin on")
        case .unreflect(let port): ("RTM_SETLINK", "\"\(port)\" hairpin off")
        case .addProxy(let link, let address): ("RTM_NEWNEIGH", "proxy \(address) dev \"\(link)\"")
        case .removeProxy(let link, let address): ("RTM_DELNEIGH", "proxy \(address) dev \"\(link)\"")
        case .setSysctl, .restoreSysctl, .settleLink, .keepNamespace, .dropNamespace, .publish, .withdraw, .holdLink,
            .releaseLink, .openDoor, .closeDoor:
            ("", "")
        }
    }

    private static func words(_ state: LinkState, quote: String) -> String {
        (state.master.map { " master \(quote)\($0)\(quote)" } ?? "") + (state.alias.map { " alias \"\($0)\"" } ?? "")
    }

    private static func words(_ route: NetworkRoute) -> String {
        let isDefault = route.destination == "0.0.0.0/0" || route.destination == "::/0"
        return (isDefault ? "default" : route.destination) + (route.gateway.map { " via \($0)" } ?? "")
            + " dev \(route.link)" + (route.source.map { " src \($0)" } ?? "")
            + (route.gateway == nil ? " scope link" : "") + " proto \(protocolNumber)"
    }

    /// rtm_protocol of jailrun's routes: `CNS_ROUTE_PROTOCOL`.
    static let protocolNumber = 106
}

extension NetworkOperation {
    /// The ip(8) or sysctl(8) command that does the same. `$JAIL` stands for a process of the jail.
    package var shell: String { (namespace == .jail ? "nsenter --target $JAIL --net " : "") + command }

    private static func folder(of file: String) -> String {
        "/" + file.split(separator: "/").dropLast().map(String.init).joined(separator: "/")
    }

    /// By nft(8).
    var isOfNFT: Bool {
        switch self {
        case .publish, .withdraw, .holdLink, .releaseLink, .openDoor, .closeDoor: true
        case .createBridge, .removeBridge, .createVeth, .removeLink, .keepNamespace, .dropNamespace, .moveLink,
            .returnLink, .raiseLink, .settleLink, .addAddress, .removeAddress, .addRoute, .addNeighbour,
            .unpinNeighbour, .addProxy, .removeProxy, .setSysctl, .restoreSysctl, .reflect, .unreflect:
            false
        }
    }

    private static func nft(_ script: [String]) -> String { "nft '\(script.joined(separator: ";\n     "))'" }

    private var command: String {
        switch self {
        case .createBridge(let name, let mac): "ip link add \(name) address \(mac) type bridge"
        case .createVeth(let pair):
            "ip link add \(pair.name) address \(pair.mac) type veth"
                + " peer name \(pair.peer) address \(pair.peerMAC) netns $JAIL"
        case .removeBridge(let name), .removeLink(let name): "ip link delete \(name)"
        case .raiseLink(let state): "ip link set \(state.name)\(Self.words(state, quote: "")) up"
        case .settleLink(let name, _): "ethtool \(name)"
        case .keepNamespace(let file):
            "mkdir -p \(Self.folder(of: file)) && : >\(file) && mount --bind /proc/$JAIL/ns/net \(file)"
        case .dropNamespace(let file):
            "umount --lazy \(file); rm \(file); rmdir -p --ignore-fail-on-non-empty \(Self.folder(of: file))"
        case .moveLink(let name, _): "ip link set \(name) netns $JAIL"
        case .returnLink(let name, _, let file): "nsenter --net=\(file) ip link set \(name) netns 1"
        case .addAddress(let address):
            "ip address add \(address.address) dev \(address.link)"
                + (address.address.utf8.contains(UInt8(ascii: ":")) ? " nodad" : "")
        case .removeAddress(let address): "ip address delete \(address.address) dev \(address.link)"
        case .addRoute(let route):
            "ip \(route.destination.utf8.contains(UInt8(ascii: ":")) ? "-6 " : "")route add \(Self.words(route))"
        case .addNeighbour(let link, let address, let mac, _):
            "ip neighbour replace \(address) lladdr \(mac) dev \(link) nud permanent"
        case .unpinNeighbour(let link, let address): "ip neighbour delete \(address) dev \(link)"
        case .reflect(let port): "bridge link set dev \(port) hairpin on"
        case .unreflect(let port): "bridge link set dev \(port) hairpin off"
        case .addProxy(let link, let address): "ip neighbour replace proxy \(address) dev \(link)"
        case .removeProxy(let link, let address): "ip neighbour delete proxy \(address) dev \(link)"
        case .setSysctl(let sysctl): "sysctl -qw \(sysctl.path)=\(sysctl.value)"
        case .restoreSysctl(let sysctl):
            (sysctl.isSomebodyElses.map { "\($0) || " } ?? "")
                + "sysctl -qw \(sysctl.path)=\(sysctl.previous ?? sysctl.value)"
        case .publish(let rules): Self.nft(rules.script) + rules.forgetting
        case .holdLink(let hold): Self.nft(hold.script)
        case .releaseLink(let name): LinkHold.release(of: name)
        case .openDoor(let door): door.shell
        case .closeDoor(let jail): FirewallDoor.closing(of: jail)
        case .withdraw(let jail, _, _): PacketRules.withdrawal(of: jail)
        }
    }
}
