/// `mount.resolvconf`: the names by which the jail finds itself and the jails of its file.
package struct NameSpec: Equatable, Sendable, Codable {
    /// Another jail of the file.
    package struct Neighbour: Equatable, Sendable, Codable {
        /// Of the jail, in the file: an instance's jail has another.
        package var jail: String
        /// What it is found by, the hostname first.
        package var names: [String]
        package var addresses: [AddressSpec]
    }

    /// The files without which it would not be what was asked for.
    static let needed = ["etc/hosts", "etc/resolv.conf"]

    package var origin: Origin
    /// Its own names: the hostname, unless that is the host's, and its name in the file.
    package var own: [String]
    /// Those of the file that have addresses, in its order.
    package var neighbours: [Neighbour]

    /// Of an instance: who is not started with it is not of it, or in another network.
    mutating func keepNeighbours(at addresses: [(jail: String, addresses: [AddressSpec])]) {
        neighbours = neighbours.compactMap { neighbour in
            guard let found = addresses.first(where: { $0.jail == neighbour.jail }) else { return nil }
            return Neighbour(jail: neighbour.jail, names: neighbour.names, addresses: found.addresses)
        }
    }
}

extension MountSpec {
    /// Whether what the root has at the path is hidden by it.
    func covers(_ path: String) -> Bool { path == relativeTarget || path.hasPrefix("\(relativeTarget)/") }

    func isBelow(_ other: MountSpec) -> Bool { relativeTarget.hasPrefix("\(other.relativeTarget)/") }

    /// Whether nothing of an earlier mount, which is not the root's, can be seen any more. A unionfs keeps what the root has.
    func hides(_ earlier: MountSpec) -> Bool {
        !relativeTarget.isEmpty && (earlier.isBelow(self) || earlier.relativeTarget == relativeTarget)
    }
}

extension ConfiguredJail {
    /// How a root gets a file that can be covered.
    func hint(forMissing path: String, hasFolder: Bool) -> String {
        let root = self.path.value == "/" ? "" : self.path.value
        if !hasFolder { return "mkdir \(Terminal.escaped("\(root)/etc"))" }
        return "touch \(Terminal.escaped("\(root)/\(path)")); or use root.ephemeral, which creates it"
    }

    /// The hostname, which others may share, and the jail's name.
    var hostNames: [String] {
        let names = [hostname.value, name.value].filter { !$0.isEmpty }
        return names.count == 2 && names[0] == names[1] ? [names[0]] : names
    }

    var asNeighbour: NameSpec.Neighbour {
        NameSpec.Neighbour(jail: name.value, names: hostNames, addresses: network.addresses)
    }
}
