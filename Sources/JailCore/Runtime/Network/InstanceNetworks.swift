internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Finds networks that nobody has for an instance of a file.
///
/// Until its jails are up, which have their addresses in their links' aliases, a network is held by an abstract socket
/// of its name (unix(7)): such names belong to the network namespace, as the bridge does, and go with the last process that has
/// the socket open. A supervisor inherits it: what its jails had between two starts stays theirs.
package struct InstanceNetworks {
    private static let candidates = 250
    let instance: Instance
    let host: Host

    package init(of instance: Instance, host: Host) {
        self.instance = instance
        self.host = host
    }

    /// The jails as they are in this instance.
    package func jails(_ jails: [ConfiguredJail]) throws(RuntimeError) -> [ConfiguredJail] {
        let facts = try facts(jails)
        var chosen: [(from: InternetPrefix, to: InternetPrefix)] = []
        for network in instance.networks(of: jails) {
            if let present = try present(like: network, jails) {
                chosen.append((network, present))
                continue
            }
            guard let free = free(like: network, facts, chosen.map(\.to)) else {
                throw .host("instance \(instance.name): no network like \(network) is free", hint: nil)
            }
            chosen.append((network, free))
        }
        do throws(Instance.Objection) { return try instance.applied(to: jails, networks: chosen) } catch {
            throw .unsuitable(jail: error.label, origin: error.origin, error.message, hint: error.hint)
        }
    }

    /// Where jails of this instance that are up have that network.
    private func present(like network: InternetPrefix, _ jails: [ConfiguredJail]) throws(RuntimeError)
        -> InternetPrefix?
    {
        for jail in jails {
            guard let record = try host.state.record(of: instance.name(of: jail.name.value)), try record.isAlive()
            else {
                continue
            }
            for (mine, present) in zip(jail.network.addresses, record.spec.network.addresses) {
                guard let address = InternetAddress(mine.address), network.contains(address),
                    let moved = InternetAddress(present.address), moved.family == address.family
                else { continue }
                return InternetPrefix(moved, length: network.length).network
            }
        }
        return nil
    }

    private func facts(_ jails: [ConfiguredJail]) throws(RuntimeError) -> HostNetworkFacts {
        guard let jail = jails.first(where: { $0.network.isConnected }) else { return HostNetworkFacts(links: []) }
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) {
            return try Netlink(proc: FileDescriptor(rawValue: proc.number)).facts(for: jail.network)
        } catch { throw .host("cannot look for a free network: \(error)", hint: error.hint) }
    }

    /// One of the next networks of the same length. The first that is tried depends on the instance's name, so that a
    /// later run of the same name has the same addresses, as a rule.
    private func free(
        like network: InternetPrefix, _ facts: HostNetworkFacts, _ chosen: [InternetPrefix]
    ) -> InternetPrefix? {
        let step = UInt128(1) << UInt128(network.address.bitWidth - network.length)
        let start = instance.name.utf8.reduce(UInt32(0)) { $0 &* 31 &+ UInt32($1) }
        for number in 0..<Self.candidates {
            let distance = UInt128((Int(start % UInt32(Self.candidates)) + number) % Self.candidates + 1)
            let candidate = InternetPrefix(
                InternetAddress(network.address.family, network.address.value + distance * step),
                length: network.length)
            let isTaken =
                facts.addresses.contains { $0.prefix.overlaps(candidate) }
                || facts.jailLinks.contains { $0.addresses.contains { $0.overlaps(candidate) } }
                || chosen.contains { $0.overlaps(candidate) }
            if !isTaken, Self.reserve(candidate) { return candidate }
        }
        return nil
    }

    /// Held until the process ends.
    private static func reserve(_ network: InternetPrefix) -> Bool {
        let socket = Glibc.socket(AF_UNIX, Int32(SOCK_DGRAM.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard socket >= 0 else { return false }
        var address = sockaddr_un()
        address.sun_family = sa_family_t(AF_UNIX)
        let name = [0] + Array("jailrun-network \(network)".utf8)
        unsafe withUnsafeMutableBytes(of: &address.sun_path) { unsafe $0.copyBytes(from: name) }
        let size = socklen_t(MemoryLayout<sa_family_t>.size + name.count)
        let isBound = unsafe withUnsafePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { unsafe bind(socket, $0, size) == 0 }
        }
        if !isBound { close(socket) }
        return isBound
    }
}
