internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Mounts, at FreeBSD's place in the order: they themselves are made later, in the jail's own namespace.
extension FactFinder {
    func checkMountSources(_ facts: inout StartFacts) throws(RuntimeError) {
        let root = RootSource(jail)
        // That of the root is told already.
        for mount in jail.mounts where mount.origin != root.origin {
            switch mount.kind.provision {
            case .bind: try checkFolder(mount, &facts)
            case .disk: if mount.kind.isOfPath { try checkDisk(mount, &facts) }
            // `checkLayers` looks at folders; the others have no source.
            case .layers, .new, .procfs, .sysfs, .devices: break
            }
        }
    }

    private func checkFolder(_ mount: MountSpec, _ facts: inout StartFacts) throws(RuntimeError) {
        do throws(HostWalkError) {
            if mount.isBelow(root: jail) { return try lookBelowRoot(mount.source) }
            _ = try open(mount.source, Int32(OpenFlags.path.rawValue), &facts)
        } catch { try missing("mount: \(mount.source)", error, mount.origin) }
    }

    private func checkDisk(_ mount: MountSpec, _ facts: inout StartFacts) throws(RuntimeError) {
        var isDisk = true
        do throws(HostWalkError) {
            let source = try open(mount.source, Int32(OpenFlags.path.rawValue), &facts)
            isDisk = Self.isDisk(source, orFile: mount.kind == .erofs)
        } catch { try missing("mount: \(mount.source)", error, mount.origin) }
        if !isDisk { try noDisk(mount) }
    }

    /// At a FIFO the kernel would wait for somebody to write.
    private static func isDisk(_ file: borrowing Descriptor, orFile takesFile: Bool) -> Bool {
        var status = stat()
        guard unsafe fstat(file.number, &status) == 0 else { return true }
        let type = status.st_mode & S_IFMT
        return type == S_IFBLK || takesFile && type == S_IFREG
    }

    /// There links are followed that lead nowhere else: the step opens it in the root.
    private func lookBelowRoot(_ path: String) throws(HostWalkError) {
        if unsafe access(path, F_OK) == 0 { return }
        throw HostWalkError(.current)
    }

    /// The kernel makes no disk of a file, but for erofs.
    private func noDisk(_ mount: MountSpec) throws(RuntimeError) {
        try refuse(
            "mount: \(Terminal.escaped(mount.source)): \(Errno(ENOTBLK).description)", mount.origin,
            hint: "losetup -f --show FILE makes a disk from an image, and prints its name")
    }

    /// Overlayfs wants its two folders on one mount, which a mount point is not.
    func checkLayers(_ facts: inout StartFacts) throws(RuntimeError) {
        for mount in jail.mounts {
            guard let layers = mount.layers else { continue }
            let work = layers.makesWork ? nil : layers.work
            for folder in layers.folders + [layers.upper, work].compactMap({ $0 }) {
                try checkFolder(folder, mount, &facts)
            }
            if let upper = layers.upper { try checkFolder(HostWalk.parts(upper).folder, mount, &facts) }
            if let upper = layers.upper, isMountPoint(upper) {
                try refuse(
                    "mount: \(Terminal.escaped(upper)) is a mount point", mount.origin,
                    hint: "name a folder in it: \(Terminal.escaped(upper))/upper; overlayfs works in a second one "
                        + "beside it")
            }
            if let upper = layers.upper, isReadOnly(upper) {
                try refuse("mount: \(Terminal.escaped(upper)): \(Errno(EROFS).description)", mount.origin)
            }
            try checkApart(layers, mount)
        }
    }

    /// Of the file system: a mount that alone is read-only is cloned without that.
    private func isReadOnly(_ folder: String) -> Bool {
        guard unsafe access(folder, W_OK) != 0, errno == EROFS else { return false }
        return MountTable.isReadOnly(filesystemOf: folder)
    }

    /// Overlayfs takes no folder twice, nor a lower one that is in another layer; the upper one may be in a lower one. A mount between
    /// them makes them two trees.
    private func checkApart(_ layers: MountSpec.Layers, _ mount: MountSpec) throws(RuntimeError) {
        var known: [String] = []
        for (index, folder) in (layers.folders + [layers.upper].compactMap({ $0 })).enumerated() {
            guard let real = Self.real(folder) else { continue }
            let isUpper = index == layers.folders.count
            let other = known.first { other in
                if other == real { return true }
                let isWithin = real.hasPrefix("\(other)/")
                guard isWithin && !isUpper || other.hasPrefix("\(real)/") else { return false }
                return !MountTable.hasMount(on: isWithin ? real : other, below: isWithin ? other : real)
            }
            if let other {
                let words = other == real ? "is used as a layer twice" : "and \(Terminal.escaped(other)) overlap"
                return try refuse(
                    "mount: \(Terminal.escaped(real)) \(words)", mount.origin,
                    hint: "overlayfs takes no folder twice, nor one that lies in another")
            }
            known.append(real)
        }
    }

    private static func real(_ path: String) -> String? {
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    private func checkFolder(_ path: String, _ mount: MountSpec, _ facts: inout StartFacts) throws(RuntimeError) {
        do throws(HostWalkError) {
            _ = try open(path, Int32(OpenFlags([.path, .directory]).rawValue), &facts)
        } catch { try missing("mount: \(path)", error, mount.origin) }
    }

    private func isMountPoint(_ path: String) -> Bool {
        var (status, parent) = (stat(), stat())
        guard unsafe stat(path, &status) == 0, unsafe stat("\(path)/..", &parent) == 0 else { return false }
        return status.st_dev != parent.st_dev
    }

    // MARK: Mount points

    /// What another mount covers cannot be seen yet.
    func checkMountPoints(root: Int32, _ facts: StartFacts) throws(RuntimeError) {
        if jail.mounts.isEmpty { return }
        var covered = facts.rootDirectories.filter(isMounted)
        for mount in jail.mounts where !mount.relativeTarget.isEmpty {
            let target = mount.relativeTarget
            if !covered.contains(where: { target.hasPrefix("\($0)/") }) { try checkMountPoint(of: mount, root: root) }
            covered.append(target)
        }
    }

    private func isMounted(_ directory: String) -> Bool {
        let pseudo = jail.pseudoFilesystems
        return switch directory {
        case "dev": pseudo.devfs.value != .never
        case "proc": pseudo.procfs.value != .never
        default: pseudo.sysfs.value != .never
        }
    }

    /// A link in the uppermost folder that has the name ends the look: none is followed.
    private func checkMountPoint(of mount: MountSpec, root: Int32) throws(RuntimeError) {
        var lack = Errno.noSuchFileOrDirectory
        let target = mount.relativeTarget
        let found = try attempt("\(jail.label): cannot look at /\(target) of the root") { () throws(Errno) in
            try first(root: root) { (folder) throws(Errno) -> Bool? in
                do throws(Errno) { return try isFolder(target, root: folder) } catch {
                    lack = error
                    return nil
                }
            }
        }
        guard let found else {
            return try missing("mount: \(mount.target)", lack, mount.origin, hint: hint(lack, mount))
        }
        if found == isFolder(mount) { return }
        try refuse(
            "mount: \(Terminal.escaped(mount.target)) is \(found ? "a directory" : "no directory"), and "
                + "\(Terminal.escaped(mount.source)) is \(found ? "none" : "one")", mount.origin,
            hint: "a file must cover a file, and a directory a directory")
    }

    private func isFolder(_ path: String, root: Int32) throws(Errno) -> Bool {
        let flags = Int32(OpenFlags.path.rawValue)
        let file = try RootPath.open(path, root: root, flags: flags, followingLinks: false)
        var status = stat()
        _ = try unsafe checked(fstat(file.number, &status))
        return status.st_mode & S_IFMT == S_IFDIR
    }

    /// What is to be mounted there. A missing source is reported as such.
    private func isFolder(_ mount: MountSpec) -> Bool {
        guard mount.kind.isBind else { return true }
        var status = stat()
        return unsafe stat(mount.source, &status) < 0 || status.st_mode & S_IFMT == S_IFDIR
    }

    private func hint(_ errno: Errno, _ mount: MountSpec) -> String {
        if errno == .tooManySymbolicLinkLevels { return "a mount point must not be reached through a symbolic link" }
        let target = Terminal.escaped(mount.target)
        return isFolder(mount)
            ? "a mount needs a directory to cover: mkdir -p \(target)" : "a file needs a file to cover: touch \(target)"
    }
}
