/// mount(8) of util-linux. Attributes are set by a second call: the first sets those of the whole file system.
extension Shell {
    static func bind(_ isRecursive: Bool, _ source: String, _ target: String, idmap holder: String? = nil) -> String {
        let option = holder.map { " -o X-mount.idmap=/proc/\($0)/ns/user" } ?? ""
        return "mount --\(isRecursive ? "rbind" : "bind")\(option) \(source) \(target)"
    }

    /// Of the mount at `target` and of those below it.
    static func restrict(_ target: String, _ attributes: MountAttributes) -> [String] {
        [
            "findmnt -Rnro TARGET \(target) | while read -r at; do "
                + "mount -o remount,bind,\(attributes.mountOptions) \"$at\"; done"
        ]
    }

    static func cloneSource(_ source: BindSource) -> [String] {
        let path = quoted(source.path)
        return [
            "if [ -d \(path) ]; then mkdir \(source.mountPoint); else : >\(source.mountPoint); fi",
            bind(true, path, source.mountPoint),
        ]
    }

    static func restrict(_ source: BindSource, _ attributes: MountAttributes, isIdmapped: Bool) -> [String] {
        let idmap = isIdmapped ? [bind(true, quoted(source.path), source.mountPoint, idmap: "$IDS")] : []
        return idmap + restrict(source.mountPoint, attributes)
    }

    static func mount(_ filesystem: NewFilesystem) -> [String] {
        let target = inRoot(filesystem.target)
        let attributes = filesystem.attributes.subtracting(.readOnly)
        let options = [attributes.mountOptions] + filesystem.options
        let isReadOnly = filesystem.attributes.contains(.readOnly)
        return ["mount -t \(filesystem.type) -o \(options.joined(separator: ",")) none \(target)"]
            + (isReadOnly ? ["mount -o remount,bind,\(filesystem.attributes.mountOptions) \(target)"] : [])
    }

    static func makeMountPoint(_ target: String, isFile: Bool) -> [String] {
        let place = inRoot(target)
        return isFile ? ["mkdir -p \"$(dirname \(place))\"", "[ -e \(place) ] || : >\(place)"] : ["mkdir -p \(place)"]
    }

    static func cover(_ files: [IdentityFile]) -> [String] {
        // One expression of all of them takes the compiler twenty seconds.
        var lines = ["mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=0 none \"$identity\""]
        for file in files { lines += write(file) }
        lines.append("mount -o remount,bind,ro,nosuid,nodev,noexec \"$identity\"")
        for file in files where file.ground == .nothing { lines.append(": >\(inRoot(file.path))") }
        for file in files { lines.append(bind(false, "\"$identity\"/\(quoted(file.name))", inRoot(file.path))) }
        return lines
    }

    private static func write(_ file: IdentityFile) -> [String] {
        let place = "\"$identity\"/\(quoted(file.name))"
        // printf of sh(1) knows octal numbers alone.
        let text = file.bytes.map { (byte: UInt8) -> String in
            byte.isPlain ? String(UnicodeScalar(byte)) : "\\0" + octal(byte)
        }
        return ["printf %b '\(text.joined(separator: ""))' >\(place)", "chmod 0444 \(place)"]
    }

    private static func octal(_ byte: UInt8) -> String {
        let digits = String(byte, radix: 8)
        return String(repeating: "0", count: 3 - digits.count) + digits
    }

    static func mask(_ paths: [StartFacts.MaskedPath]) -> [String] {
        func cover(_ word: String, _ covered: [StartFacts.MaskedPath]) -> [String] {
            guard !covered.isEmpty else { return [] }
            return [
                "for path in \(quoted(covered.map(\.path))); do mount --bind \"$mask/\(word)\" \"$root/$path\"; done"
            ]
        }
        return [
            "mount -t tmpfs -o nosuid,nodev,noexec,mode=0755,size=0 none \"$mask\"",
            "mkdir -m 0555 \"$mask/directory\"", ": >\"$mask/file\"; chmod 0444 \"$mask/file\"",
            "mount -o remount,bind,ro,nosuid,nodev,noexec \"$mask\"",
        ] + cover("file", paths.filter { !$0.isDirectory }) + cover("directory", paths.filter(\.isDirectory))
    }

    static func makeReadOnly(_ paths: [String]) -> [String] {
        [
            "for path in \(quoted(paths)); do", "    mount --rbind \"$root/$path\" \"$root/$path\"",
            "    mount -o remount,bind,ro,nosuid,nodev,noexec \"$root/$path\"", "done",
        ]
    }

    /// In a subshell, for overlayfs shows its layers' names as they were written.
    static func layers(owner: UInt32, _ attributes: MountAttributes) -> [String] {
        [
            "mount -t tmpfs -o mode=0755 none \"$layers\"",
            "mkdir \"$layers/lower\" \"$layers/upper\" \"$layers/work\"", "chown \(owner):\(owner) \"$layers/upper\"",
            bind(true, "\"$root\"", "\"$layers/lower\""),
            "(cd \"$layers\" && mount -t overlay -o \(attributes.mountOptions),lowerdir=lower,upperdir=upper,workdir=work "
                + "none \"$root\")",
        ]
    }

    /// In the upper layer of the overlay, which was laid just before: overlayfs sees what is put there.
    static func hide(_ hidden: [HiddenPath], owner: UInt32) -> [String] {
        hidden.flatMap { hidden -> [String] in
            let place = "\"$layers/upper\"/\(quoted(hidden.path))"
            let mode = String(hidden.mode, radix: 8)
            return [hidden.kind == .file ? ": >\(place)" : "mkdir \(place)"]
                + ["chown \(owner + hidden.uid):\(owner + hidden.gid) \(place)", "chmod \(mode) \(place)"]
                + (hidden.kind == .folder ? ["setfattr -n trusted.overlay.opaque -v y \(place)"] : [])
        }
    }

    /// One after the other, each in directories of its own.
    static func layers(_ layers: [Layering], owner: UInt32) -> [String] {
        ["mount -t tmpfs -o mode=0755 none \"$layers\""]
            + layers.enumerated().flatMap { lay($1, in: "\"$layers\"/\($0)", owner: owner) }
    }

    private static func lay(_ layering: Layering, in place: String, owner: UInt32) -> [String] {
        let names = layering.lower.indices.map { "lower-\($0)" }
        var lines = ["mkdir \(place)", "mkdir \(names.map { "\(place)/\($0)" }.joined(separator: " "))"]
        for (name, source) in zip(names, layering.lower) {
            switch source {
            case .path(let path):
                lines.append(bind(false, quoted(path), "\(place)/\(name)", idmap: owner == 0 ? nil : "$IDS"))
            case .root: lines.append(bind(true, "\"$root\"", "\(place)/\(name)"))
            }
        }
        var options = ["lowerdir=\(names.joined(separator: ":"))"]
        switch layering.upper {
        case .nowhere: break
        case .temporary:
            lines += ["mkdir \(place)/upper \(place)/work", "chown \(owner):\(owner) \(place)/upper"]
            options += ["upperdir=upper", "workdir=work"]
        case .folders(let upper, let work, let makesWork):
            if makesWork { lines.append("mkdir -p -m 0700 \(quoted(work))") }
            options += ["upperdir=\(upper)", "workdir=\(work)"]
        }
        var target = "\"$root\""
        if case .source(let number) = layering.result {
            target = "\"$sources\"/\(number)"
            lines.append("mkdir \(target)")
        }
        let attributes = layering.attributes.subtracting(.readOnly).mountOptions
        lines.append(
            "(cd \(place) && mount -t overlay -o \(quoted(([attributes] + options).joined(separator: ","))) none \(target))"
        )
        if layering.attributes.contains(.readOnly) {
            lines.append("mount -o remount,bind,\(layering.attributes.mountOptions) \(target)")
        }
        return lines
    }

    static func devices(_ tree: DeviceTree, owner: UInt32) -> [String] {
        let directories = tree.directories + (tree.hasTerminals ? ["pts"] : []) + ["shm", "mqueue"]
        let nodes = tree.nodes.flatMap { node in
            let path = "\"$dev\"/\(quoted(node.path))"
            let kind = node.kind == .block ? "b" : "c"
            let make = "mknod -m 0\(String(node.mode, radix: 8)) \(path) \(kind) \(node.major) \(node.minor)"
            let (uid, gid) = (owner + node.uid, owner + node.gid)
            return uid == 0 && gid == 0 ? [make] : [make, "chown \(uid):\(gid) \(path)"]
        }
        return [
            "mount -t tmpfs -o nosuid,noexec,mode=0755,size=65536,uid=\(owner),gid=\(owner) none \"$dev\"",
            "(cd \"$dev\" && mkdir -m 0755 \(quoted(directories)) && chown \(owner):\(owner) \(quoted(directories)))",
        ] + nodes
            + tree.links.map { "ln -s \(quoted($0.target)) \"$dev\"/\(quoted($0.path))" }
            + (owner == 0
                ? [] : ["(cd \"$dev\" && chown -h \(owner):\(owner) \(quoted(tree.links.map(\.path))))"])
    }
}

extension UInt8 {
    /// A letter or digit, or what stands between them in words.
    fileprivate var isPlain: Bool {
        isLetter || isDigit || self == UInt8(ascii: "-") || self == UInt8(ascii: ".")
    }
}

extension BindSource {
    var mountPoint: String { "\"$sources\"/\(number)" }
}

extension MountAttributes {
    /// Of mount(8).
    var mountOptions: String {
        let options: [(Self, String)] = [
            (.readOnly, "ro"), (.noSetuid, "nosuid"), (.noDevices, "nodev"), (.noExec, "noexec"),
            (.noAccessTime, "noatime"),
        ]
        return options.filter { contains($0.0) }.map(\.1).joined(separator: ",")
    }
}
