/// A device node as mknod(2) makes it, and as the cgroup's device program names it.
package struct DeviceNode: Hashable, Sendable, Codable {
    package enum Kind: String, Sendable, Codable { case character, block }

    /// Below `/dev`, without a leading slash: `net/tun`.
    package var path: String
    package var kind: Kind
    package var major: UInt32
    package var minor: UInt32
    /// The permission bits.
    package var mode: UInt16
    package var uid: UInt32
    package var gid: UInt32
    /// The device program refuses to open it for writing, whoever asks.
    package var isReadOnly = false

    package init(
        path: String, kind: Kind, major: UInt32, minor: UInt32, mode: UInt16, uid: UInt32 = 0, gid: UInt32 = 0
    ) {
        self.path = path
        self.kind = kind
        self.major = major
        self.minor = minor
        self.mode = mode
        self.uid = uid
        self.gid = gid
    }
}

/// A symbolic link in `/dev`.
package struct DeviceLink: Hashable, Sendable, Codable {
    package var path: String
    package var target: String
}

/// A device that the host has. Its numbers may differ from machine to machine, so they are looked up, not known.
package struct HostDevice: Hashable, Sendable {
    /// Below `/dev`.
    package var name: String
    package var kind: DeviceNode.Kind
    package var major: UInt32
    package var minor: UInt32

    package init(name: String, kind: DeviceNode.Kind, major: UInt32, minor: UInt32) {
        self.name = name
        self.kind = kind
        self.major = major
        self.minor = minor
    }
}

/// What a ruleset leaves of `/dev`.
package struct DeviceTree: Equatable, Sendable, Codable {
    /// Directories that `nodes` need, parents first: `dri`, `net`.
    package var directories: [String] = []
    package var nodes: [DeviceNode] = []
    package var links: [DeviceLink] = []
    /// `pts` is visible: a devpts of the jail's own.
    package var hasTerminals = false

    package init() {}
}

/// The devices that rules can speak of: their Linux names, and the FreeBSD names that mean them.
package enum DeviceTable {
    /// Something below `/dev` that a rule can hide.
    struct Entry {
        enum Content {
            case node(DeviceNode)
            case link(target: String)
            case directory
        }

        var name: String
        /// FreeBSD's names for it; a rule for one of them is a rule for this.
        var aliases: [String] = []
        var content: Content
    }

    /// The nodes that every Linux has and every jail may have. `console` is not among them: it is the host's.
    ///
    /// `full` follows the rules for `zero`, and `tty` those for `ptmx`. FreeBSD's stock sets do not name them, yet on
    /// Linux no program expects the one without the other: test suites write to `full`, and sudo, ssh and gpg ask for
    /// passwords on `tty`, which is the opener's own terminal and nobody else's.
    static let baseline: [Entry] = [
        Entry("null", 1, 3, 0o666),
        Entry("zero", 1, 5, 0o666),
        Entry("full", 1, 7, 0o666, aliases: ["zero"]),
        Entry("random", 1, 8, 0o666),
        Entry("urandom", 1, 9, 0o666),
        Entry("tty", 5, 0, 0o666, aliases: ["ptmx"]),
        Entry(name: "pts", content: .directory),
        Entry(name: "ptmx", content: .link(target: "pts/ptmx")),
        Entry(name: "fd", content: .link(target: "/proc/self/fd")),
        Entry(name: "stdin", content: .link(target: "/proc/self/fd/0")),
        Entry(name: "stdout", content: .link(target: "/proc/self/fd/1")),
        Entry(name: "stderr", content: .link(target: "/proc/self/fd/2")),
    ]

    /// A folder of `/dev` whose devices rules may name.
    struct Folder {
        /// With a slash at its end.
        var name: String
        /// What FreeBSD's names for them begin with.
        var aliases: [String] = []
    }

    static let folders = [
        Folder(name: "dri/", aliases: ["drm/"]), Folder(name: "net/", aliases: ["tun", "tap"]),
        Folder(name: "mapper/"), Folder(name: "snd/", aliases: ["dsp", "mixer"]),
    ]

    /// Baseline first, then the host's devices by name, with the directories they are in.
    static func entries(host devices: [HostDevice]) -> [Entry] {
        func isFixed(_ name: String) -> Bool { name == "console" || baseline.contains { $0.name == name } }
        let others = devices.filter { !isFixed($0.name) && !$0.name.hasPrefix("pts/") && isPlain($0.name) }
            .sorted { $0.name.utf8.lexicographicallyPrecedes($1.name.utf8) }
        var entries = baseline
        for device in others {
            for directory in parents(of: device.name) where !entries.contains(where: { $0.name == directory }) {
                entries.append(Entry(name: directory, aliases: aliases(of: directory), content: .directory))
            }
            entries.append(Entry(device))
        }
        return entries
    }

    /// `bus/usb/001` for `bus/usb/001/002`, and its parents before it.
    static func parents(of name: String) -> [String] {
        guard name.utf8.contains(UInt8(ascii: "/")) else { return [] }
        let parts = name.split(separator: "/")
        return parts.indices.dropFirst().map { parts[..<$0].joined(separator: "/") }
    }

    /// The list comes from a directory that others may write to; nothing of it may climb.
    private static func isPlain(_ name: String) -> Bool {
        let parts = name.split(separator: "/", omittingEmptySubsequences: false)
        return parts.allSatisfy { !$0.isEmpty && $0 != "." && $0 != ".." && !$0.utf8.contains(0) }
    }

    /// Devices outside of folders that `aliases` has names for.
    static let aliasedNames = ["kvm", "kmsg", "port"]

    /// FreeBSD's names for a Linux device.
    static func aliases(of name: String) -> [String] {
        switch name {
        case "net": ["tun", "tun0", "tap", "tap0"]
        case "net/tun": ["tun", "tun0", "tap", "tap0"]
        case "kvm": ["vmm"]
        case "kmsg": ["klog"]
        case "port": ["io"]
        case "dri": ["drm"]
        case "snd": ["dsp", "dsp0", "mixer", "mixer0"]
        case _ where !name.utf8.contains(UInt8(ascii: "/")): []
        case _ where name.hasPrefix("dri/"): ["drm/" + name.dropFirst(4)]
        case _ where name.hasPrefix("snd/"): ["dsp", "dsp0", "mixer", "mixer0"]
        default: []
        }
    }

    /// The mode a device has when no rule gives one.
    static func mode(of device: HostDevice) -> UInt16 {
        switch device.name {
        case "fuse", "net/tun": 0o666
        case "mem", "kmem", "port": 0o640
        case "kmsg": 0o644
        case _ where device.name.hasPrefix("dri/renderD"): 0o666
        case _ where device.name.hasPrefix("tty"): 0o620
        default: 0o660
        }
    }
}

extension DeviceTable.Entry {
    init(_ name: String, _ major: UInt32, _ minor: UInt32, _ mode: UInt16, aliases: [String] = []) {
        self.name = name
        self.aliases = aliases
        self.content = .node(DeviceNode(path: name, kind: .character, major: major, minor: minor, mode: mode))
    }

    init(_ device: HostDevice) {
        self.name = device.name
        self.aliases = DeviceTable.aliases(of: device.name)
        self.content = .node(
            DeviceNode(
                path: device.name, kind: device.kind, major: device.major, minor: device.minor,
                mode: DeviceTable.mode(of: device)))
    }

    /// The word that a rule's `type` compares with; nil for a device of none of the four.
    var deviceClass: DevfsRules.DeviceClass? {
        guard case .node(let node) = content else { return nil }
        switch (node.kind, node.major) {
        case (.block, _): return .disk
        case (.character, 1): return [1, 2, 4].contains(node.minor) ? .mem : nil
        case (.character, 9), (.character, 27): return .tape
        case (.character, 4), (.character, 5), (.character, 136...143), (.character, 188), (.character, 204):
            return .tty
        default: return nil
        }
    }
}
