import Foundation
import SystemPackage
import Testing

@testable import JailCore

struct NetworkPlannerTests {
    typealias Facts = HostNetworkFacts
    static let facts = Facts(
        links: [
            Facts.Link(index: 1, name: "lo", isLoopback: true), Facts.Link(index: 2, name: "lan"),
            Facts.Link(index: 3, name: "br0", isBridge: true), Facts.Link(index: 4, name: "port", master: "br0"),
        ],
        addresses: [
            Facts.Address(link: "lan", prefix: InternetPrefix("192.0.2.1/24")!),
            Facts.Address(link: "br0", prefix: InternetPrefix("198.51.100.2/24")!),
        ],
        sysctls: [
            Facts.Sysctl(path: "net/ipv6/conf/lan/accept_ra", value: "1"),
            Facts.Sysctl(path: "net/ipv6/neigh/lan/proxy_delay", value: "80"),
        ])

    static func origin(_ line: Int) -> Origin {
        .configuration(SourceLocation(file: "www.conf", line: line, column: 1))
    }

    /// `[interface|]address[/length]`, each on a line of its own.
    static func spec(_ addresses: [String], mode: NetworkSpec.Mode = .own) -> NetworkSpec {
        let specs = addresses.enumerated().map { index, text in
            let parts = text.split(separator: "|")
            let prefix = parts[parts.count - 1].split(separator: "/")
            return AddressSpec(
                family: text.contains(":") ? .ipv6 : .ipv4, address: String(prefix[0]),
                prefixLength: prefix.count == 2 ? Int(prefix[1]) : nil,
                interface: parts.count == 2 ? String(parts[0]) : nil, origin: origin(index + 1))
        }
        return NetworkSpec(mode: Located(mode, .standard("")), addresses: specs)
    }

    static func plan(_ addresses: [String], _ facts: Facts = facts) throws(NetworkPlanError) -> [NetworkOperation] {
        try NetworkPlan(for: spec(addresses), jail: ("www", 5), facts: facts).operations.map(\.value)
    }

    static func error(_ addresses: [String], _ facts: Facts = facts) -> NetworkPlanError? {
        do throws(NetworkPlanError) { _ = try plan(addresses, facts) } catch { return error }
        return nil
    }

    @Test("a jail that inherits the host's network has no operation")
    func inherit() throws {
        let plan = try NetworkPlan(for: Self.spec(["10.0.0.1"], mode: .inherit), jail: ("www", 5), facts: Self.facts)
        #expect(plan.operations == [])
    }

    @Test("the plan of an address without interface reads as the ip commands that do the same")
    func ownBridge() throws {
        let shell = try Self.plan(["10.77.0.10"]).map(\.shell).filter { !$0.hasPrefix("nft ") }
        #expect(
            shell == [
                "ip link add jail0 address 02:22:05:0c:ca:54 type bridge",
                "sysctl -qw net/ipv6/conf/jail0/accept_ra=0", "sysctl -qw net/ipv6/conf/jail0/accept_dad=0",
                "sysctl -qw net/ipv4/conf/jail0/rp_filter=1", "ip link set jail0 alias \"jailrun: bridge\" up",
                "ip address add 10.77.0.1/24 dev jail0",
                "nsenter --target $JAIL --net sysctl -qw net/ipv6/conf/default/disable_ipv6=1",
                "nsenter --target $JAIL --net ip link set lo up",
                "ip link add vjail5 address \(Self.mac("fe")) type veth peer name eth0 address \(Self.mac("02"))"
                    + " netns $JAIL",
                "sysctl -qw net/ipv6/conf/vjail5/disable_ipv6=1",
                "nsenter --target $JAIL --net ip link set eth0 up",
                "ip link set vjail5 master jail0 alias \"jailrun:www jail0 10.77.0.10/24\" up",
                "nsenter --target $JAIL --net ethtool eth0", "ethtool vjail5", "ethtool jail0",
                "nsenter --target $JAIL --net ip address add 10.77.0.10/24 dev eth0",
                "ip neighbour replace 10.77.0.10 lladdr \(Self.mac("02")) dev jail0 nud permanent",
                "nsenter --target $JAIL --net ip neighbour replace 10.77.0.1 lladdr 02:22:05:0c:ca:54 dev eth0"
                    + " nud permanent",
                "nsenter --target $JAIL --net ip route add default via 10.77.0.1 dev eth0 proto 106",
            ])
    }

    static func mac(_ octet: String) -> String { NetworkPlanner.mac(firstOctet: octet, seed: "www 10.77.0.10") }

    @Test("a stop takes back the pair, the gateway and the bridge, in this order, and nothing that dies with them")
    func undo() throws {
        let undo = try Self.plan(["10.77.0.10"]).undo.map(\.shell)
        #expect(
            undo == [
                "ip neighbour delete 10.77.0.10 dev jail0", "ip link delete vjail5", LinkHold.release(of: "vjail5"),
                "ip address delete 10.77.0.1/24 dev jail0", "ip link delete jail0",
            ])
    }

    @Test("the gateway is the first address that no jail has: the lowest, or from the highest down; and else an error")
    func gateway() throws {
        func gateway(_ addresses: [String], _ facts: Facts) throws -> String? {
            try Self.plan(addresses, facts).compactMap { operation -> String? in
                if case .addAddress(let address) = operation, address.isGateway { address.address } else { nil }
            }.first
        }
        var facts = Self.facts
        #expect(try gateway(["10.77.0.10/16"], facts) == "10.77.0.1/16")
        #expect(try gateway(["10.77.0.1"], facts) == "10.77.0.254/24")
        facts.jailAddresses = [Facts.JailAddress(jail: "db", address: InternetAddress("10.77.0.1")!)]
        #expect(try gateway(["10.77.0.10"], facts) == "10.77.0.254/24")
        #expect(try gateway(["10.77.0.254"], facts) == "10.77.0.253/24")
        #expect(Self.error(["10.9.0.1/30", "10.9.0.2/30"]) == .noGatewayLeft(network: "10.9.0.0/30", Self.origin(1)))
        facts.addresses.append(Facts.Address(link: "jail0", prefix: InternetPrefix("10.77.0.7/24")!))
        #expect(try gateway(["10.77.0.254"], facts) == "10.77.0.7/24", "the bridge has one already")
    }

    @Test("a router of a bridge's network is the jail's too, and without one the bridge itself")
    func bridgeGateway() throws {
        func routes(_ facts: Facts) throws -> [String?] {
            try Self.plan(["br0|198.51.100.10"], facts).compactMap { operation -> String?? in
                if case .addRoute(let route) = operation { route.gateway } else { nil }
            }
        }
        var facts = Self.facts
        #expect(try routes(facts) == ["198.51.100.2"])
        facts.defaultGateways = [Facts.DefaultGateway(link: "br0", address: InternetAddress("198.51.100.1")!)]
        #expect(try routes(facts) == ["198.51.100.1"])
    }

    @Test("IPv6 forwarding is preceded by accept_ra = 2 on each link that hears routers")
    func routerAdvertisements() throws {
        let settings = try Self.plan(["lan|2001:db8::10"]).compactMap { operation -> String? in
            if case .setSysctl(let sysctl) = operation, sysctl.users != nil {
                "\(sysctl.path)=\(sysctl.value) was \(sysctl.previous ?? "-")"
            } else {
                nil
            }
        }
        #expect(
            settings == [
                "net/ipv6/conf/lan/accept_ra=2 was 1", "net/ipv6/conf/all/forwarding=74 was 0",
                "net/ipv6/conf/lan/proxy_ndp=74 was 0", "net/ipv6/neigh/lan/proxy_delay=0 was 80",
            ])
    }

    @Test("each interface has a link of its own, in the order of the addresses, and a family one default route")
    func severalInterfaces() throws {
        let plan = try Self.plan(["10.77.0.10", "lan|192.0.2.10", "10.77.0.11"])
        let pairs = plan.compactMap { if case .createVeth(let pair) = $0 { "\(pair.name) \(pair.peer)" } else { nil } }
        #expect(pairs == ["vjail5 eth0", "vj5e1 eth1"])
        #expect(plan.filter { $0.shell.contains("default via") }.count == 1)
        #expect(plan.contains { $0.shell.hasSuffix("ip route add 192.0.2.0/24 via 192.0.2.1 dev eth1 proto 106") })
    }

    @Test("every operation knows the line that asked for it")
    func origins() throws {
        let operations = try NetworkPlan(
            for: Self.spec(["10.77.0.10", "10.78.0.10"]), jail: ("www", 5), facts: Self.facts
        ).operations
        let second = operations.filter { $0.origin == Self.origin(2) }.map(\.value.shell)
        #expect(second.contains("ip address add 10.78.0.1/24 dev jail0"))
        #expect(second.allSatisfy { $0.contains("10.78.0") })
    }

    @Test("what cannot be made is refused before anything is touched, with the interface that does it")
    func refused() {
        var facts = Self.facts
        facts.jailAddresses = [Facts.JailAddress(jail: "db", address: InternetAddress("10.77.0.9")!)]
        let first = Self.origin(1)
        let expected: [(String, NetworkPlanError)] = [
            ("192.0.2.10", .networkOnHost(network: "192.0.2.0/24", interface: "lan", first)),
            ("eth9|192.0.2.10", .unknownInterface("eth9", near: nil, first)),
            ("lo|10.0.0.1", .loopbackInterface("lo", first)),
            ("port|10.0.0.1", .portOfBridge(interface: "port", bridge: "br0", first)),
            ("lan|192.0.2.1", .addressOnHost(address: "192.0.2.1", prefix: "192.0.2.1/24", interface: "lan", first)),
            ("10.77.0.9", .addressOfJail(address: "10.77.0.9", jail: "db", first)),
            ("10.77.0.255", .addressOfNetwork(address: "10.77.0.255", network: "10.77.0.0/24", first)),
            ("br0|203.0.113.1", .noNetworkOnBridge(address: "203.0.113.1", bridge: "br0", first)),
            ("127.0.0.1", .notAnAddress("127.0.0.1", first)), ("ff02::1", .notAnAddress("ff02::1", first)),
        ]
        for (address, error) in expected { #expect(Self.error([address], facts) == error, "\(address)") }
        #expect(Self.error(["10.77.0.10", "10.77.0.10"]) == .duplicateAddress("10.77.0.10", Self.origin(2)))
        #expect(Self.error(["192.0.2.10"])?.hint?.hasPrefix("use interface = lan") == true)
        // The way of rc.conf(5), an alias that the host has: what makes of it what the jail's own line does.
        let mend = Self.error(["lan|192.0.2.1"], facts)?.hint ?? ""
        #expect(mend.contains("ip address delete 192.0.2.1/24 dev lan"), "\(mend)")
        #expect(mend.contains("ip4.addr = \"lan|192.0.2.1\""), "\(mend)")
    }

    @Test("a link's alias tells whose it is and what it carries, and says when it cannot say all")
    func alias() throws {
        let few = [InternetPrefix("10.77.0.10/24")!, InternetPrefix("fd77::10/64")!]
        let link = try #require(
            JailLink(
                name: "vjail5", alias: JailLink.alias(jail: "a.b", interface: "jail0", addresses: few), master: "jail0")
        )
        #expect(link.jail == "a.b" && link.interface == "jail0" && link.addresses == few && !link.isPartial)
        let many = (1...100).map { InternetPrefix("10.77.0.\($0)/24")! }
        let alias = JailLink.alias(jail: String(repeating: "x", count: 63), interface: "lan", addresses: many)
        #expect(alias.utf8.count <= 255)
        #expect(try #require(JailLink(name: "vjail5", alias: alias, master: nil)).isPartial)
        #expect(JailLink(name: "jail0", alias: JailLink.bridgeAlias, master: nil) == nil)
        #expect(JailLink(name: "eth0", alias: "uplink to jailrun:x y", master: nil) == nil)
    }

    @Test("the ledger tells the settings of one network from another's; what an older jailrun wrote is anybody's")
    func places() {
        let (here, there) = (NetworkNamespace(device: 4, inode: 10), NetworkNamespace(device: 4, inode: 11))
        var ledger = NetworkLedger()
        for (index, place) in [nil, here, there].enumerated() {
            for interface in [nil, "lan"] {
                ledger.record(
                    NetworkLedger.Entry(
                        path: "\(index)\(interface ?? "")", value: "0",
                        users: NetworkSysctl.Users(interface: interface, family: .ipv4), place: place))
            }
        }
        #expect(NetworkLedger(ledger.description) == ledger)
        #expect(ledger.seen(in: here).entries.map(\.path) == ["0", "0lan", "1", "1lan"])
        #expect(ledger.seen(in: there).entries.map(\.path) == ["0", "0lan", "2", "2lan"])
    }

    private static let users = [
        NetworkSysctl.Users(interface: nil, family: .ipv4), NetworkSysctl.Users(interface: "lan", family: .ipv6),
    ]

    /// What a jailrun that knew of no networks makes of a line. It writes anew what it has understood, and nothing else.
    private func older(_ text: String) -> [NetworkLedger.Entry] {
        text.split(separator: "\n").prefix { $0 != "end" }.compactMap { line in
            let words = line.split(separator: " ").map(String.init)
            guard words.count == 3 || words.count == 4, let family = AddressSpec.Family(rawValue: words[2]) else {
                return nil
            }
            let values = words[1].split(separator: ":", maxSplits: 1).map(String.init)
            return NetworkLedger.Entry(
                path: words[0], value: values[0], written: values.count == 2 ? values[1] : nil,
                users: NetworkSysctl.Users(interface: words.count == 4 ? words[3] : nil, family: family))
        }
    }

    @Test("an older jailrun reads all of the ledger, but for whose settings they are, and loses nothing of it")
    func olderReader() {
        let places = [
            nil, NetworkNamespace(device: 4, inode: 10), NetworkNamespace(device: 4, inode: 10, cookie: 17), nil,
            NetworkNamespace(device: 4, inode: 11, cookie: .max),
        ]
        var ledger = NetworkLedger()
        for (index, place) in places.enumerated() {
            for (users, written) in zip(Self.users, ["74", nil]) {
                ledger.record(
                    NetworkLedger.Entry(
                        path: "\(index)\(users.interface ?? "")", value: "0", written: written, users: users,
                        place: place))
            }
        }
        var without = ledger
        for index in without.entries.indices { without.entries[index].place = nil }
        #expect(older(ledger.description) == without.entries)
        #expect(NetworkLedger(ledger.description) == ledger)
        without.entries = older(ledger.description)
        #expect(NetworkLedger(without.description) == without)
    }

    @Test("the ledger as it was once written, with the network behind each setting, is read")
    func olderWriter() {
        let (bare, place) = (NetworkLedger("a 0:74 ipv4\nb 1 ipv6 lan\nend\n"), "@4:4026531840")
        #expect(bare.entries.map(\.users) == Self.users && bare.entries.map(\.place) == [nil, nil])
        let ledger = NetworkLedger("a 0:74 ipv4 \(place)\nb 1 ipv6 lan \(place)\nend\n")
        #expect(ledger.entries.map(\.users) == Self.users)
        #expect(ledger.entries.allSatisfy { $0.place == NetworkNamespace(device: 4, inode: 4_026_531_840) })
    }

    @Test("a network that has the number of one that is gone is told from it by the cookie, where both have one")
    func cookies() {
        func network(_ inode: UInt64, _ cookie: UInt64?) -> NetworkNamespace {
            NetworkNamespace(device: 4, inode: inode, cookie: cookie)
        }
        #expect(network(10, 1).isSame(as: network(10, 1)) && !network(10, 1).isSame(as: network(10, 2)))
        #expect(network(10, nil).isSame(as: network(10, 2)) && network(10, 1).isSame(as: network(10, nil)))
        #expect(!network(10, 1).isSame(as: network(11, 1)) && !network(10, nil).isSame(as: network(11, nil)))
        var ledger = NetworkLedger()
        for cookie in [nil, 1, 2] as [UInt64?] {
            ledger.record(
                NetworkLedger.Entry(
                    path: "\(cookie ?? 0)", value: "0", users: Self.users[0], place: network(10, cookie)))
        }
        #expect(ledger.seen(in: network(10, 2)).entries.map(\.path) == ["0", "2"])
    }

    @Test("a link of a jail tells its number, and no other link does")
    func numbers() {
        for (name, number) in [("vjail7", 7), ("vj7e1", 7), ("vjail1000000", 1_000_000), ("vj12e30", 12)] {
            #expect(NetworkPlanner.number(ofHostEnd: name) == number, "\(name)")
        }
        for name in ["vjail", "vjailx", "vj", "vje1", "vj7", "veth7", "jail0", "vjail7x"] {
            #expect(NetworkPlanner.number(ofHostEnd: name) == nil, "\(name)")
        }
    }

    @Test("the ledger keeps the first value, and is read back whatever longer text it replaced")
    func ledger() {
        var ledger = NetworkLedger()
        let users = NetworkSysctl.Users(interface: "lan", family: .ipv4)
        let any = NetworkSysctl.Users(interface: nil, family: .ipv6)
        ledger.record(NetworkLedger.Entry(path: "net/ipv4/conf/lan/forwarding", value: "0", users: users))
        ledger.record(NetworkLedger.Entry(path: "net/ipv4/conf/lan/forwarding", value: "1", users: users))
        ledger.record(NetworkLedger.Entry(path: "net/ipv6/conf/all/forwarding", value: "0", users: any))
        #expect(ledger.entries.map(\.value) == ["0", "0"])
        #expect(NetworkLedger(ledger.description + "net/ipv6/conf/all/proxy_ndp 1 ipv6\n") == ledger)
    }

    @Test("a link lets out what has the jail's own addresses, in ARP and neighbour discovery, too, and nothing else")
    func hold() throws {
        let plan = try Self.plan(["10.77.0.10", "fd77::10"])
        let holds = plan.compactMap { if case .holdLink(let hold) = $0 { hold } else { nil } }
        let hold = try #require(holds.first)
        let mac = Self.mac("02")
        let rule = "add rule netdev jailrun vjail5"
        #expect(hold.script[1].hasSuffix("policy drop; }"))
        let expected = [
            "ether saddr != \(mac) drop",
            "meta protocol 0x806 @ll,96,16 0x806 arp saddr ether \(mac) arp saddr ip 10.77.0.10 accept",
            "meta protocol 0x800 @ll,96,16 0x800 ip saddr 10.77.0.10 accept", "\(Self.icmp) @th,0,8 134 drop",
            "\(Self.icmp) @th,0,8 137 drop",
        ]
        #expect(hold.script[3..<8].map { String($0) } == expected.map { "\(rule) \($0)" })
        #expect(hold.script.contains("\(rule) \(Self.ipv6) ip6 saddr fd77::10 accept"))
        #expect(holds.count == 1)
    }

    private static let ipv6 = "meta protocol 0x86dd @ll,96,16 0x86dd"
    private static let icmp = "\(ipv6) meta l4proto 58"

    @Test("a jail asks from no address whether an address is taken for its own alone: whoever has another gives it up")
    func duplicates() throws {
        let plan = try Self.plan(["fd77::10"])
        let holds = plan.compactMap { if case .holdLink(let hold) = $0 { hold } else { nil } }
        let script = try #require(holds.first).script
        let asked = try #require(script.firstIndex { $0.contains("@th,0,8 135") })
        let rule = "add rule netdev jailrun vjail5 \(Self.icmp) @th,0,8 135 ip6 saddr ::"
        #expect(script[asked].hasPrefix("\(rule) @th,64,128 != 0xfd77000000000000") && script[asked].hasSuffix("drop"))
        #expect(script[asked].contains("@th,64,128 != 0xfe80"))
        let open = try #require(script.firstIndex { $0.hasSuffix("ip6 saddr :: meta l4proto 58 accept") })
        #expect(asked < open)
    }

    @Test("a kernel that cannot hold a jail's link is told of with what it lacks, and what does without")
    func unheld() {
        let hold = NetworkOperation.holdLink(
            LinkHold(link: "vjail5", mac: Self.mac("02"), addresses: ["10.77.0.10"]))
        for errno in [Errno.notSupported, .noSuchFileOrDirectory, .protocolNotSupported] {
            let error = NetlinkError.operation(hold, errno, message: "")
            #expect("\(error)" == "nftables cannot hold the jail to its addresses: \(errno)")
            #expect(error.hint?.contains("CONFIG_NF_TABLES_NETDEV") == true)
            #expect(error.hint?.contains("allow.spoofing") == true)
        }
    }

    @Test("with allow.spoofing nothing is held")
    func spoofing() throws {
        var spec = Self.spec(["10.77.0.10"])
        spec.allowsSpoofing = Located(true, Self.origin(9))
        let plan = try NetworkPlan(for: spec, jail: ("www", 5), facts: Self.facts).operations
        #expect(!plan.contains { if case .holdLink = $0.value { true } else { false } })
    }

    @Test("a setting that somebody else has changed since is the host's own, and one of an earlier jailrun is not")
    func remembered() {
        var facts = Self.facts
        let paths = ["net/ipv4/conf/lan/forwarding", "net/ipv4/conf/br0/forwarding", "net/ipv4/conf/old/forwarding"]
        for (path, value) in zip(paths, ["1", "74", "1"]) {
            facts.sysctls.append(Facts.Sysctl(path: path, value: value))
        }
        let users = NetworkSysctl.Users(interface: nil, family: .ipv4)
        var ledger = NetworkLedger()
        for (path, written) in zip(paths, ["74", "74", nil]) {
            ledger.record(NetworkLedger.Entry(path: path, value: "0", written: written, users: users))
        }
        facts.remember(NetworkLedger(ledger.description))
        #expect(paths.map(facts.original) == ["1", "0", "0"])
        facts.originals = []
        #expect(facts.original(paths[1]) == "0", "its mark tells by itself")
    }

    @Test("an operation is read back from JSON as it was written, and its undo is made where it was")
    func encoded() throws {
        let operations = try Self.plan(["10.77.0.10", "lan|192.0.2.10", "lan|2001:db8::10"])
        let bytes = try JSONValueEncoder().encode(operations).bytes
        #expect(try JSONValueDecoder().decode([NetworkOperation].self, from: bytes) == operations)
        for operation in operations { #expect(operation.undo.map { $0.namespace == operation.namespace } ?? true) }
        #expect(Set(operations.map(\.description)).count == operations.count, "two operations read the same")
    }
}
