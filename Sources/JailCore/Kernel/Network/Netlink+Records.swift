internal import CNamespaces
internal import SystemPackage

/// One object of a dump; strings are empty, and numbers 0, where the object has none.
struct NetlinkRecord {
    /// Of the link, or of the link that carries the object.
    var index: Int
    /// Of the bridge of which the link is a port.
    var master: Int
    /// IFF_* or IFA_F_*.
    var flags: UInt32
    /// A port of a bridge that gets back what came in by it.
    var reflects: Bool
    var name: String
    var kind: String
    var alias: String
    /// Links: the hardware address. Addresses: with the prefix length. Routes: the destination. Proxy neighbours: the address.
    var address: String
    var gateway: String

    fileprivate init(_ record: cns_netlink_record) {
        index = Int(record.index)
        master = Int(record.master)
        flags = record.flags
        reflects = record.reflects
        name = Self.text(of: record.name)
        kind = Self.text(of: record.kind)
        alias = Self.text(of: record.alias)
        address = Self.text(of: record.address)
        gateway = Self.text(of: record.gateway)
    }

    /// C's array of bytes is a tuple here.
    private static func text<Tuple>(of tuple: Tuple) -> String {
        unsafe withUnsafeBytes(of: tuple) { bytes in
            unsafe String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        }
    }
}

extension Netlink {
    enum Dump {
        case links, addresses, ownRoutes, ownProxies
        /// Permanent ones on the link of that index.
        case ownNeighbours(Int)
        /// By the link of that index.
        case defaultRoutes(Int)

        var objects: String {
            switch self {
            case .links: "links"
            case .addresses: "addresses"
            case .ownRoutes, .defaultRoutes: "routes"
            case .ownProxies: "proxy neighbours"
            case .ownNeighbours: "neighbours"
            }
        }
    }

    /// What the host has.
    func records(_ dump: Dump) throws(NetlinkError) -> [NetlinkRecord] {
        var list = unsafe cns_netlink_records()
        defer { unsafe cns_netlink_free(&list) }
        var code: CInt
        // A dump during which the table changed may miss what was there all the time: netlink(7), NLM_F_DUMP_INTR.
        var attempts = 0
        repeat {
            unsafe cns_netlink_free(&list)
            code = unsafe fill(&list, dump)
            attempts += 1
        } while code == -Errno.interrupted.rawValue && attempts < 100
        guard code == 0 else { throw .dump(what: dump.objects, Errno(rawValue: -code)) }
        return unsafe UnsafeBufferPointer(start: list.first, count: list.count).map { NetlinkRecord($0) }
    }

    private func fill(_ list: UnsafeMutablePointer<cns_netlink_records>, _ dump: Dump) -> CInt {
        switch dump {
        case .links: unsafe cns_netlink_links(host, list)
        case .addresses: unsafe cns_netlink_addresses(host, list)
        case .ownRoutes: unsafe cns_netlink_own_routes(host, list)
        case .ownProxies: unsafe cns_netlink_own_proxies(host, list)
        case .ownNeighbours(let index): unsafe cns_netlink_own_neighbours(host, CInt(index), list)
        case .defaultRoutes(let index): unsafe cns_netlink_default_routes(host, CInt(index), list)
        }
    }
}
