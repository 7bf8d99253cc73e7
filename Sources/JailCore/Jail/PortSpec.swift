/// One entry of `port`: ports of the host that lead to ports of the jail.
package struct PortSpec: Equatable, Sendable, Codable {
    package enum Transport: String, Sendable, Codable, CaseIterable { case tcp, udp }

    package var transport: Transport
    /// The host's address, in canonical presentation form; nil for all of them.
    package var address: String?
    /// The first of the host's ports; 0 until the kernel has chosen one.
    package var hostPort: Int
    package var jailPort: Int
    /// How many there are, from these on.
    package var count: Int
    package var origin: Origin

    package init(
        transport: Transport, address: String?, hostPort: Int, jailPort: Int, count: Int, origin: Origin
    ) {
        self.transport = transport
        self.address = address
        self.hostPort = hostPort
        self.jailPort = jailPort
        self.count = count
        self.origin = origin
    }

    package var hostPorts: ClosedRange<Int> { hostPort...hostPort + count - 1 }

    /// Nil: of both.
    package var family: AddressSpec.Family? {
        address.map { $0.utf8.contains(UInt8(ascii: ":")) ? .ipv6 : .ipv4 }
    }

    /// `127.0.0.1:8080/tcp`, `[2001:db8::1]:53/udp`, `8000-8010/tcp`: the host's side.
    package var published: String {
        let place = address.map { family == .ipv6 ? "[\($0)]:" : "\($0):" } ?? ""
        return "\(place)\(Self.text(of: hostPorts))/\(transport.rawValue)"
    }

    static func text(of ports: ClosedRange<Int>) -> String {
        ports.count == 1 ? "\(ports.lowerBound)" : "\(ports.lowerBound)-\(ports.upperBound)"
    }

    /// `0.0.0.0` and `::`: of one family, all of them.
    var isOnAll: Bool { address == nil || address == "0.0.0.0" || address == "::" }

    /// Only the host itself reaches it.
    var isOnLoopback: Bool { family == .ipv4 && address?.hasPrefix("127.") == true }

    /// Whether a packet could be meant for both.
    package func overlaps(_ other: PortSpec) -> Bool {
        guard transport == other.transport, hostPort > 0, other.hostPort > 0, hostPorts.overlaps(other.hostPorts) else {
            return false
        }
        if let family, let others = other.family, family != others { return false }
        return isOnAll || other.isOnAll || address == other.address
    }

    /// What `published` wrote.
    init?(published text: some StringProtocol) {
        let sides = text.split(separator: "/")
        guard sides.count == 2, let ports = sides[0].split(separator: ":").last else { return nil }
        guard let port = try? PortSpec("\(sides[0]):\(ports)/\(sides[1])", .standard("")) else { return nil }
        self = port
    }
}

extension PortSpec {
    /// Why a text is no such entry.
    struct Objection: Error, Equatable {
        var message: String
        var hint: String?

        init(_ message: String, hint: String? = nil) { (self.message, self.hint) = (message, hint) }
    }

    /// Each other port of a range whose numbers differ on both sides is a rule of its own.
    static let mostShifted = 256
    private static let form = "[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp], as in 127.0.0.1:8080:80"

    /// Reads `[ADDRESS:]PORT[-PORT]:PORT[-PORT][/tcp|/udp]`; an IPv6 address stands in brackets.
    init(_ text: String, _ origin: Origin) throws(Objection) {
        let (ends, transport) = try Self.transport(of: text)
        let (address, ports) = try Self.address(of: ends)
        let sides = ports.split(separator: ":", omittingEmptySubsequences: false)
        guard sides.count == 2 else { throw Objection("is not a host port and a jail port", hint: Self.form) }
        let host = try Self.range(sides[0], isHost: true)
        let jail = try Self.range(sides[1], isHost: false)
        guard host.count == jail.count else {
            throw Objection("has \(host.count) ports of the host for \(jail.count) of the jail")
        }
        if host != jail, host.count > Self.mostShifted {
            throw Objection(
                "has \(host.count) ports of other numbers in the jail",
                hint: "at most \(Self.mostShifted), or any number of ports with the same numbers")
        }
        self.init(
            transport: transport, address: address, hostPort: host.lowerBound, jailPort: jail.lowerBound,
            count: host.count, origin: origin)
    }

    private static func transport(of text: String) throws(Objection) -> (ends: Substring, Transport) {
        guard let slash = text.lastIndex(of: "/") else { return (text[...], .tcp) }
        guard let transport = Transport(rawValue: String(text[text.index(after: slash)...])) else {
            throw Objection("has a protocol that cannot be published", hint: "use tcp or udp")
        }
        return (text[..<slash], transport)
    }

    private static func address(of text: Substring) throws(Objection) -> (String?, ports: Substring) {
        let written: Substring
        let rest: Substring
        if text.first == "[", let end = text.firstIndex(of: "]") {
            written = text[text.index(after: text.startIndex)..<end]
            rest = text[text.index(after: end)...]
            guard rest.first == ":", written.contains(":") else {
                throw Objection("has no IPv6 address in its brackets", hint: form)
            }
        } else if text.filter({ $0 == ":" }).count == 2, let colon = text.firstIndex(of: ":") {
            (written, rest) = (text[..<colon], text[colon...])
        } else {
            return (nil, text)
        }
        guard let address = InternetAddress(written) else {
            let hint = written.contains(where: \.isLetter) ? "use an address, not a name" : nil
            throw Objection("has no address of the host", hint: hint)
        }
        if address == InternetAddress("::1") {
            throw Objection(
                "cannot be published: the kernel routes nothing for ::1 out of the host; IPv6 has no route_localnet",
                hint: "use 127.0.0.1, or another address of the host")
        }
        return (address.description, rest.dropFirst())
    }

    private static func range(_ text: Substring, isHost: Bool) throws(Objection) -> ClosedRange<Int> {
        let ends = text.split(separator: "-", omittingEmptySubsequences: false).map {
            DigitsOnly.value($0.utf8, in: 0...65535)
        }
        guard (1...2).contains(ends.count), let first = ends[0], let last = ends.count == 2 ? ends[1] : first else {
            throw Objection("has a port that is not a number up to 65535", hint: form)
        }
        if first > last { throw Objection("has a range that ends before it begins") }
        if first == 0 && !(isHost && ends.count == 1) {
            throw Objection("has port 0", hint: "on the host's side, by itself, it stands for any free port")
        }
        return first...last
    }
}
