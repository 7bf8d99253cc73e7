internal import Glibc
internal import SystemPackage

/// The ports of the host that jails ask for: those that are taken are found before anything starts, and 0 becomes one
/// that is free. What is asked again later, under the network's lock, is what holds.
public struct PortReservation {
    private static let attempts = 100

    public init() {}

    /// The jails with the ports that they will have.
    /// - Throws: `.unsuitable` for the first port that is taken, by whomever.
    public func resolved(_ jails: [JailSpec]) throws(RuntimeError) -> [JailSpec] {
        guard jails.contains(where: { !$0.network.ports.isEmpty }) else { return jails }
        let proc = try NetworkConnection.openProc()
        var result = jails
        var known: [HostNetworkFacts.TakenPort] = []
        for index in result.indices {
            for place in result[index].network.ports.indices {
                let jail = result[index]
                let port = jail.network.ports[place]
                let chosen = port.hostPort == 0 ? try free(for: port, of: jail, known, proc) : port
                if let other = try owner(of: chosen, jail, known, proc) {
                    let error = other.error(for: chosen)
                    throw .unsuitable(jail: jail.label, origin: port.origin, "\(error)", hint: error.hint)
                }
                known.append(HostNetworkFacts.TakenPort(port: chosen, jail: jail.name.value))
                result[index].network.ports[place] = chosen
            }
        }
        return result
    }

    /// What is wrong with the ports of one jail beside others: each that is taken now. Without the right to read the
    /// rules of other jails, programs alone are looked at.
    func objections(_ jail: JailSpec, beside others: [JailSpec]) -> [(origin: Origin, error: NetworkPlanError)] {
        let ports = jail.network.ports.filter { $0.hostPort > 0 }
        guard !ports.isEmpty, let proc = try? NetworkConnection.openProc() else { return [] }
        let known = others.flatMap { other in
            other.network.ports.map { HostNetworkFacts.TakenPort(port: $0, jail: other.name.value) }
        }
        let handle = FileDescriptor(rawValue: proc.number)
        let taken =
            (try? Netlink(proc: handle).takenPorts(for: ports))
            ?? Listeners(proc: proc.number).ports(overlapping: ports)
        return ports.compactMap { port in
            (known + taken).first { $0.jail != jail.name.value && $0.port.overlaps(port) }.map {
                (port.origin, $0.error(for: port))
            }
        }
    }

    private func owner(
        of port: PortSpec, _ jail: JailSpec, _ known: [HostNetworkFacts.TakenPort], _ proc: borrowing Descriptor
    ) throws(RuntimeError) -> HostNetworkFacts.TakenPort? {
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            return try (known + netlink.takenPorts(for: [port])).first {
                $0.jail != jail.name.value && $0.port.overlaps(port)
            }
        } catch {
            throw .unsuitable(
                jail: jail.label, origin: port.origin, "cannot look for the ports of the host: \(error)",
                hint: error.hint)
        }
    }

    /// One that the kernel gives, and that no jail has: what is published is not bound.
    private func free(
        for port: PortSpec, of jail: JailSpec, _ known: [HostNetworkFacts.TakenPort], _ proc: borrowing Descriptor
    ) throws(RuntimeError) -> PortSpec {
        var chosen = port
        for _ in 0..<Self.attempts {
            guard let number = Self.unboundPort(port) else { continue }
            chosen.hostPort = number
            if try owner(of: chosen, jail, known, proc) == nil { return chosen }
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
