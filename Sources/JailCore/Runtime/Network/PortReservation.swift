internal import Glibc
internal import SystemPackage

/// The ports of the host that jails ask for: taken ones are found before anything starts, and 0 becomes a free one. The
/// later check, under the network's lock, decides.
package struct PortReservation {
    private static let attempts = 100
    /// ip_local_port_range of ip(7).
    private static let firstEphemeral = 32768

    /// Where `check` collects what is taken; nil for a start, which ends with the first.
    private var findings: Findings?

    /// Another host, whose ports are known.
    private var assumed: HostFacts?

    package init() {}

    init(findings: Findings?, assumed: HostFacts?) { (self.findings, self.assumed) = (findings, assumed) }

    /// The jails with the ports that they will have.
    /// - Throws: `.unsuitable` for the first port that is taken, by whomever.
    package func resolved(_ jails: [ConfiguredJail]) throws(RuntimeError) -> [ConfiguredJail] {
        let asked = jails.flatMap(\.network.ports)
        if asked.isEmpty { return jails }
        let proc = try NetworkConnection.openProc()
        var result = jails
        var known = try taken(for: asked.filter { $0.hostPort > 0 }, jails, proc)
        for index in result.indices {
            for place in result[index].network.ports.indices {
                let jail = result[index]
                let port = jail.network.ports[place]
                if port.hostPort == 0 {
                    result[index].network.ports[place] = try free(for: port, of: jail, known, proc)
                } else if let other = owner(of: port, jail, known) {
                    let error = other.error(for: port)
                    try object(
                        .unsuitable(jail: jail.label, origin: port.origin, "\(error)", hint: error.hint))
                }
                known.append(
                    HostNetworkFacts.TakenPort(port: result[index].network.ports[place], jail: jail.name.value))
            }
        }
        return result
    }

    private func object(_ error: RuntimeError) throws(RuntimeError) {
        guard let findings else { throw error }
        findings.add(error)
    }

    private func owner(
        of port: PortSpec, _ jail: ConfiguredJail, _ known: [HostNetworkFacts.TakenPort]
    ) -> HostNetworkFacts.TakenPort? {
        known.first { $0.jail != jail.name.value && $0.port.overlaps(port) }
    }

    private func taken(
        for ports: [PortSpec], _ jails: [ConfiguredJail], _ proc: borrowing Descriptor
    ) throws(RuntimeError) -> [HostNetworkFacts.TakenPort] {
        if let assumed {
            return assumed.network.takenPorts.filter { taken in ports.contains { $0.overlaps(taken.port) } }
        }
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            return try netlink.takenPorts(for: ports, seesRules: Host.seesRules)
        } catch {
            let port = ports.first ?? jails.flatMap(\.network.ports)[0]
            let jail = jails.first { $0.network.ports.contains(port) }
            throw .unsuitable(
                jail: jail?.label ?? "", origin: port.origin, "cannot look at the ports of the host: \(error)",
                hint: error.hint)
        }
    }

    /// One that the kernel gives, and that no jail has: what is published is not bound.
    private func free(
        for port: PortSpec, of jail: ConfiguredJail, _ known: [HostNetworkFacts.TakenPort], _ proc: borrowing Descriptor
    ) throws(RuntimeError) -> PortSpec {
        var chosen = port
        for attempt in 0..<Self.attempts {
            guard let number = assumed == nil ? Self.unboundPort(port) : Self.firstEphemeral + attempt else { continue }
            chosen.hostPort = number
            if owner(of: chosen, jail, known + (try taken(for: [chosen], [jail], proc))) == nil { return chosen }
        }
        throw .unsuitable(
            jail: jail.label, origin: port.origin, "port \(port.published): the host has no free port", hint: nil)
    }

    private static func unboundPort(_ port: PortSpec) -> Int? {
        let type = port.transport == .tcp ? SOCK_STREAM : SOCK_DGRAM
        let number = Glibc.socket(AF_INET, Int32(type.rawValue) | Int32(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { return nil }
        let socket = Descriptor(number)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        var size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let isBound = unsafe withUnsafeMutablePointer(to: &address) { pointer in
            unsafe pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { name in
                unsafe bind(socket.number, name, size) == 0 && getsockname(socket.number, name, &size) == 0
            }
        }
        return isBound ? Int(UInt16(bigEndian: address.sin_port)) : nil
    }
}
