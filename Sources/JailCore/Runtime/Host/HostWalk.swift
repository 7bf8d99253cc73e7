internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Opens places of the host that a jail may have a hand in: roots, the sources of mounts, logs.
///
/// The kernel walks such a path without following any symbolic link, and usually that is all. Where there is a link, the path is
/// walked here, one component at a time. A link is followed when nobody but root can have put it there: it belongs to root, its
/// folder does, others cannot write to that, and it does not lie where root of a jail writes. Root inside is root's number on
/// disk, so that an owner alone tells nothing there.
struct HostWalk: Sendable {
    /// What root of these jails writes to is not trusted. The same holds for all jails that are up.
    var jails: [ConfiguredJail] = []
    /// Nil looks for no jails but these.
    var state: StateDirectory?

    /// Opens the place, which need not be a folder.
    func open(_ path: String, _ flags: Int32) throws(HostWalkError) -> Descriptor {
        try Self.open(path, flags, by: self)
    }

    /// - Parameters:
    ///   - walk: asked for only when there is a link on the way.
    ///   - onLinks: called then, with a path of the same place that has no link.
    static func open(
        _ path: String, _ flags: Int32 = Int32(OpenFlags.path.rawValue), by walk: @autoclosure () -> HostWalk,
        onLinks: (String) -> Void = { _ in }
    ) throws(HostWalkError) -> Descriptor {
        do throws(Errno) { return try openWithoutLinks(path, flags) } catch {
            guard error == .tooManySymbolicLinkLevels else { throw HostWalkError(error) }
        }
        let real = try walk().resolved(path)
        do throws(Errno) {
            let opened = try openWithoutLinks(real, flags)
            onLinks(real)
            return opened
        } catch { throw HostWalkError(error) }
    }

    /// The folder of a file, which may not be there itself, and the file's name.
    func openFolder(of path: String) throws(HostWalkError) -> Descriptor {
        try open(Self.parts(path).folder, Int32(OpenFlags([.path, .directory]).rawValue))
    }

    /// A slash at the end changes neither.
    static func parts(_ path: String) -> (folder: String, name: String) {
        if path.utf8.count > 1, path.utf8.last == .slash { return parts(String(path.utf8.dropLast()) ?? path) }
        guard let slash = path.utf8.lastIndex(of: .slash) else { return (".", path) }
        let name = String(path[path.utf8.index(after: slash)...])
        return (slash == path.startIndex ? "/" : String(path[..<slash]), name)
    }

    /// openat2(2).
    private static func openWithoutLinks(_ path: String, _ flags: Int32) throws(Errno) -> Descriptor {
        let resolve = ResolveFlags([.noMagicLinks, .noSymlinks]).rawValue
        var how = (UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), UInt64(0), resolve)
        while true {
            let result = unsafe cns_openat2(AT_FDCWD, path, &how, MemoryLayout.size(ofValue: how))
            if result == -EAGAIN || result == -EINTR { continue }
            return Descriptor(try checkedResult(result))
        }
    }

    // MARK: Links

    /// A folder that was walked through.
    private final class Folder {
        let descriptor: Descriptor
        /// Others cannot put links there, nor replace those of trusted owners.
        let isSafe: Bool
        /// The jail whose root writes there.
        let writer: String?
        /// Root's on every machine: what has no id here is root's there.
        let isRoots: Bool

        init(_ descriptor: consuming Descriptor, _ status: stat, path: String, in parent: Folder?, writer: String?) {
            self.descriptor = descriptor
            let isOpen = status.st_mode & (S_IWGRP | S_IWOTH) != 0
            isRoots = UnmappedOwner.isRoots(linkIn: path) && !isOpen && parent?.isRoots ?? true
            isSafe = HostWalk.isTrusted(status, isRoots: isRoots) && (!isOpen || status.st_mode & S_ISVTX != 0)
            self.writer = writer
        }
    }

    /// The kernel's own limit, path_resolution(7).
    private static let mostLinks = 40

    /// Root, and who runs jailrun by a set-user-id program; nobody is asked where kernel rights are enough.
    /// - Parameter isRoots: it is a folder that is root's on every machine, or lies in one.
    private static func isTrusted(_ status: stat, isRoots: Bool) -> Bool {
        if geteuid() != 0 || status.st_uid == 0 || status.st_uid == getuid() { return true }
        guard isRoots, status.st_uid == UnmappedOwner.shownAs else { return false }
        var slash = stat()
        guard unsafe stat("/", &slash) == 0, let users = try? OwnUserNamespace.ofThisProcess.users else { return false }
        return UnmappedOwner.isOutside(users, slash: slash.st_uid)
    }

    private func resolved(_ path: String) throws(HostWalkError) -> String {
        let places = try writtenPlaces()
        var folders = [try folder("/", in: AT_FDCWD, places, writer: nil)]
        var names: [String] = []
        var pending = Self.components(path)
        var links = 0
        while let name = pending.popLast() {
            let here = folders[folders.count - 1]
            if name == ".." {
                if names.popLast() != nil { folders.removeLast() }
                continue
            }
            let entry = try Self.openEntry(name, in: here.descriptor.number)
            let status = try Self.status(of: entry.number)
            guard status.st_mode & S_IFMT == S_IFLNK else {
                let writer = here.writer ?? places.first { $0.isPlace(of: status) }?.jail
                names.append(name)
                folders.append(
                    Folder(entry, status, path: "/\(names.joined(separator: "/"))", in: here, writer: writer))
                continue
            }
            links += 1
            if links > Self.mostLinks { throw HostWalkError(.tooManySymbolicLinkLevels) }
            try check("/\((names + [name]).joined(separator: "/"))", status, in: here)
            let target = try Self.target(of: entry.number)
            if target.hasPrefix("/") { (folders, names) = ([folders[0]], []) }
            pending += Self.components(target)
        }
        return "/" + names.joined(separator: "/")
    }

    private func check(_ link: String, _ status: stat, in folder: Folder) throws(HostWalkError) {
        let shown = "the link \(Terminal.escaped(link))"
        if let jail = folder.writer {
            throw HostWalkError(
                "\(shown) lies where root of jail \"\(Terminal.escaped(jail))\" can write",
                hint: "name the target itself: a jail could let the link lead anywhere")
        }
        if !Self.isTrusted(status, isRoots: folder.isRoots) {
            throw HostWalkError(
                "\(shown) belongs to user \(status.st_uid), who could let it lead anywhere",
                hint: "chown -h root \(Terminal.escaped(link)), or name the target itself")
        }
        if !folder.isSafe {
            throw HostWalkError(
                "\(shown) lies in a folder that others can write to",
                hint: "name the target itself, or chmod go-w the folder")
        }
    }

    private func folder(
        _ name: String, in parent: Int32, _ places: [WrittenPlace], writer: String?
    ) throws(HostWalkError) -> Folder {
        let entry = try Self.openEntry(name, in: parent)
        let status = try Self.status(of: entry.number)
        return Folder(
            entry, status, path: name, in: nil, writer: writer ?? places.first { $0.isPlace(of: status) }?.jail)
    }

    private static func openEntry(_ name: String, in folder: Int32) throws(HostWalkError) -> Descriptor {
        do throws(Errno) {
            return try Files.open(name, at: folder, Int32(OpenFlags.path.rawValue) | O_NOFOLLOW)
        } catch { throw HostWalkError(error) }
    }

    private static func status(of descriptor: Int32) throws(HostWalkError) -> stat {
        var status = stat()
        guard unsafe fstat(descriptor, &status) == 0 else { throw HostWalkError(.current) }
        return status
    }

    private static func target(of link: Int32) throws(HostWalkError) -> String {
        var buffer = [CChar](repeating: 0, count: Int(PATH_MAX))
        let length = unsafe readlinkat(link, "", &buffer, buffer.count)
        guard length >= 0 else { throw HostWalkError(.current) }
        return String(decoding: buffer[..<length].map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    /// The last component is first.
    private static func components(_ path: String) -> [String] {
        path.split(separator: "/").filter { $0 != "." }.map(String.init).reversed()
    }

    // MARK: Where jails write

    private struct WrittenPlace {
        var jail: String
        var device: dev_t
        var inode: ino_t
        func isPlace(of status: stat) -> Bool { status.st_dev == device && status.st_ino == inode }
    }

    private func writtenPlaces() throws(HostWalkError) -> [WrittenPlace] {
        var places: [WrittenPlace] = []
        for spec in try jails + running() {
            for folder in spec.writtenFolders {
                if let place = try Self.place(folder.value, writtenBy: spec) { places.append(place) }
            }
        }
        return places
    }

    private func running() throws(HostWalkError) -> [ConfiguredJail] {
        let records: [JailRecord]
        do throws(RuntimeError) { records = try state?.records() ?? [] } catch {
            throw HostWalkError(
                "the path has a link in it, and it is not known where jails can write: \(error.message)", hint: nil)
        }
        if let record = records.first(where: { $0.unreadable != nil }) {
            throw HostWalkError(
                "the path has a link in it, and it is not known where root of \"\(Terminal.escaped(record.name))\" "
                    + "can write: its record cannot be read", hint: "name the target itself, or stop that jail")
        }
        return records.map(\.spec)
    }

    /// Nil when there is no such place. Who is not root need not know: then links are followed wherever they are.
    private static func place(_ path: String, writtenBy spec: ConfiguredJail) throws(HostWalkError) -> WrittenPlace? {
        var status = stat()
        if unsafe stat(path, &status) == 0 {
            return WrittenPlace(jail: spec.name.value, device: status.st_dev, inode: status.st_ino)
        }
        let error = Errno.current
        if error.meansAbsent || geteuid() != 0 { return nil }
        throw HostWalkError(error)
    }
}

/// Why a place could not be opened.
struct HostWalkError: Error {
    let errno: Errno
    let description: String
    let hint: String?

    init(_ errno: Errno) { (self.errno, description, hint) = (errno, errno.description, nil) }

    /// A link that must not be followed.
    init(_ description: String, hint: String?) {
        (errno, self.description, self.hint) = (.tooManySymbolicLinkLevels, description, hint)
    }

    private init(_ errno: Errno, _ description: String, hint: String) {
        (self.errno, self.description, self.hint) = (errno, description, hint)
    }

    /// Of a log.
    static let noRegularFile = HostWalkError(
        .invalidArgument, "not a regular file, and a log is rotated",
        hint: "without log.file jailrun keeps the log itself; to discard output, redirect it: >/dev/null 2>&1")
}

extension MountSpec {
    /// The folder of the host, or file, that what is written to the mount goes to; nil when nothing does.
    var writtenSource: String? { isReadOnly ? nil : kind.isBind ? source : layers?.upper }
}

extension ConfiguredJail {
    /// Folders of the host, or files, in which root inside can make what it likes, links and set-user-id programs among them.
    var writtenFolders: [Located<String>] {
        var folders = writtenRoot.map { [$0] } ?? []
        for mount in mounts where !mount.relativeTarget.isEmpty {
            if let folder = mount.writtenSource { folders.append(Located(folder, mount.origin)) }
        }
        return folders
    }

    /// Where its root keeps what is written to it; nil when nothing is kept.
    var writtenRoot: Located<String>? {
        if root.isReadOnly.value || root.isEphemeral.value { return nil }
        let source = RootSource(self)
        guard let top = source.layers.last else {
            return source.attributes.contains(.readOnly) ? nil : Located(source.path, source.origin)
        }
        return top.isReadOnly ? nil : top.layers?.upper.map { Located($0, top.origin) }
    }
}
