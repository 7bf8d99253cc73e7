/// Two jails of one address: jail(8) has them if each has only that one. Here they are in one network namespace then. It
/// belongs to the one that made it, so that what only its owner could do there is for none of them.
extension ConfiguredJail {
    /// Why two jails that have an address in common cannot both be up; nil when they can. The same whichever is asked.
    func objection(toSharingWith other: ConfiguredJail) -> String? {
        let jails = [self, other]
        if !jails.allSatisfy(\.network.hasOneAddress) || !network.hasAddresses(of: other.network) {
            return "two jails can share an address only if each has no other, on the same interface"
        }
        let capabilities = jails.map { CapabilitySet($0.privileges) }
        if capabilities.contains(where: { $0.contains(.netAdmin) || $0.contains(.netRaw) }) {
            return "jails that share an address cannot have raw sockets or CAP_NET_ADMIN: they share the network, too"
        }
        if capabilities[0].contains(.netBindService) != capabilities[1].contains(.netBindService) {
            return "jails that share an address need the same allow.reserved_ports: the kernel keeps it per network"
        }
        if jails.contains(where: { $0.process.settings.contains { $0.path.hasPrefix("net/") } }) {
            return "jails that share an address cannot set sysctl.net: it would apply to the other, too"
        }
        return nil
    }

    /// Whether both would be in one network, if both were up.
    func sharesNetwork(with other: ConfiguredJail) -> Bool {
        !network.addresses.isEmpty && network.hasAddresses(of: other.network)
            && objection(toSharingWith: other) == nil
    }
}

extension NetworkSpec {
    fileprivate var hasOneAddress: Bool {
        AddressSpec.Family.allCases.allSatisfy { family in addresses.count { $0.family == family } < 2 }
    }

    /// In whichever order the families are.
    fileprivate func hasAddresses(of other: NetworkSpec) -> Bool {
        addresses.count == other.addresses.count
            && addresses.allSatisfy { address in other.addresses.contains { $0.isSame(as: address) } }
    }
}

extension AddressSpec {
    /// A length that is not given is the network's.
    fileprivate func isSame(as other: AddressSpec) -> Bool {
        address == other.address && place == other.place
            && (prefixLength ?? other.prefixLength) == (other.prefixLength ?? prefixLength)
    }

    private var place: String { interface ?? NetworkSpec.bridge }
}
