internal import CNamespaces
internal import Glibc
internal import SystemPackage

// Published ports, and who has the ports of the host.

extension Netlink {
    /// All of the jail's rules in one batch, those that it has among them: no packet meets half of them.
    func publish(_ rules: PacketRules, _ operation: NetworkOperation) throws(NetlinkError) {
        try replaceRules(of: rules.jail, by: rules, operation)
    }

    func withdraw(_ jail: String, _ operation: NetworkOperation) throws(NetlinkError) {
        try replaceRules(of: jail, by: nil, operation)
    }

    private func replaceRules(of jail: String, by rules: PacketRules?, _ operation: NetworkOperation)
        throws(NetlinkError)
    {
        looks.rules = nil
        let table = try packetTable()
        let old: [PacketTable.Rule]
        do throws(Errno) { old = try table.replaceRules(of: jail, by: rules) } catch {
            throw .operation(operation, error, message: table.message)
        }
        try forget(StaleConnections(old: old, new: rules?.rules ?? []), operation)
    }

    /// Whoever sends to a port of UDP goes on being led where it was led first, as long as it sends from the same port.
    private func forget(_ stale: StaleConnections, _ operation: NetworkOperation) throws(NetlinkError) {
        if stale.isEmpty { return }
        let ends = try stale.ends(hostAddresses: hostAddresses()).map(Self.end)
        let code = unsafe cns_conntrack_forget(ends, ends.count)
        if code != 0 { throw .operation(operation, Errno(rawValue: -code), message: "") }
    }

    private func hostAddresses() throws(NetlinkError) -> [InternetAddress] {
        try records(.addresses).compactMap { InternetPrefix($0.address)?.address }
    }

    private static func end(_ end: StaleConnections.End) -> cns_conntrack_end {
        var known = cns_conntrack_end()
        known.address.family = UInt8(end.address.family == .ipv4 ? AF_INET : AF_INET6)
        unsafe withUnsafeMutableBytes(of: &known.address.bytes) { unsafe $0.copyBytes(from: end.address.networkBytes) }
        (known.first, known.last) = (UInt16(end.ports.lowerBound), UInt16(end.ports.upperBound))
        known.is_translated = end.isTranslated
        return known
    }

    // MARK: Links

    func change(
        _ operation: NetworkOperation, _ body: (borrowing PacketTable) throws(Errno) -> Void
    ) throws(NetlinkError) {
        guard let table = try packetTableIfAny() else {
            throw .operation(operation, .protocolNotSupported, message: "")
        }
        do throws(Errno) { try body(table) } catch { throw .operation(operation, error, message: table.message) }
    }

    /// Whether the kernel would take `holdLink`; nothing is changed.
    func tryHold(_ hold: LinkHold) throws(NetlinkError) {
        try change(.holdLink(hold)) { table throws(Errno) in try table.tryHold(hold) }
    }

    /// Links of which something is looked at.
    func heldLinks() throws(NetlinkError) -> Set<String> {
        guard let table = try packetTableIfAny() else { return [] }
        do throws(Errno) { return try table.heldLinks() } catch { throw .dump(what: "packet rules", error) }
    }

    /// Takes away what was for links that are gone.
    func releaseGoneLinks(_ links: [HostNetworkFacts.Link]) throws(NetlinkError) {
        guard let table = try packetTableIfAny() else { return }
        do throws(Errno) { try table.release { name in !links.contains { $0.name == name } } } catch {
            throw .dump(what: "packet rules", error)
        }
    }

    func packetTable() throws(NetlinkError) -> PacketTable {
        do throws(Errno) { return try PacketTable() } catch { throw .socket(error) }
    }

    /// Nil where the kernel has no nftables.
    func packetTableIfAny() throws(NetlinkError) -> PacketTable? {
        do throws(Errno) { return try PacketTable() } catch {
            if error == .protocolNotSupported { return nil }
            throw .socket(error)
        }
    }

    /// The rules of all jails; none where the kernel has no nftables.
    func packetRules() throws(NetlinkError) -> [PacketTable.Rule] {
        if let known = looks.rules { return known }
        guard let table = try packetTableIfAny() else { return [] }
        do throws(Errno) {
            let rules = try table.rules()
            looks.rules = rules
            return rules
        } catch { throw .dump(what: "packet rules", error) }
    }

    /// Every port that a jail has published or a program listens on.
    func takenPorts(
        for ports: [PortSpec], seesRules: Bool = true
    ) throws(NetlinkError) -> [HostNetworkFacts.TakenPort] {
        if ports.isEmpty { return [] }
        let published = try (seesRules ? packetRules() : []).compactMap { rule in
            rule.port.map { HostNetworkFacts.TakenPort(port: $0, jail: rule.jail) }
        }
        do throws(Errno) { return try published + Listeners(proc: proc).ports(overlapping: ports) } catch {
            throw .dump(what: "listening sockets", error)
        }
    }
}

/// Sockets of the host's programs that listen, from proc(5).
struct Listeners {
    let proc: CInt

    private static let files: [(name: String, transport: PortSpec.Transport, state: String)] = [
        ("tcp", .tcp, "0A"), ("tcp6", .tcp, "0A"), ("udp", .udp, "07"), ("udp6", .udp, "07"),
    ]

    /// - Throws: when a table is there and cannot be read: tables of IPv6 are not there without it.
    func ports(overlapping ports: [PortSpec]) throws(Errno) -> [HostNetworkFacts.TakenPort] {
        var taken: [HostNetworkFacts.TakenPort] = []
        for file in Self.files {
            for line in try lines(of: file.name, inState: file.state) {
                let words = line.split(separator: " ")
                guard words.count > 9,
                    let port = Self.port(words[1], file.transport), ports.contains(where: { $0.overlaps(port) })
                else { continue }
                taken.append(HostNetworkFacts.TakenPort(port: port, program: program(inode: words[9])))
            }
        }
        return taken
    }

    /// Of a busy host's thousands of sockets few listen: only these are made text.
    private func lines(of name: String, inState state: String) throws(Errno) -> [String] {
        let bytes = try Files.ifThere { () throws(Errno) in
            try Files.read(try Files.open("thread-self/net/\(name)", at: proc), limit: .max)
        }
        let lines = (bytes ?? []).split(separator: UInt8(ascii: "\n")).dropFirst()
        return lines.filter { line in
            let words = line.split(separator: UInt8(ascii: " "), maxSplits: 4)
            return words.count > 4 && words[3].elementsEqual(state.utf8)
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// `0100007F:1F90`: words of the address in the machine's order, the port in hexadecimal.
    static func port(_ text: Substring, _ transport: PortSpec.Transport) -> PortSpec? {
        let parts = text.split(separator: ":")
        guard parts.count == 2, [8, 32].contains(parts[0].utf8.count), let number = Int(parts[1], radix: 16) else {
            return nil
        }
        var value: UInt128 = 0
        var rest = parts[0]
        while !rest.isEmpty {
            guard let word = UInt32(rest.prefix(8), radix: 16) else { return nil }
            value = value << 32 | UInt128(UInt32(bigEndian: word))
            rest = rest.dropFirst(8)
        }
        var address = InternetAddress(parts[0].utf8.count == 8 ? .ipv4 : .ipv6, value)
        if address.family == .ipv6, value >> 32 == 0xffff { address = InternetAddress(.ipv4, value & 0xffff_ffff) }
        // A socket on :: has those of IPv4, too, unless it says otherwise, which proc(5) does not tell.
        let isAll = address.family == .ipv6 && value == 0
        return PortSpec(
            transport: transport, address: isAll ? nil : address.description, hostPort: number, jailPort: number,
            count: 1, origin: .standard(""))
    }

    /// `nginx (pid 812)`: the first process that has the socket open, for the message alone: who may not look at it, or looks at
    /// one that ends meanwhile, names none.
    private func program(inode: Substring) -> String? {
        let link = "socket:[\(inode)]"
        for pid in (try? Files.unsortedNames(in: "/proc")) ?? [] where pid.utf8.allSatisfy(\.isDigit) {
            for descriptor in (try? Files.unsortedNames(in: "/proc/\(pid)/fd")) ?? [] {
                var target = [CChar](repeating: 0, count: 64)
                let count = unsafe readlink("/proc/\(pid)/fd/\(descriptor)", &target, target.count - 1)
                guard count > 0 else { continue }
                let text = String(decoding: target[..<count].map { UInt8(bitPattern: $0) }, as: UTF8.self)
                guard text == link else { continue }
                let name = ((try? Files.text("/proc/\(pid)/comm")) ?? "").trimmed
                return "\(Terminal.escaped(name)) (pid \(pid))"
            }
        }
        return nil
    }
}
