package import SystemPackage

/// Why the network could not be made or read.
package enum NetlinkError: Error, Equatable, Sendable {
    /// The kernel refused an operation; the message is the kernel's own (`NLMSGERR_ATTR_MSG`), often empty.
    case operation(NetworkOperation, Errno, message: String)
    /// An operation in the jail's namespace before `Netlink.enter(_:)`.
    case noJailNamespace(NetworkOperation)
    /// A dump failed; `what` is its object, in the plural.
    case dump(what: String, Errno)
    case socket(Errno)
    case lockFile(Errno)
    /// Another jailrun held the network lock all the time.
    case locked(timeoutSeconds: Int)

    package var errno: Errno? {
        switch self {
        case .operation(_, let errno, _), .dump(_, let errno), .socket(let errno), .lockFile(let errno): errno
        case .noJailNamespace, .locked: nil
        }
    }

    /// What to do about it, where errno misleads.
    package var hint: String? {
        switch self {
        case .operation(let operation, let errno, _): operation.hint(errno)
        case .socket(.permissionDenied), .socket(.notPermitted):
            "joining the jail's network namespace needs CAP_SYS_ADMIN over it"
        case .locked: "another jailrun is starting or stopping a jail; try again"
        case .noJailNamespace, .dump, .socket, .lockFile: nil
        }
    }
}

extension NetlinkError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .operation(.holdLink, let errno, let message):
            "nftables cannot hold the jail to its addresses: \(errno)"
                + (message.isEmpty ? "" : " (the kernel says: \(message))")
        case .operation(let operation, let errno, let message):
            "\(operation): \(errno)" + (message.isEmpty ? "" : " (the kernel says: \(message))")
        case .noJailNamespace(let operation): "\(operation): the jail's network namespace is not open"
        case .dump(let what, let errno): "\(what) of the host: \(errno)"
        case .socket(let errno): "socket(AF_NETLINK, SOCK_RAW, NETLINK_ROUTE): \(errno)"
        case .lockFile(let errno): "network lock: \(errno)"
        case .locked(let seconds): "network lock: held by another jailrun for \(seconds) s"
        }
    }
}

extension NetworkOperation {
    fileprivate func hint(_ errno: Errno) -> String? {
        switch (self, errno) {
        case (.holdLink, .notPermitted):
            "needs CAP_NET_ADMIN; or another program of the host owns the table netdev jailrun"
        case (_, .notPermitted), (_, .permissionDenied): "needs CAP_NET_ADMIN in that network namespace"
        case (.createBridge, .fileExists): "an interface of that name exists, and is not jailrun's bridge"
        case (.createVeth(let pair), .fileExists):
            "\(pair.name) belongs to a jail of another state directory (--root), or is left over: jailrun prune "
                + "removes it then"
        case (.createBridge, .notSupported): "the kernel does not support bridges: modprobe bridge"
        case (.moveLink, .invalidArgument): "the kernel does not move interfaces of this kind"
        case (.returnLink, .fileExists):
            "an interface of that name has been created in the meantime; rename it, and run jailrun prune"
        case (.createVeth, .notSupported): "the kernel does not support veth pairs: modprobe veth"
        case (.addAddress, .permissionDenied): "IPv6 is off on that interface: net.ipv6.conf.*.disable_ipv6"
        case (.setSysctl, .readOnlyFileSystem): "/proc/sys is read-only here: jailrun runs in a container without it"
        case (.publish, .noSuchFileOrDirectory), (.publish, .notSupported), (.publish, .invalidArgument):
            "the kernel lacks a part of nftables: modprobe nf_tables nft_chain_nat nft_masq nft_fib_inet nft_ct"
        case (.holdLink, .noSuchFileOrDirectory), (.holdLink, .notSupported), (.holdLink, .invalidArgument),
            (.holdLink, .addressFamilyNotSupported), (.holdLink, .protocolNotSupported):
            "the kernel lacks the family netdev of nftables (CONFIG_NF_TABLES_NETDEV): modprobe nf_tables; without it,"
                + " only jails with allow.spoofing can have addresses"
        case (.addRoute, .fileExists): "the host already has a route to that address"
        default: nil
        }
    }
}
