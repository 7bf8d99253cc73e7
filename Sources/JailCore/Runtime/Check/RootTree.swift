internal import Glibc
internal import SystemPackage

/// The files of a root as a process in it will find them: the root's own, and over them what the jail's file mounts there. Nothing
/// is mounted for the look, so links are followed here: one may lead into a mount, or stand in one.
final class RootTree {
    enum Absence: Error {
        case errno(Errno)
        /// It would be in what only a mount shows: a disk, or a file system of the kernel's.
        case unknown
        /// Who is to execute it may not enter this folder.
        case barred(String)
    }

    struct Found: ~Copyable {
        var file: Descriptor
        /// execve(2) takes no program of this mount.
        var isNoExec: Bool
    }

    /// What is mounted at a place, or the root itself.
    private struct Part {
        /// Below the root, by component.
        var place: [String]
        /// Descriptors of the folders that it shows, from the top down, or of a file; nil for what cannot be looked into.
        var folders: [Int32]?
        /// Whose files the kernel makes.
        var kernels: KernelTree?
        var isNoExec: Bool
        /// Its folders are laid over each other: their own flags do not count.
        var isLayered: Bool
    }

    /// A tree of the kernel's own files: execve(2) takes none of them, but where a link leads out of it.
    private enum KernelTree {
        case devices, procfs, sysfs

        /// - Parameter names: below the mount.
        func leadsOut(_ names: ArraySlice<String>) -> Bool {
            guard let name = names.first else { return false }
            return switch self {
            case .devices: ["fd", "stdin", "stdout", "stderr"].contains(name)
            // `/proc/1/root`, `/proc/self/exe`
            case .procfs: name == "self" || name == "thread-self" || DigitsOnly.value(name.utf8, in: 1...Int.max) != nil
            case .sysfs: false
            }
        }
    }

    private var parts: [Part] = []
    /// Nil enters every folder.
    var rights: Rights?

    init(folders: [String]) {
        // What is wrong with a folder is said where it is asked for.
        let opened = folders.compactMap { Self.descriptor(of: $0, O_DIRECTORY) }
        parts = [Part(place: [], folders: opened, isNoExec: false, isLayered: folders.count > 1)]
    }

    /// With what the file mounts, and what is mounted by itself.
    convenience init(of jail: ConfiguredJail) {
        let source = RootSource(jail)
        self.init(folders: source.folders)
        if jail.root.isEphemeral.value { parts[0].isLayered = true }
        parts[0].isNoExec = source.attributes.contains(.noExec) || source.layers.last?.isNoExec ?? false
        let pseudo = jail.pseudoFilesystems
        let trees: [(String, Located<PseudoFilesystemSpec.Presence>, KernelTree)] = [
            ("dev", pseudo.devfs, .devices), ("proc", pseudo.procfs, .procfs), ("sys", pseudo.sysfs, .sysfs),
        ]
        for (name, presence, tree) in trees where presence.value != .never {
            parts.append(Part(place: [name], folders: nil, kernels: tree, isNoExec: true, isLayered: false))
        }
        for mount in jail.mounts where !mount.relativeTarget.isEmpty {
            let place = mount.relativeTarget.split(separator: "/").map(String.init)
            parts.append(
                Part(
                    place: place, folders: folders(of: mount, place), kernels: Self.kernelTree(of: mount),
                    isNoExec: mount.isNoExec, isLayered: mount.kind.isLayered))
        }
    }

    deinit {
        for descriptor in parts.compactMap(\.folders).joined() { close(descriptor) }
    }

    var isEmpty: Bool { parts[0].folders?.isEmpty ?? true }

    private static func descriptor(of path: String, _ flags: Int32 = 0) -> Int32? {
        let descriptor = unsafe Glibc.open(path, Int32(OpenFlags.path.rawValue) | O_CLOEXEC | flags)
        return descriptor < 0 ? nil : descriptor
    }

    private func folders(of mount: MountSpec, _ place: [String]) -> [Int32]? {
        switch mount.kind.provision {
        case .new: []
        case .bind: Self.descriptor(of: mount.source).map { [$0] }
        case .layers: mount.layers.map { folders(of: $0, place) }
        // What they show is not known before they are mounted.
        case .disk, .procfs, .sysfs, .devices: nil
        }
    }

    private static func kernelTree(of mount: MountSpec) -> KernelTree? {
        switch mount.kind.provision {
        case .devices(at: "dev"): .devices
        case .procfs: .procfs
        case .sysfs: .sysfs
        // fdescfs has nothing but links.
        case .devices, .new, .bind, .layers, .disk: nil
        }
    }

    private func folders(of layers: MountSpec.Layers, _ place: [String]) -> [Int32] {
        var opened = ([layers.upper].compactMap { $0 } + layers.folders).compactMap { Self.descriptor(of: $0) }
        // A unionfs shows what the root has there, not what is mounted.
        if layers.includesTarget, let under = try? open(place, in: parts[0]) { opened.append(under.release()) }
        return opened
    }

    // MARK: Look

    /// The file of that path, links followed; a relative one begins at the root.
    func open(_ path: String) throws(Absence) -> Found {
        var rest = path.split(separator: "/").map(String.init)[...]
        var place: [String] = []
        var followed = 0
        while let name = rest.popFirst() {
            if name == "." { continue }
            if name == ".." {
                _ = place.popLast()
                continue
            }
            try enter(place)
            place.append(name)
            guard let link = try link(at: place) else { continue }
            followed += 1
            if followed > Self.mostLinks { throw .errno(.tooManySymbolicLinkLevels) }
            if link.hasPrefix("/") { place = [] } else { place.removeLast() }
            rest = (link.split(separator: "/").map(String.init) + rest)[...]
        }
        return try open(place)
    }

    /// MAXSYMLINKS of the kernel.
    private static let mostLinks = 40

    /// The innermost that shows the place.
    private func part(of place: [String]) -> Part {
        parts.reversed().filter { place.starts(with: $0.place) }.max { $0.place.count < $1.place.count } ?? parts[0]
    }

    /// Folders of layers have their attributes from the uppermost, which may be made for the jail: those are not asked.
    private func enter(_ place: [String]) throws(Absence) {
        guard let rights, !rights.searches, case let part = part(of: place), part.folders?.isEmpty == false,
            !(part.isLayered && part.place == place), let folder = try? open(place, in: part)
        else { return }
        var status = stat()
        guard unsafe fstat(folder.number, &status) == 0, status.st_mode & S_IFMT == S_IFDIR else { return }
        if !rights.mayExecute(folder, status) { throw .barred("/" + place.joined(separator: "/")) }
    }

    /// Where the link leads that is there; nil for anything else.
    private func link(at place: [String]) throws(Absence) -> String? {
        let part = part(of: place)
        if part.folders == nil || part.place == place { return nil }
        do throws(Errno) {
            let file = try open(place, in: part)
            var status = stat()
            _ = try unsafe checked(fstat(file.number, &status))
            return try status.st_mode & S_IFMT == S_IFLNK ? Self.target(of: file) : nil
        } catch { throw .errno(error) }
    }

    private static func target(of link: borrowing Descriptor) throws(Errno) -> String {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe readlinkat(link.number, "", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        if count < 0 { throw .current }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private func open(_ place: [String]) throws(Absence) -> Found {
        let part = part(of: place)
        if let tree = part.kernels, !tree.leadsOut(place.dropFirst(part.place.count)) {
            throw .errno(.permissionDenied)
        }
        if part.folders == nil { throw .unknown }
        do throws(Errno) {
            let file = try open(place, in: part)
            let isNoExec = part.isNoExec || !part.isLayered && Self.isNoExec(file)
            return Found(file: file, isNoExec: isNoExec)
        } catch { throw .errno(error) }
    }

    /// In the first folder that has it. A link on the way is none to another folder.
    private func open(_ place: [String], in part: Part) throws(Errno) -> Descriptor {
        let path = place.dropFirst(part.place.count).joined(separator: "/")
        let flags = Int32(OpenFlags([.path, .noFollow]).rawValue)
        for folder in part.folders ?? [] {
            do throws(Errno) {
                if path.isEmpty { return try Files.open("/proc/self/fd/\(folder)", Int32(OpenFlags.path.rawValue)) }
                let file = try RootPath.open(path, root: folder, flags: flags, followingLinks: false)
                if part.isLayered, Self.isWhiteout(file) { break }
                return file
            } catch {
                let isElsewhere = error.meansAbsent || error == .tooManySymbolicLinkLevels
                if !isElsewhere { throw error }
            }
        }
        throw .noSuchFileOrDirectory
    }

    /// overlayfs.rst: what was removed from a lower folder.
    private static func isWhiteout(_ file: borrowing Descriptor) -> Bool {
        var status = stat()
        return unsafe fstat(file.number, &status) == 0 && status.st_mode & S_IFMT == S_IFCHR && status.st_rdev == 0
    }

    /// Of the host's mount, whose flags its copy in the jail keeps.
    private static func isNoExec(_ file: borrowing Descriptor) -> Bool {
        var status = statvfs()
        return unsafe fstatvfs(file.number, &status) == 0 && status.f_flag & noExecFlag != 0
    }

    /// ST_NOEXEC of statvfs(3), an enumeration of the C library's.
    private static let noExecFlag: UInt = 8
}
