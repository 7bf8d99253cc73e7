import Foundation
import Glibc
import SystemPackage
import Testing

@testable import JailCore

/// Real links, routes and packets: a host, jails and another machine, each a network namespace of its own, so that
/// neither the machine's network nor another test's is seen.
@Suite(.serialized, .enabled(if: Lab.isHere || Lab.mustRun, "needs the lab: make test"))
struct NetworkTests {
    init() throws { try #require(Lab.isHere, "JAILRUN_MUST_RUN is set, and this is not the lab") }

    @Test(
        "a jail without interface is reached over jail0 by the first packet, and its stop leaves the host as it was"
    )
    func ownBridge() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        var www = try world.jail("www", 5, ["10.77.0.10", "fd77::10"])
        try www.start()
        for address in ["10.77.0.10", "fd77::10"] {
            if address.contains(":") { try world.awaitSolicitedNode(of: address, in: www.namespace) }
            let seconds = try #require(world.connect(from: world.host, to: address, in: www.namespace))
            #expect(seconds < 0.5, "\(address): the first connection took \(seconds) s: something was not up yet")
        }
        for address in ["10.77.0.1", "fd77::1"] {
            #expect(world.connect(from: www.namespace, to: address, in: world.host) != nil, "jail to \(address)")
        }
        try www.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("jails of one network reach each other, and the last to stop takes the bridge with it")
    func neighbours() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        var db = try world.jail("db", 1, ["10.77.0.10", "fd77::10"])
        var web = try world.jail("web", 2, ["10.77.0.11", "fd77::11", "10.78.0.5"])
        try db.start()
        let withOne = world.snapshot()
        try web.start()
        #expect(world.connect(from: web.namespace, to: "10.77.0.10", in: db.namespace) != nil)
        #expect(world.connect(from: db.namespace, to: "fd77::11", in: web.namespace) != nil)
        #expect(world.connect(from: db.namespace, to: "10.78.0.5", in: web.namespace) == nil, "the host forwards")
        try web.stop()
        #expect(world.changes(since: withOne) == [])
        #expect(world.connect(from: world.host, to: "10.77.0.10", in: db.namespace) != nil)
        try db.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("a jail whose interface is a bridge is one more machine of its network")
    func foreignBridge() throws {
        let world = try World()
        defer { world.leave() }
        world.run("ip link add br0 type bridge && ip link set br0 up && ip link set lan master br0")
        world.run("ip address flush dev lan && ip address add 192.0.2.1/24 dev br0")
        world.run("ip -6 address add 2001:db8::1/64 dev br0 nodad")
        let before = world.snapshot()
        var www = try world.jail("www", 5, ["192.0.2.10", "2001:db8::10"], interface: "br0")
        try www.start()
        for address in ["192.0.2.10", "2001:db8::10"] {
            #expect(world.connect(from: world.machine, to: address, in: www.namespace) != nil, "machine to \(address)")
            #expect(world.connect(from: world.host, to: address, in: www.namespace) != nil, "host to \(address)")
        }
        #expect(world.connect(from: www.namespace, to: "192.0.2.20", in: world.machine) != nil)
        #expect(world.connect(from: www.namespace, to: "2001:db8::20", in: world.machine) != nil)
        try www.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("other machines of a plain interface's network reach the jail there, and its stop leaves the host as it was")
    func plainInterface() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        var www = try world.jail("www", 5, ["192.0.2.10/24", "2001:db8::10/64"], interface: "lan")
        try www.start()
        for address in ["192.0.2.10", "2001:db8::10"] {
            if address.contains(":") { try world.awaitSolicitedNode(of: address, in: www.namespace) }
            let seconds = try #require(world.connect(from: world.machine, to: address, in: www.namespace))
            #expect(seconds < 0.5, "\(address): the first connection took \(seconds) s")
            #expect(world.connect(from: world.host, to: address, in: www.namespace) != nil, "host to \(address)")
        }
        for address in ["192.0.2.20", "2001:db8::20"] {
            #expect(world.connect(from: www.namespace, to: address, in: world.machine) != nil, "jail to \(address)")
        }
        #expect(world.connect(from: www.namespace, to: "192.0.2.1", in: world.host) != nil, "jail to host")
        try www.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("a shared setting is given back by the last jail that needs it, not by the first")
    func sharedSettings() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        var first = try world.jail("first", 1, ["192.0.2.10", "2001:db8::10"], interface: "lan")
        var second = try world.jail("second", 2, ["192.0.2.11", "2001:db8::11"], interface: "lan")
        try first.start()
        try second.start()
        try first.stop()
        #expect(world.connect(from: world.machine, to: "192.0.2.11", in: second.namespace) != nil)
        #expect(world.connect(from: world.machine, to: "2001:db8::11", in: second.namespace) != nil)
        #expect(world.connect(from: world.machine, to: "192.0.2.10", in: first.namespace) == nil)
        try second.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("what a jail left that was killed after any operation is found and removed without a record of its plan")
    func leftovers() throws {
        for addresses in [["10.77.0.10", "fd77::10"], ["lan|192.0.2.10/24", "lan|2001:db8::10/64"]] {
            let count = try World.inside { try $0.jail("www", 5, addresses).plan().operations.count }
            // Emulated, each round takes seconds.
            let isEmulated = ProcessInfo.processInfo.environment["JAILRUN_VM"] != nil
            for performed in stride(from: 0, through: count, by: isEmulated ? 18 : 1) {
                // The kernel takes its time to take a namespace apart: not after each operation.
                for isNamespaceGone in performed.isMultiple(of: 6) || performed == count ? [false, true] : [false] {
                    try World.inside { world in
                        let before = world.snapshot()
                        var www = try world.jail("www", 5, addresses)
                        try www.start(operations: performed)
                        if isNamespaceGone { www.killNamespace() }
                        let netlink = try Netlink(proc: world.proc)
                        _ = try netlink.removeLeftovers(jail: "www", jid: 5, under: try world.lock())
                        let changes = world.changes(since: before)
                        #expect(changes == [], "after \(performed) operations, namespace gone: \(isNamespaceGone)")
                        let again = try netlink.removeLeftovers(jail: "www", jid: 5, under: try world.lock())
                        #expect(again == [])
                    }
                }
            }
        }
    }

    @Test("removing what one jail left does not touch another that runs")
    func otherJailsStay() throws {
        let world = try World()
        defer { world.leave() }
        var live = try world.jail("live", 1, ["10.77.0.10", "lan|192.0.2.10", "lan|2001:db8::10"])
        try live.start()
        let before = world.snapshot()
        var dead = try world.jail("dead", 2, ["10.77.0.11", "10.99.0.1", "lan|192.0.2.11", "lan|2001:db8::11"])
        try dead.start()
        dead.killNamespace()
        let netlink = try Netlink(proc: world.proc)
        #expect(try !netlink.removeLeftovers(jail: "dead", jid: 2, under: try world.lock()).isEmpty)
        #expect(world.changes(since: before) == [])
        #expect(world.connect(from: world.machine, to: "2001:db8::10", in: live.namespace) != nil)
        #expect(world.connect(from: world.host, to: "10.77.0.10", in: live.namespace) != nil)
    }

    @Test("a start that fails names the operation, and undoes those before it")
    func failure() throws {
        let world = try World()
        defer { world.leave() }
        var www = try world.jail("www", 5, ["10.77.0.10"])
        let plan = try www.plan()
        world.run("ip link add vjail5 type bridge")
        let before = world.snapshot()
        let error = #expect(throws: NetlinkError.self) { try www.start(plan) }
        #expect(error?.errno == .fileExists)
        #expect("\(try #require(error))".contains("veth \"vjail5\""))
        #expect(error?.hint?.contains("vjail5") == true)
        #expect(world.changes(since: before) == [])
    }

    @Test("a router advertisement from a jail gives the host no route")
    func jailsAdvertisement() throws {
        let world = try World()
        defer { world.leave() }
        var www = try world.jail("www", 5, ["10.77.0.10", "fd77::10", "lan|2001:db8::10"])
        try www.start()
        // Addresses of links bring routes of their own, when the kernel has seen that nobody else has them.
        var before = ""
        eventually {
            defer { before = world.run("ip -6 route show table all") }
            usleep(50_000)
            return before == world.run("ip -6 route show table all")
        }
        for link in ["eth0", "eth1"] { try world.advertise(from: www.namespace, by: link) }
        usleep(50_000)
        #expect(world.run("ip -6 route show table all") == before)
    }

    @Test("the host keeps the default route that a router advertised when a jail needs IPv6 forwarding")
    func hostsAdvertisement() throws {
        let world = try World()
        defer { world.leave() }
        // Not before the link has an address of its own, which takes its time.
        let isHeard = eventually(seconds: 5) {
            try? world.advertise(from: world.machine, by: "lan")
            return world.run("ip -6 route show default").contains("proto ra")
        }
        #expect(isHeard, "the test's own router was not heard")
        var www = try world.jail("www", 5, ["2001:db8::10"], interface: "lan")
        try www.start()
        #expect(world.run("ip -6 route show default").contains("proto ra"))
        try world.advertise(from: world.machine, by: "lan")
        try www.stop()
        #expect(world.run("ip -6 route show default").contains("proto ra"))
    }

    @Test("a jail without addresses has lo, up, and nothing else")
    func loopbackOnly() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        var jail = try world.jail("lonely", 5, [])
        try jail.start()
        #expect(world.run("ip -br address", in: jail.namespace).contains("127.0.0.1/8"))
        #expect(world.run("ip -o link", in: jail.namespace).split(separator: "\n").count == 1)
        try jail.stop()
        #expect(world.changes(since: before) == [])
    }

    @Test("a jail with IPv4 addresses alone is not reached by IPv6, not even link-local")
    func ipv4Alone() throws {
        let world = try World()
        defer { world.leave() }
        var www = try world.jail("www", 5, ["10.77.0.10"])
        try www.start()
        #expect(!world.run("ip -6 address show dev eth0", in: www.namespace).contains("fe80"))
    }

    @Test("eighty starts and stops, sixteen at once, that share only the lock, leave nothing")
    func race() throws {
        let world = try World()
        defer { world.leave() }
        let before = world.snapshot()
        let failures = world.race(1...16) { world, number in
            for round in 0..<5 {
                let network = (number + round).isMultiple(of: 2) ? "lan|192.0.2." : "10.77.0."
                var jail = try world.jail("j\(number)", number, ["\(network)\(100 + number)"])
                try jail.start()
                try jail.stop()
                try jail.namespace.close()
            }
        }
        #expect(failures == [])
        #expect(world.changes(since: before) == [])
    }

    @Test("a network is made in a few milliseconds")
    func speed() throws {
        var times: [Double] = []
        for _ in 0..<20 {
            try World.inside { world in
                var www = try world.jail("www", 5, ["10.77.0.10", "fd77::10"])
                let clock = ContinuousClock()
                let elapsed = try clock.measure { try www.start() }
                times.append(Double(elapsed.components.attoseconds) / 1e15)
                try www.stop()
            }
        }
        times.sort()
        print("network of a jail, bridge included: median \(times[10]) ms, best \(times[0]) ms")
        // An emulated machine takes ten times as long.
        let limit = ProcessInfo.processInfo.environment["JAILRUN_VM"] == nil ? 20.0 : 400.0
        #expect(times[10] < limit)
    }
}
