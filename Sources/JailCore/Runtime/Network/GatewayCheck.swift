internal import SystemPackage

/// Looks, before the first jail of a file starts, for one that wants the address that the host has on jailrun's bridge for jails
/// of other files. The gateway of a network is chosen by the first start there, and does not move while jails use it.
package struct GatewayCheck {
    private let jails: [ConfiguredJail]

    package init(_ jails: [ConfiguredJail]) { self.jails = jails }

    /// - Throws: `.unsuitable` for the first such address, with the jails that have to be stopped.
    package func check() throws(RuntimeError) {
        guard let facts = try facts() else { return }
        for jail in jails {
            guard let error = jail.network.bridgeAddresses.compactMap(facts.gatewayError).first else { continue }
            throw .unsuitable(jail: jail.label, origin: error.origin, "\(error)", hint: error.hint)
        }
    }

    /// Nil when no jail is on the bridge.
    private func facts() throws(RuntimeError) -> HostNetworkFacts? {
        guard let jail = jails.first(where: { !$0.network.bridgeAddresses.isEmpty }) else { return nil }
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) {
            return try Netlink(proc: FileDescriptor(rawValue: proc.number)).facts(for: jail.network)
        } catch { throw .host("cannot look at the network: \(error)", hint: error.hint) }
    }
}

extension NetworkSpec {
    /// Those on jailrun's own bridge.
    var bridgeAddresses: [AddressSpec] { mode.value == .own ? addresses.filter(\.isOnBridge) : [] }
}
