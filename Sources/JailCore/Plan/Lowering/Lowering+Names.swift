/// `mount.resolvconf`: the files by which the jail's programs find names.
extension Lowering {
    static let nameFiles = NameSpec.needed + ["etc/hostname"]

    var nameFiles: [Located<IdentityFile>] {
        guard let names = jail.names else { return [] }
        // With host = inherit the hostname is one that only the host knows.
        let hostname = jail.hostname.value.isEmpty ? nil : "\(jail.hostname.value)\n"
        let texts = [hosts(names), resolver, hostname]
        return zip(Self.nameFiles, texts).compactMap { path, text in
            text.map { Located(IdentityFile(path: path, bytes: Array($0.utf8)), names.origin) }
        }
    }

    var identityFiles: [Located<IdentityFile>] {
        (machineFiles + nameFiles).compactMap { file in
            var file = file
            guard let place = facts.identityFiles.first(where: { $0.path == file.value.path }) else { return nil }
            file.value.ground = place.ground
            return file
        }
    }

    private var machineFiles: [Located<IdentityFile>] {
        var files: [Located<IdentityFile>] = []
        if let uuid = jail.host.uuid {
            let digits = Array(uuid.value.utf8.filter { $0 != UInt8(ascii: "-") })
            files.append(Located(IdentityFile(path: "etc/machine-id", bytes: digits + [0x0a]), uuid.origin))
        }
        if let id = jail.host.id {
            files.append(Located(IdentityFile(path: "etc/hostid", bytes: id.value.littleEndianBytes), id.origin))
        }
        return files
    }

    // MARK: hosts(5)

    /// The jail's own line is before those of its neighbours: of lines with the same name the first is taken.
    private func hosts(_ names: NameSpec) -> String {
        let addresses = jail.network.addresses.map(\.address)
        // Debian's address for a machine that has a name and no address.
        let own = (addresses.isEmpty ? ["127.0.1.1"] : addresses).map { line($0, names.own) }
        let others = names.neighbours.flatMap { neighbour in
            let unlike = neighbour.names.filter { !names.own.contains($0) }
            return neighbour.addresses.filter { !unlike.isEmpty && reaches($0.family) }.map { line($0.address, unlike) }
        }
        let local = [line("127.0.0.1", ["localhost"]), line("::1", ["localhost", "ip6-localhost", "ip6-loopback"])]
        return (local + own + others).joined(separator: "\n") + "\n"
    }

    private func line(_ address: String, _ names: [String]) -> String { "\(address)\t\(names.joined(separator: " "))" }

    /// Whether it could send anything to an address of this family.
    private func reaches(_ family: AddressSpec.Family) -> Bool {
        let network = jail.network
        return network.mode.value == .inherit || !network.interfaces.isEmpty || jail.privileges.ownsNetwork.value
            || network.addresses.contains { $0.family == family }
    }

    // MARK: resolv.conf(5)

    /// What the host has, as far as it works in the jail's network. Without a nameserver the C library asks 127.0.0.1,
    /// where nobody listens: that is an answer at once, and not after the ten seconds of a server that cannot be reached.
    private var resolver: String {
        let files = facts.resolvers.map { ResolverFile($0.text) }
        for (file, path) in zip(files, facts.resolvers.map(\.path)) {
            let servers = file.servers(isReachable)
            if servers.isEmpty { continue }
            let lines = ["# From \(path) of the host."] + servers.map { "nameserver \($0)" } + file.settings
            return lines.joined(separator: "\n") + "\n"
        }
        return "# The host names no server that this jail could reach.\n"
    }

    /// A server on the host's own 127.0.0.53 is another's in the jail's network; fe80:: is of one link.
    private func isReachable(_ server: InternetAddress) -> Bool {
        if jail.network.mode.value == .inherit { return true }
        return server.isAssignable && !server.isLinkLocal && reaches(server.family) && leavesHost
    }

    /// What it sends beyond the host is answered: the bridge's networks are known to nobody else.
    private var leavesHost: Bool {
        let network = jail.network
        return network.masquerade != nil || !network.interfaces.isEmpty || jail.privileges.ownsNetwork.value
            || network.addresses.contains { $0.interface != nil && $0.interface != NetworkSpec.bridge }
    }
}
