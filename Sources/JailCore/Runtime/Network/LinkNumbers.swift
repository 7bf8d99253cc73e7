/// Numbers that name links of the host's already: of jails of another state directory, for one, whose records are not here.
struct LinkNumbers {
    private let links: Links

    private enum Links {
        case none
        case known(Set<Int>)
        /// Asked for one by one: a start needs one number, beside however many jails.
        case host(NetworkSockets, indices: Range<Int>)
    }

    /// None for jails that have no links.
    /// - Parameter assumed: of another host.
    init(beside specs: [ConfiguredJail], assumed: HostNetworkFacts?) throws(RuntimeError) {
        guard specs.contains(where: \.network.isConnected) else {
            links = .none
            return
        }
        let found: [HostNetworkFacts.Link]
        if let assumed {
            found = assumed.links
        } else {
            let sockets = try NetworkSockets()
            do throws(NetlinkError) { found = try sockets.netlink.links() } catch { throw Self.blindness(error) }
        }
        links = .known(Set(found.compactMap { NetworkPlanner.number(ofHostEnd: $0.name) }))
    }

    /// For one jail: a start, or a change. A jail that starts without addresses has a number that was not looked at.
    init(for jail: ConfiguredJail) throws(RuntimeError) {
        let names = Set(jail.network.addresses.map { $0.interface ?? "" })
        let isNone = names.isEmpty || !jail.network.isConnected
        links = isNone ? .none : .host(try NetworkSockets(), indices: 0..<names.count)
    }

    func contains(_ number: Int) throws(RuntimeError) -> Bool {
        switch links {
        case .none: return false
        case .known(let numbers): return numbers.contains(number)
        case .host(let sockets, let indices):
            do throws(NetlinkError) {
                for index in indices {
                    if try sockets.netlink.hasLink(NetworkPlanner.hostEnd(jid: number, index: index)) { return true }
                }
                return false
            } catch { throw Self.blindness(error) }
        }
    }

    private static func blindness(_ error: NetlinkError) -> RuntimeError {
        .host("cannot look at the host's links: \(error)", hint: error.hint)
    }
}
