/// Where the jail's root comes from: `path`, or what is mounted on it. Thin jails are made so: a base is mounted on `path`,
/// and over it a folder of the jail's own.
package struct RootSource: Equatable, Sendable {
    /// The folder at the bottom.
    var path: String
    var origin: Origin
    /// Of the mount that `path` is; none when it is the jail's `path` itself.
    var attributes: MountAttributes
    /// Laid over it, from the bottom up.
    var layers: [MountSpec]
    /// Their places in `mount`.
    var numbers: [Int]

    init(_ jail: ConfiguredJail) {
        self.init(path: jail.path.value, origin: jail.path.origin, attributes: [])
        for (number, mount) in jail.mounts.enumerated() where mount.relativeTarget.isEmpty {
            if mount.kind.isBind {
                self = RootSource(path: mount.source, origin: mount.origin, attributes: mount.attributes)
            } else if let own = mount.layers, !own.includesTarget {
                // An overlay of folders covers what was there.
                (layers, numbers) = ([mount], [number])
            } else {
                layers.append(mount)
                numbers.append(number)
            }
        }
    }

    init(path: String, origin: Origin, attributes: MountAttributes = []) {
        (self.path, self.origin, self.attributes, layers, numbers) = (path, origin, attributes, [], [])
    }

    /// Folders of the host in which the root's files are looked for, from the top down.
    var folders: [String] {
        var found = [path]
        for layer in layers.compactMap(\.layers) {
            if !layer.includesTarget { found = [] }
            found = [layer.upper].compactMap { $0 } + layer.folders + found
        }
        return found
    }
}

extension MountSpec {
    static func components(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

    /// Whether its source lies in the jail's root, where root inside can put links.
    func isBelow(root jail: ConfiguredJail) -> Bool {
        let root = Self.components(jail.path.value)
        return !root.isEmpty && Self.components(source).starts(with: root)
    }

    var attributes: MountAttributes {
        var attributes: MountAttributes = .noDevices
        if isReadOnly { attributes.insert(.readOnly) }
        if isNoExec { attributes.insert(.noExec) }
        if isNoSetuid { attributes.insert(.noSetuid) }
        if isNoAccessTime { attributes.insert(.noAccessTime) }
        return attributes
    }
}
