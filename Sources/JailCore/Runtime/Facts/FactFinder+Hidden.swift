internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What a jail whose root is the host's own must not see: files that belong to root and that no other user may read, and the keys
/// of users.
extension FactFinder {
    /// - Parameter root: the host's root.
    func addHidden(root: Int32, to facts: inout StartFacts) throws(RuntimeError) {
        guard rootIsHosts(facts), host.authority.namespace.hasMachinesRoot else { return }
        do throws(Errno) {
            // As the jail will have it: what lies below the host's mounts is seen there. Who is not root sees less.
            let clone = Descriptor(geteuid() == 0 ? try checkedResult(cns_clone_mount(root)) : -1)
            var search = try HiddenSearch(root: clone.number < 0 ? root : clone.number, shown: jail.root.shown)
            try search.run()
            facts.hidden = search.found
        } catch {
            throw .unsuitable(
                jail: jail.label, origin: jail.path.origin,
                "path /: cannot look for files that only root may read: \(error.description)", hint: nil)
        }
        try checkHidden(facts)
    }

    private func rootIsHosts(_ facts: StartFacts) -> Bool {
        RootSource(jail).folders.contains { HostPath.isWhole(facts.realPath($0)) }
    }

    /// Nothing can be mounted in a folder that is empty inside.
    private func checkHidden(_ facts: StartFacts) throws(RuntimeError) {
        for mount in jail.mounts {
            guard
                let hidden = facts.hidden.first(where: {
                    $0.kind == .folder && mount.relativeTarget.hasPrefix("\($0.path)/")
                })
            else { continue }
            try refuse(
                "mount: \(Terminal.escaped(mount.target)) lies in /\(Terminal.escaped(hidden.path)), which only root "
                    + "may read and the jail does not see", mount.origin,
                hint: "mount it elsewhere, or root.unmask = \"/\(Terminal.escaped(hidden.path))\"")
        }
        for shown in jail.root.shown {
            let path = String(shown.value.utf8.drop { $0 == .slash }) ?? ""
            guard let hidden = facts.hidden.first(where: { $0.kind != .way && path.hasPrefix("\($0.path)/") }) else {
                continue
            }
            try refuse(
                "root.unmask: \(Terminal.escaped(shown.value)) lies in /\(Terminal.escaped(hidden.path)), which is hidden as a whole",
                shown.origin,
                hint: "root.unmask = \"/\(Terminal.escaped(hidden.path))\"")
        }
    }
}

/// The walk through the places of `HiddenPath`, from one file system's root. Links are followed where only root can have made them:
/// on the way to these places and to the users' homes. What is hidden is what they lead to.
struct HiddenSearch {
    private let root: Int32
    private let shown: [String]
    private let device: dev_t
    private(set) var found: [HiddenPath] = []

    init(root: Int32, shown: [Located<String>]) throws(Errno) {
        self.root = root
        self.shown = shown.map { $0.value.split(separator: "/").joined(separator: "/") }
        var status = stat()
        _ = try unsafe checked(fstat(root, &status))
        device = status.st_dev
    }

    mutating func run() throws(Errno) {
        if shown.contains("") { return }
        for folder in HiddenPath.folders { if let folder = try real(folder) { try hide(folder) } }
        for place in HiddenPath.places {
            if let folder = try real(place.folder) { try look(into: folder, depth: place.depth) }
        }
        for home in try homes() {
            for name in HiddenPath.inHomes { try hide("\(home)/\(name)") }
        }
    }

    private func homes() throws(Errno) -> [String] {
        guard let folder = try real("home") else { return [] }
        var homes: [String] = []
        for name in try names(of: folder) { if let home = try real("\(folder)/\(name)") { homes.append(home) } }
        return homes
    }

    /// Where a link leads, such as /home -> var/home; of all else the path itself. Nil of a link that leads nowhere.
    private func real(_ path: String) throws(Errno) -> String? {
        guard let status = try status(of: path), status.st_mode & S_IFMT == S_IFLNK else { return path }
        do throws(Errno) {
            let place = try RootPath.open(path, root: root, flags: Int32(OpenFlags.path.rawValue))
            let (whole, ofRoot) = (try Self.place(of: place.number), try Self.place(of: root))
            return whole.split(separator: "/").dropFirst(ofRoot.split(separator: "/").count).joined(separator: "/")
        } catch {
            if error.meansAbsent || error == .tooManySymbolicLinkLevels { return nil }
            throw error
        }
    }

    /// readlink(2) of proc_pid_fd(5).
    private static func place(of descriptor: Int32) throws(Errno) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe readlink(
                "/proc/self/fd/\(descriptor)", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        if count < 0 { throw .current }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }

    private mutating func look(into folder: String, depth: Int) throws(Errno) {
        guard let status = try status(of: folder), status.st_mode & S_IFMT == S_IFDIR, status.st_dev == device else {
            return
        }
        for name in try names(of: folder) {
            let path = "\(folder)/\(name)"
            guard let status = try self.status(of: path) else { continue }
            if isRootsAlone(status) {
                try add(path, status)
            } else if depth > 1, status.st_mode & S_IFMT == S_IFDIR {
                try look(into: path, depth: depth - 1)
            }
        }
    }

    private mutating func hide(_ path: String) throws(Errno) {
        if let status = try status(of: path) { try add(path, status) }
    }

    /// Users of a group of root's choice count as others.
    private func isRootsAlone(_ status: stat) -> Bool { status.st_uid == 0 && status.st_mode & S_IROTH == 0 }

    private mutating func add(_ path: String, _ status: stat) throws(Errno) {
        let type = status.st_mode & S_IFMT
        guard type == S_IFREG || type == S_IFDIR, type != S_IFDIR || status.st_dev == device else { return }
        if found.contains(where: { $0.path == path || $0.kind == .folder && path.hasPrefix("\($0.path)/") }) { return }
        if shown.contains(where: { path == $0 || path.hasPrefix("\($0)/") }) { return }
        try addWay(to: path)
        found.append(Self.hidden(path, type == S_IFDIR ? .folder : .file, status))
    }

    private mutating func addWay(to path: String) throws(Errno) {
        var way = ""
        for part in path.split(separator: "/").dropLast() {
            way += (way.isEmpty ? "" : "/") + part
            if found.contains(where: { $0.path == way }) { continue }
            if let status = try status(of: way) { found.append(Self.hidden(way, .way, status)) }
        }
    }

    private static func hidden(_ path: String, _ kind: HiddenPath.Kind, _ status: stat) -> HiddenPath {
        HiddenPath(path: path, kind: kind, mode: status.st_mode & 0o7777, uid: status.st_uid, gid: status.st_gid)
    }

    /// Nil when there is no such file.
    private func status(of path: String) throws(Errno) -> stat? {
        var status = stat()
        if unsafe fstatat(root, path, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status }
        let error = Errno.current
        if error.meansAbsent { return nil }
        throw error
    }

    /// Of a folder that is none, or is not there: none.
    private func names(of folder: String) throws(Errno) -> [String] {
        do throws(Errno) {
            let opened = try Files.open(folder, at: root, O_RDONLY | O_DIRECTORY | O_NOFOLLOW)
            return try Files.names(in: "/proc/self/fd/\(opened.number)")
        } catch {
            if error.meansAbsent || error == .tooManySymbolicLinkLevels { return [] }
            throw error
        }
    }
}
