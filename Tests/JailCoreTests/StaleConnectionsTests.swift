import Testing

@testable import JailCore

@Suite("Connections of UDP that a change of a jail's rules lets begin anew")
struct StaleConnectionsTests {
    private static func old(_ published: String, to address: String, _ port: Int?) -> PacketTable.Rule {
        PacketTable.Rule(
            chain: "prerouting", handle: 1, comment: "t \(published)",
            translation: PacketTable.Rule.Translation(address: InternetAddress(address)!, port: port))
    }

    private static func new(_ published: String, to address: String, _ port: Int?) -> PacketRule {
        PacketRule(
            chain: .prerouting, conditions: [], verdict: .translate(to: address, port: port), comment: "t \(published)")
    }

    private static let host = ["127.0.0.1", "192.0.2.1", "::1", "2001:db8::1"].map { InternetAddress($0)! }

    private static func ends(_ old: [PacketTable.Rule], _ new: [PacketRule]) -> [String] {
        StaleConnections(old: old, new: new).ends(hostAddresses: host).map { end in
            "\(end.address) \(PortSpec.text(of: end.ports))\(end.isTranslated ? " translated" : "")"
        }
    }

    @Test("what was led to the jail ends with its rule; what reached the host itself, with the rule that leads it away")
    func change() {
        let (first, second) = ("5353/udp", "192.0.2.1:6000/udp")
        #expect(Self.ends([Self.old(first, to: "10.77.0.10", 53)], []) == ["10.77.0.10 53 translated"])
        let range = Self.old("5000-5009/udp", to: "10.77.0.10", nil)
        #expect(Self.ends([range], []) == ["10.77.0.10 5000-5009 translated"])
        #expect(Self.ends([], [Self.new(first, to: "10.77.0.10", 53)]) == ["127.0.0.1 5353", "192.0.2.1 5353"])
        #expect(Self.ends([], [Self.new(first, to: "fd77::10", 53)]) == ["::1 5353", "2001:db8::1 5353"])
        #expect(Self.ends([], [Self.new(second, to: "10.77.0.10", 53)]) == ["192.0.2.1 6000"])
    }

    @Test("rules that stay leave all connections as they are, and so do those of TCP")
    func same() {
        let port = "5353/udp"
        let rules = ([Self.old(port, to: "10.77.0.10", 53)], [Self.new(port, to: "10.77.0.10", 53)])
        #expect(StaleConnections(old: rules.0 + rules.0, new: rules.1).isEmpty)
        #expect(StaleConnections(old: [], new: [Self.new("8080/tcp", to: "10.77.0.10", 80)]).isEmpty)
        #expect(Self.ends(rules.0, [Self.new(port, to: "10.77.0.11", 53)]).count == 3, "the same port, another jail")
    }
}
