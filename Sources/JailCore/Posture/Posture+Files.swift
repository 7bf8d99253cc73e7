extension PostureJudge {
    var files: Posture.Part {
        let paths = jail.mounts.indices.flatMap { hostPaths(of: jail.mounts[$0]) }
        let findings = rootFindings + unmasked + paths.map(finding) + uncovered + reachable
        let writable = paths.filter(\.isWritable).count
        return Posture.Part(
            subject: .files,
            summary: "\(rootSummary); "
                + (paths.isEmpty
                    ? "nothing else of the host" : "\(paths.count) of the host mounted, \(writable) writable"),
            findings: findings)
    }

    private var isRootReadOnly: Bool {
        let source = rootSource
        if jail.root.isReadOnly.value { return true }
        guard let top = source.layers.last else { return source.attributes.contains(.readOnly) }
        return top.isReadOnly || top.layers?.upper == nil
    }

    private var rootSource: RootSource { RootSource(jail) }

    private var rootSummary: String {
        if isRootReadOnly { return "its root is read-only" }
        return jail.root.isEphemeral.value ? "writes to its root vanish" : "it writes to its root"
    }

    private var rootFindings: [Posture.Finding] {
        var findings: [Posture.Finding] = []
        if !isRootReadOnly {
            let isEphemeral = jail.root.isEphemeral.value
            findings.append(
                Posture.Finding(
                    isEphemeral ? 4 : 10,
                    isEphemeral
                        ? "programs in its root can be changed until it stops"
                        : "programs in its root can be changed, and stay changed for the next start", jail.path.origin,
                    mend: isEphemeral ? "root.readonly" : "root.readonly or root.ephemeral"))
        }
        return findings
            + rootFolders.filter { kind(of: $0.path) == .machine }.map { folder in
                Posture.Finding(
                    HostPath.machine.weight(isWritable: folder.isWritable),
                    rootText(folder), folder.origin,
                    mend: folder.isWritable
                        ? "root.ephemeral, or a root of its own as path" : "a root of its own as path",
                    givesMachine: folder.isWritable)
            }
    }

    private func rootText(_ folder: Shown) -> String {
        if folder.isWritable { return "\(name(of: folder.path)): write to the host's own system" }
        let path = facts.realPaths[folder.path] ?? folder.path
        return "\(name(of: folder.path)): read the host's own system"
            + (HostPath.isWhole(path) ? ", with all users' /home, /srv and /var, but not what only root may read" : "")
    }

    /// What is root's alone, and shown.
    private var unmasked: [Posture.Finding] {
        guard let first = jail.root.shown.first else { return [] }
        return [
            Posture.Finding(
                20,
                "\(Self.list(jail.root.shown.map(\.value))): read what only root may read on the host",
                first.origin, mend: "limit root.unmask to what it needs")
        ]
    }

    /// What the root consists of; what is written goes to the first.
    private var rootFolders: [Shown] {
        let isKept = !isRootReadOnly && !jail.root.isEphemeral.value
        return rootSource.folders.enumerated().map { index, path in
            Shown(path: path, isWritable: isKept && index == 0, origin: rootSource.origin)
        }
    }

    /// A path of the host that a mount shows; what is below the jail's own root is none.
    private struct Shown {
        var path: String
        var isWritable: Bool
        /// A file system on it, which the jail does not see as such.
        var isDisk = false
        var origin: Origin
    }

    private func hostPaths(of mount: MountSpec) -> [Shown] {
        if mount.relativeTarget.isEmpty { return [] }
        let source = Shown(path: mount.source, isWritable: !mount.isReadOnly, origin: mount.origin)
        switch mount.kind.provision {
        case .bind: return isOwn(mount.source) ? [] : [source]
        case .layers:
            let upper = mount.layers?.upper.map {
                Shown(path: $0, isWritable: !mount.isReadOnly, origin: mount.origin)
            }
            let lower = (mount.layers?.folders ?? []).map { Shown(path: $0, isWritable: false, origin: mount.origin) }
            return ([upper].compactMap { $0 } + lower).filter { !isOwn($0.path) }
        case .disk:
            return [Shown(path: mount.source, isWritable: !mount.isReadOnly, isDisk: true, origin: mount.origin)]
        // Nothing of the host's.
        case .new, .procfs, .sysfs, .devices: return []
        }
    }

    private func kind(of path: String) -> HostPath { HostPath(facts.realPaths[path] ?? path) }

    private func isSocket(_ path: String) -> Bool { HostPath.isSocket(facts.realPaths[path] ?? path) }

    private func name(of path: String) -> String {
        guard let real = facts.realPaths[path], real != path else { return path }
        return "\(path), which is \(real)"
    }

    private func isOwn(_ path: String) -> Bool {
        let (root, parts) = (jail.path.value.split(separator: "/"), path.split(separator: "/"))
        return !root.isEmpty && parts.starts(with: root) && !parts.contains("..")
    }

    private func finding(_ shown: Shown) -> Posture.Finding {
        let kind = shown.isDisk ? HostPath.plain : kind(of: shown.path)
        let isWritable = shown.isWritable || isSocket(shown.path)
        let word = isWritable ? "write to" : "read"
        let what =
            switch kind {
            case .machine:
                isSocket(shown.path) ? "use a daemon that runs as root of the host" : "\(word) the host's own system"
            case .system: "\(word) a part of the host's system"
            case .plain: "\(word) what the host keeps there"
            }
        return Posture.Finding(
            kind.weight(isWritable: isWritable), "\(name(of: shown.path)): \(what)", shown.origin,
            mend: shown.isWritable && !isSocket(shown.path)
                ? "add ro to the mount's options, or mount a folder with no more than it needs"
                : "leave out the mount, or mount no more than it needs",
            givesMachine: kind == .machine && isWritable)
    }

    /// What root inside makes belongs to root on disk.
    private var reachable: [Posture.Finding] {
        guard let first = facts.reachable.first else { return [] }
        let paths = Self.list(facts.reachable.map(\.path))
        return [
            Posture.Finding(
                20, "\(paths): leave a set-user-id program there that makes users of the host root",
                jail.path.origin, mend: first.mend)
        ]
    }

    /// Masks and read-only paths stand at /proc alone.
    private var uncovered: [Posture.Finding] {
        let second = jail.mounts.filter { mount in
            mount.kind.provision == .procfs && mount.relativeTarget != "proc"
        }
        let proc = second.map { mount in
            Posture.Finding(
                20, "\(mount.target): a /proc without masks and read-only paths", mount.origin,
                mend: "leave it out and use mount.procfs", givesMachine: isHostRoot && !mount.isReadOnly)
        }
        guard let bind = jail.privileges.granted.first(where: { $0.value == .mountNullfs }) else { return proc }
        return proc + [
            Posture.Finding(
                10, "remove the masks of /proc and /sys", bind.origin,
                mend: "put mounts in the file instead of allow.mount.nullfs")
        ]
    }
}
