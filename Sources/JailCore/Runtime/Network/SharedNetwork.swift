internal import SystemPackage

/// The network of a jail that is made in a jail without `vnet`, which may configure none: as on FreeBSD, its addresses are some of
/// that jail's, and it is in the same network.
struct SharedNetwork {
    let jail: ConfiguredJail
    let host: Host

    /// - Returns: the jail as it can be made here.
    /// - Throws: `.unsuitable` for what the jail around has not.
    func resolved() throws(RuntimeError) -> ConfiguredJail {
        guard jail.network.isConnected, !host.authority.canConfigureNetwork else { return jail }
        if let interface = jail.network.interfaces.first { throw refused(interface.value, interface.origin) }
        let known = try addresses()
        for address in jail.network.addresses where !known.contains(address.address) {
            throw refused(address.address, address.origin)
        }
        host.audience.note("\(jail.label): is in the network of the outer jail, which has its addresses")
        var shared = jail
        shared.network.mode = Located(.inherit, jail.network.addresses.first?.origin ?? jail.network.mode.origin)
        return shared
    }

    private func addresses() throws(RuntimeError) -> [String] {
        if let assumed = host.assumed { return assumed.network.addresses.map { "\($0.prefix.address)" } }
        let proc = try NetworkConnection.openProc()
        do throws(NetlinkError) {
            let netlink = try Netlink(proc: FileDescriptor(rawValue: proc.number))
            return try netlink.facts(for: jail.network).addresses.map { "\($0.prefix.address)" }
        } catch { throw .host("\(error)", hint: error.hint) }
    }

    private func refused(_ name: String, _ origin: Origin) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: origin,
            "\(name): this jail does not have that address, and may not configure its network",
            hint: "add vnet where it is defined; or use one of its own addresses, or ip4 = inherit")
    }
}
