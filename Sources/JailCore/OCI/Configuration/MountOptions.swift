/// `options` of a mount in config.json: <https://github.com/opencontainers/runtime-spec>, config.md, "Linux mount options".
struct MountOptions: Equatable {
    /// Nil: no bind mount.
    var bind: Bind?
    var set: MountAttributes = []
    var cleared: MountAttributes = []
    /// Of the mounts below it, too.
    var setBelow: MountAttributes = []
    var clearedBelow: MountAttributes = []
    var propagations: [Mount.Change] = []
    var idmap: Bind?
    /// What the root has there is copied into the new file system.
    var copiesUp = false
    /// Of the file system: fsconfig(2).
    var data: [String] = []

    enum Bind { case single, recursive }

    init() {}

    init(_ words: [String]) {
        // podman gives an empty one.
        for word in words where !word.isEmpty { take(word) }
    }

    private enum Meaning {
        case set(MountAttributes)
        case clear(MountAttributes)
        case setBelow(MountAttributes)
        case clearBelow(MountAttributes)
        case propagation(Mount.Propagation, isRecursive: Bool)
        case bind(Bind)
        case idmap(Bind)
        case copyUp
        /// What a new mount is anyway, or what no mount of today has.
        case nothing
    }

    private mutating func take(_ word: String) {
        guard let meaning = Self.words.first(where: { $0.0 == word })?.1 else { return data.append(word) }
        switch meaning {
        case .set(let attributes): add(attributes, to: &set, from: &cleared)
        case .clear(let attributes): add(attributes, to: &cleared, from: &set)
        case .setBelow(let attributes): add(attributes, to: &setBelow, from: &clearedBelow)
        case .clearBelow(let attributes): add(attributes, to: &clearedBelow, from: &setBelow)
        case .propagation(let propagation, let isRecursive):
            propagations.append(Mount.Change(propagation: propagation, isRecursive: isRecursive))
        case .bind(let kind): bind = bind == .recursive ? .recursive : kind
        case .idmap(let kind): idmap = kind
        case .copyUp: copiesUp = true
        case .nothing: break
        }
    }

    /// The last word counts.
    private func add(_ attributes: MountAttributes, to these: inout MountAttributes, from those: inout MountAttributes)
    {
        these.formUnion(attributes)
        those.subtract(attributes)
    }

    static var names: [String] { words.map(\.0) }

    /// Superblock flags, which fsconfig(2) knows by these names, are data: `sync`, `dirsync`, `lazytime`, `mand`.
    private static let words: [(String, Meaning)] = [
        ("ro", .set(.readOnly)), ("rw", .clear(.readOnly)),
        ("nosuid", .set(.noSetuid)), ("suid", .clear(.noSetuid)),
        ("nodev", .set(.noDevices)), ("dev", .clear(.noDevices)),
        ("noexec", .set(.noExec)), ("exec", .clear(.noExec)),
        ("noatime", .set(.noAccessTime)), ("atime", .clear(.noAccessTime)),
        ("strictatime", .set(.strictAccessTime)), ("nostrictatime", .clear(.strictAccessTime)),
        ("nodiratime", .set(.noDirectoryAccessTime)), ("diratime", .clear(.noDirectoryAccessTime)),
        ("nosymfollow", .set(.noSymlinks)), ("symfollow", .clear(.noSymlinks)),
        ("relatime", .nothing), ("norelatime", .nothing),
        ("rro", .setBelow(.readOnly)), ("rrw", .clearBelow(.readOnly)),
        ("rnosuid", .setBelow(.noSetuid)), ("rsuid", .clearBelow(.noSetuid)),
        ("rnodev", .setBelow(.noDevices)), ("rdev", .clearBelow(.noDevices)),
        ("rnoexec", .setBelow(.noExec)), ("rexec", .clearBelow(.noExec)),
        ("rnoatime", .setBelow(.noAccessTime)), ("ratime", .clearBelow(.noAccessTime)),
        ("rstrictatime", .setBelow(.strictAccessTime)), ("rnostrictatime", .clearBelow(.strictAccessTime)),
        ("rnodiratime", .setBelow(.noDirectoryAccessTime)), ("rdiratime", .clearBelow(.noDirectoryAccessTime)),
        ("rnosymfollow", .setBelow(.noSymlinks)), ("rsymfollow", .clearBelow(.noSymlinks)),
        ("rrelatime", .nothing), ("rnorelatime", .nothing),
        ("private", .propagation(.private, isRecursive: false)),
        ("rprivate", .propagation(.private, isRecursive: true)),
        ("slave", .propagation(.slave, isRecursive: false)), ("rslave", .propagation(.slave, isRecursive: true)),
        ("shared", .propagation(.shared, isRecursive: false)), ("rshared", .propagation(.shared, isRecursive: true)),
        ("unbindable", .propagation(.unbindable, isRecursive: false)),
        ("runbindable", .propagation(.unbindable, isRecursive: true)),
        ("bind", .bind(.single)), ("rbind", .bind(.recursive)),
        ("idmap", .idmap(.single)), ("ridmap", .idmap(.recursive)),
        ("tmpcopyup", .copyUp),
        ("defaults", .nothing), ("async", .nothing), ("loud", .nothing), ("nolazytime", .nothing),
        ("nomand", .nothing), ("noiversion", .nothing), ("remount", .nothing), ("silent", .nothing),
        ("iversion", .nothing),
    ]

    /// Whether it is one that says what a mount is, and not what its file system is.
    static let superblockFlags = ["sync", "dirsync", "lazytime", "mand"]
}
