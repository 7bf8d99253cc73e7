import Foundation
import Glibc
import SystemPackage
import Testing

@testable import JailCore

// Behind _GNU_SOURCE in <sched.h>, which Swift's Glibc does not define.
@_silgen_name("setns") private func setns(_ descriptor: CInt, _ kind: CInt) -> CInt
@_silgen_name("unshare") private func unshare(_ flags: CInt) -> CInt
private let newNetwork: CInt = 0x4000_0000

enum Lab {
    static let isHere = ProcessInfo.processInfo.environment["JAILRUN_LAB"] == "1"
    static let mustRun = ProcessInfo.processInfo.environment["JAILRUN_MUST_RUN"] == "1"
}

/// A host with an interface `lan`, and another machine at its other end. The thread that makes it is on that host until
/// `leave()`; a test's body never suspends, so it stays on its thread.
final class World: @unchecked Sendable {
    let host: FileDescriptor
    let machine: FileDescriptor
    let proc: FileDescriptor
    private let home: FileDescriptor
    private let lockPath: String
    private let mutex = NSLock()
    private var open: [FileDescriptor] = []

    init() throws {
        home = try Self.currentNamespace()
        host = try Self.newNamespace()
        machine = try Self.newNamespace()
        proc = try FileDescriptor.open("/proc", .readOnly)
        lockPath = "/tmp/jailrun-network-\(UInt64.random(in: 0 ... .max)).lock"
        try #require(setns(host.rawValue, newNetwork) == 0)
        for namespace in [host, machine] {
            run("echo 0 >/proc/sys/net/ipv6/conf/default/accept_dad; ip link set lo up", in: namespace)
            run("cd /proc/sys/net/ipv4; echo 0 >ip_forward; echo 0 >conf/default/forwarding", in: namespace)
        }
        try connectMachine()
        run("ip addr add 192.0.2.1/24 dev lan; ip addr add 2001:db8::1/64 dev lan nodad")
        run("ip addr add 192.0.2.20/24 dev lan; ip addr add 2001:db8::20/64 dev lan nodad", in: machine)
        // The link-local address and its route come later, by a work queue.
        run("for i in $(seq 500); do ip -6 route show dev lan | grep -q fe80 && break; sleep 0.01; done")
    }

    private func connectMachine() throws {
        var netlink = try Netlink(proc: proc)
        try netlink.enter(machine)
        let pair = VethPair(name: "lan", mac: "02:00:00:00:00:01", peer: "lan", peerMAC: "02:00:00:00:00:20")
        try netlink.perform(.createVeth(pair), under: try lock())
        for namespace in [host, machine] { run("ip link set lan up", in: namespace) }
    }

    func leave() {
        _ = setns(home.rawValue, newNetwork)
        for descriptor in open + [host, machine, proc, home] { try? descriptor.close() }
        unlink(lockPath)
    }

    static func inside<Result>(_ body: (World) throws -> Result) throws -> Result {
        let world = try World()
        defer { world.leave() }
        return try body(world)
    }

    // MARK: Namespaces

    static func currentNamespace() throws -> FileDescriptor { try .open("/proc/thread-self/ns/net", .readOnly) }

    /// Lives as long as its descriptor.
    static func newNamespace() throws -> FileDescriptor {
        let home = try currentNamespace()
        try #require(unshare(newNetwork) == 0)
        let result = try currentNamespace()
        try #require(setns(home.rawValue, newNetwork) == 0)
        try home.close()
        return result
    }

    func inNamespace<Result>(_ namespace: FileDescriptor, _ body: () -> Result) -> Result {
        precondition(setns(namespace.rawValue, newNetwork) == 0)
        defer { precondition(setns(host.rawValue, newNetwork) == 0) }
        return body()
    }

    // MARK: Looking

    @discardableResult
    func run(_ script: String, in namespace: FileDescriptor? = nil) -> String {
        let quoted = "'" + script.replacingOccurrences(of: "'", with: "'\\''") + "'"
        let namespace = "/proc/\(getpid())/fd/\((namespace ?? host).rawValue)"
        guard let pipe = popen("nsenter --net=\(namespace) sh -c \(quoted) 2>&1", "re") else {
            return "popen: \(errno)"
        }
        defer { pclose(pipe) }
        var output: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 1 << 16)
        while case let count = fread(&chunk, 1, chunk.count, pipe), count > 0 { output += chunk[..<count] }
        return String(decoding: output, as: UTF8.self)
    }

    /// All of the host's network that a jail could change: links, addresses, routes, proxies, settings. Without the
    /// addresses' own local routes: the kernel makes them, in its own time.
    func snapshot() -> [Substring] {
        lines(
            """
            ip -d -o link | sed -E 's/[a-z_]+_timer +[0-9.]+//g; s/ state [A-Z]+//; s/,LOWER_UP//; s/NO-CARRIER,//'
            ip -o address | sed -E 's/(valid|preferred)_lft [0-9a-z]+//g; s/ tentative//'
            (ip route show table all; ip -6 route show table all) | grep -v 'table local proto kernel'
            ip neigh show proxy; ip -6 neigh show proxy; ip neigh show nud permanent; nft list ruleset
            cd /proc/sys/net; find ipv4/conf ipv6/conf ipv4/neigh ipv6/neigh -type f \
                ! -name stable_secret ! -name mc_forwarding \
                | sort | xargs grep -H .
            """)
    }

    private func lines(_ script: String) -> [Substring] { run(script).split(separator: "\n") }

    /// Lines of a snapshot that came and went since.
    func changes(since before: [Substring]) -> [String] {
        snapshot().difference(from: before).map { change in
            switch change {
            case .insert(_, let line, _): "+ \(line)"
            case .remove(_, let line, _): "- \(line)"
            }
        }
    }

    /// Seconds until a TCP connection stood; nil when none did within three seconds.
    func connect(from: FileDescriptor, to address: String, in listener: FileDescriptor) -> Double? {
        let family = address.contains(":") ? AF_INET6 : AF_INET
        let server = inNamespace(listener) { socket(family, Int32(SOCK_STREAM.rawValue), 0) }
        defer { close(server) }
        guard listen(server, 4) == 0 else { return nil }  // binds to any address and a free port
        let client = inNamespace(from) {
            socket(family, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0)
        }
        defer { close(client) }
        let clock = ContinuousClock()
        let start = clock.now
        guard connectSocket(client, address, port: port(of: server)) else { return nil }
        let elapsed = (clock.now - start).components
        return Double(elapsed.seconds) + Double(elapsed.attoseconds) / 1e18
    }

    /// The kernel joins an address's solicited-node group (RFC 4291) in a work queue, some milliseconds later at most;
    /// a neighbour that asks before is not heard, and asks again after a second. Nothing but time makes it join.
    func awaitSolicitedNode(of address: String, in namespace: FileDescriptor) throws {
        let value = try #require(InternetAddress(address)).value & 0xff_ffff
        let digits = String(value, radix: 16)
        let group = "ff0200000000000000000001ff" + String(repeating: "0", count: 6 - digits.count) + digits
        for _ in 0..<1000 {
            if run("cat /proc/net/igmp6", in: namespace).contains(group) { return }
            usleep(1000)
        }
        Issue.record("\(address): its solicited-node group was not joined within a second")
    }

    private func port(of server: CInt) -> UInt16 {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        return withUnsafeMutablePointer(to: &storage) {
            $0.withMemoryRebound(to: sockaddr_in.self, capacity: 1) { address in
                address.withMemoryRebound(to: sockaddr.self, capacity: 1) { _ = getsockname(server, $0, &length) }
                return UInt16(bigEndian: address.pointee.sin_port)  // sin6_port stands at the same place
            }
        }
    }

    private func connectSocket(_ client: CInt, _ address: String, port: UInt16) -> Bool {
        var hints = addrinfo()
        hints.ai_flags = AI_NUMERICHOST | AI_NUMERICSERV
        hints.ai_socktype = Int32(SOCK_STREAM.rawValue)
        var found: UnsafeMutablePointer<addrinfo>?
        guard getaddrinfo(address, "\(port)", &hints, &found) == 0, let info = found else { return false }
        defer { freeaddrinfo(found) }
        if Glibc.connect(client, info.pointee.ai_addr, info.pointee.ai_addrlen) == 0 { return true }
        guard errno == EINPROGRESS else { return false }
        var poll = pollfd(fd: client, events: Int16(POLLOUT), revents: 0)
        var error: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        return Glibc.poll(&poll, 1, 3000) == 1
            && getsockopt(client, SOL_SOCKET, SO_ERROR, &error, &length) == 0 && error == 0
    }

    /// Sends a router advertisement (RFC 4861) to all nodes: "I am your default router for half an hour".
    func advertise(from namespace: FileDescriptor, by link: String) throws {
        let raw = inNamespace(namespace) { socket(AF_INET6, Int32(SOCK_RAW.rawValue), Int32(IPPROTO_ICMPV6)) }
        try #require(raw >= 0)
        defer { close(raw) }
        var hops: CInt = 255
        var index = CInt(inNamespace(namespace) { if_nametoindex(link) })
        let size = socklen_t(MemoryLayout<CInt>.size)
        setsockopt(raw, Int32(IPPROTO_IPV6), IPV6_MULTICAST_HOPS, &hops, size)
        setsockopt(raw, Int32(IPPROTO_IPV6), IPV6_MULTICAST_IF, &index, size)
        var to = sockaddr_in6()
        to.sin6_family = sa_family_t(AF_INET6)
        inet_pton(AF_INET6, "ff02::1", &to.sin6_addr)
        // type, code, checksum (the kernel's), hop limit, flags, lifetime 1800 s, reachable and retransmission times
        let message: [UInt8] = [134, 0, 0, 0, 64, 0, 0x07, 0x08, 0, 0, 0, 0, 0, 0, 0, 0]
        let sent = withUnsafePointer(to: &to) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                sendto(raw, message, message.count, 0, $0, socklen_t(MemoryLayout<sockaddr_in6>.size))
            }
        }
        try #require(sent == message.count, "sendto: errno \(errno)")
    }

    // MARK: Jails

    /// A fresh descriptor each time, as each jailrun has its own.
    func lock() throws -> NetworkLock {
        let file = try FileDescriptor.open(
            FilePath(lockPath), .readWrite, options: [.create], permissions: .ownerReadWrite)
        mutex.withLock { open.append(file) }
        return try NetworkLock(file)
    }

    func jail(_ name: String, _ jid: Int, _ addresses: [String], interface: String? = nil) throws -> TestJail {
        let specs = addresses.map { text in
            let parts = text.split(separator: "|")
            let prefix = parts.last!.split(separator: "/")
            return AddressSpec(
                family: text.contains(":") ? .ipv6 : .ipv4, address: String(prefix[0]),
                prefixLength: prefix.count == 2 ? Int(prefix[1]) : nil,
                interface: parts.count == 2 ? String(parts[0]) : interface, origin: .commandLine)
        }
        let namespace = try Self.newNamespace()
        return TestJail(
            world: self, name: name, jid: jid, namespace: namespace,
            network: NetworkSpec(mode: Located(.own, .commandLine), addresses: specs))
    }
}

/// A jail that is nothing but its network.
struct TestJail {
    let world: World
    let name: String
    let jid: Int
    let namespace: FileDescriptor
    let network: NetworkSpec
    private(set) var performed: [Located<NetworkOperation>] = []

    init(world: World, name: String, jid: Int, namespace: FileDescriptor, network: NetworkSpec) {
        self.world = world
        self.name = name
        self.jid = jid
        self.namespace = namespace
        self.network = network
    }

    func plan() throws -> NetworkPlan {
        try NetworkPlan(
            for: network, jail: (name, jid), facts: try Netlink(proc: world.proc).facts(for: network))
    }

    mutating func start() throws {
        let lock = try world.lock()
        var netlink = try Netlink(proc: world.proc)
        try netlink.enter(namespace)
        let facts = try netlink.facts(for: network)
        performed = try NetworkPlan(for: network, jail: (name, jid), facts: facts).operations
        try netlink.perform(performed, under: lock)
    }

    mutating func start(_ plan: NetworkPlan) throws(NetlinkError) {
        let lock: NetworkLock
        do { lock = try world.lock() } catch { throw .lockFile(.ioError) }
        var netlink = try Netlink(proc: world.proc)
        try netlink.enter(namespace)
        try netlink.perform(plan.operations, under: lock)
        performed = plan.operations
    }

    /// Dies after that many.
    mutating func start(operations count: Int) throws {
        let plan = try plan()
        var netlink = try Netlink(proc: world.proc)
        try netlink.enter(namespace)
        try netlink.perform(Array(plan.operations.prefix(count)), under: try world.lock())
    }

    func stop() throws {
        let errors = try Netlink(proc: world.proc).undo(performed, under: try world.lock())
        try #require(errors == [])
    }

    /// What the kernel does when the jail's last process is gone; it takes its time.
    func killNamespace() {
        try? namespace.close()
        for _ in 0..<500
        where !world.run("ip -o link show type veth").split(separator: "\n").filter({
            $0.contains(": vjail\(jid)@") || $0.contains(": vj\(jid)e")
        }).isEmpty { usleep(10_000) }
    }
}

extension World {
    /// Runs the body on a thread of its own for each number, all at once, each on this host; returns their errors.
    func race(_ numbers: ClosedRange<Int>, _ body: @escaping @Sendable (World, Int) throws -> Void) -> [String] {
        let failures = Failures()
        let group = DispatchGroup()
        for number in numbers {
            group.enter()
            Thread.detachNewThread { [self] in
                defer { group.leave() }
                guard setns(host.rawValue, newNetwork) == 0 else { return failures.add("setns: \(errno)") }
                do { try body(self, number) } catch { failures.add("\(number): \(error)") }
            }
        }
        group.wait()
        return failures.all
    }

    private final class Failures: @unchecked Sendable {
        private let mutex = NSLock()
        private(set) var all: [String] = []
        func add(_ text: String) { mutex.withLock { all.append(text) } }
    }
}
