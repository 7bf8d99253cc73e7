internal import Glibc

/// Files of the file system, read once each through one descriptor.
///
/// A configuration is code: whoever can write it, or rename what leads to it, decides what root runs. So as root, each
/// file, and each folder and symbolic link on the way to it, must belong to a trusted owner and be writable by nobody
/// else, as sshd(8) and sudo(8) demand. A sticky folder such as `/tmp` is safe: others cannot rename what is not
/// theirs. All checks are made on descriptors.
///
/// In a user namespace where root outside has no id, root's folders belong to an unknown owner, and may still lead to a
/// file (`UnmappedOwner`).
package struct FileConfigurationSource: ConfigurationSource {
    /// Larger files are refused; no configuration needs as much.
    package static let maximumBytes = 16 << 20

    /// Owners that may write configurations; nil means that nothing is checked.
    private let trustedOwners: [UInt32]?

    /// Checks as root, trusting root and the real user; for anybody else, the kernel's permissions are enough.
    package init() { self.init(trustedOwners: geteuid() == 0 ? [0, getuid()] : nil) }

    package init(trustedOwners: [UInt32]?) { self.trustedOwners = trustedOwners }

    package func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes {
        if path == "-" && !isInclude { return try ConfigurationDescriptor.standardInput.read(limit: Self.maximumBytes) }
        guard let trustedOwners else {
            let file = try ConfigurationDescriptor(path: path, .contents)
            try Self.checkIsRegular(file.status())
            return try file.read(limit: Self.maximumBytes)
        }
        return try TrustedPath(owners: trustedOwners).open(path).read(limit: Self.maximumBytes)
    }

    package var workingDirectory: String {
        unsafe getcwd(nil, 0).map { name in
            defer { unsafe free(name) }
            return unsafe String(cString: name)
        } ?? "/"
    }

    package func names(in directory: String) throws(ConfigurationReadError) -> [String] {
        try ConfigurationDescriptor.names(in: directory)
    }

    static func checkIsRegular(_ status: stat) throws(ConfigurationReadError) {
        switch status.st_mode & S_IFMT {
        case S_IFREG: return
        case S_IFDIR: throw .errno(EISDIR)
        default: throw isNoFile
        }
    }

    fileprivate static var isNoFile: ConfigurationReadError {
        ConfigurationReadError("not a regular file", hint: "only - may be a pipe: it means standard input")
    }
}

/// The walk to a file, from `/`, one component at a time, with a look at each.
private struct TrustedPath {
    let owners: [UInt32]
    /// The kernel's own limit, path_resolution(7).
    private static var maximumLinks: Int { 40 }

    func open(_ path: String) throws(ConfigurationReadError) -> ConfigurationDescriptor {
        if path.isEmpty { throw .errno(ENOENT) }
        let start = path.hasPrefix("/") ? "" : try ConfigurationDescriptor.workingDirectory() + "/"
        var pending = Self.components(start + path)
        var folder = try ConfigurationDescriptor(path: "/", .place)
        // Of the folder, from /.
        var names: [String] = []
        // Users can make entries in a folder on the way.
        var isShared = false
        var links = 0
        try check(folder.status(), "the folder /")
        while let name = pending.popLast() {
            let entry = try folder.entry(name, .place)
            let status = try entry.status()
            switch status.st_mode & S_IFMT {
            case S_IFLNK:
                links += 1
                guard links <= Self.maximumLinks else { throw .errno(ELOOP) }
                let isRoots = !isShared && UnmappedOwner.isRoots(linkIn: "/" + names.joined(separator: "/"))
                try check(status, "the link \(Bytes(name.utf8).printable())", isWay: isRoots)
                let target = try entry.linkTarget()
                if Self.isPipe(target) { throw FileConfigurationSource.isNoFile }
                if target.hasPrefix("/") {
                    folder = try ConfigurationDescriptor(path: "/", .place)
                    names = []
                }
                pending += Self.components(target)
            case S_IFDIR where !pending.isEmpty:
                try check(status, "the folder \(Bytes(name.utf8).printable())")
                folder = entry
                isShared = isShared || status.st_mode & (S_IWGRP | S_IWOTH) != 0
                if name == ".." { _ = names.popLast() } else { names.append(name) }
            default:
                guard pending.isEmpty else { throw .errno(ENOTDIR) }
                let isRoots = !isShared && UnmappedOwner.isRoots(fileIn: "/" + names.joined(separator: "/"))
                return try openFile(name, in: folder, isRoots: isRoots, status)
            }
        }
        throw .errno(EISDIR)
    }

    /// What a shell's `<(COMMAND)` leads to: proc(5), `/proc/pid/fd`.
    private static func isPipe(_ target: String) -> Bool { target.hasPrefix("pipe:[") && target.hasSuffix("]") }

    /// The last component is first. Not by split(separator:), which makes types at every start: docs/design/0009.
    private static func components(_ path: String) -> [String] {
        var components: [String] = []
        var rest = path.utf8[...]
        while !rest.isEmpty {
            let component = rest.prefix { $0 != .slash }
            rest = rest[component.endIndex...].dropFirst()
            if !component.isEmpty && !component.elementsEqual(".".utf8) {
                components.append(String(Substring(component)))
            }
        }
        return components.reversed()
    }

    /// Looked at before it is opened, since opening a device may have an effect; what counts is the opened file.
    private func openFile(
        _ name: String, in folder: borrowing ConfigurationDescriptor, isRoots: Bool, _ seen: stat
    ) throws(ConfigurationReadError) -> ConfigurationDescriptor {
        try FileConfigurationSource.checkIsRegular(seen)
        let file = try folder.entry(name, .contents)
        let status = try file.status()
        try FileConfigurationSource.checkIsRegular(status)
        try check(status, "the file", isWay: isRoots)
        return file
    }

    /// A link's mode means nothing; a sticky folder lets others make files, but not touch those of its owners.
    /// - Parameter isWay: it may belong to an owner who has no id here: what leads to the file, or a file of root's.
    private func check(
        _ status: stat, _ shown: @autoclosure () -> String, isWay: Bool = true
    ) throws(ConfigurationReadError) {
        if !owners.contains(status.st_uid) { try checkStranger(status.st_uid, shown(), isWay) }
        let type = status.st_mode & S_IFMT
        let isSafe = type == S_IFLNK || type == S_IFDIR && status.st_mode & S_ISVTX != 0
        guard isSafe || status.st_mode & (S_IWGRP | S_IWOTH) == 0 else {
            throw ConfigurationReadError(
                "refused: others can write \(shown()), and so change what root runs", hint: "chmod go-w")
        }
    }

    private func checkStranger(_ owner: UInt32, _ shown: String, _ isWay: Bool) throws(ConfigurationReadError) {
        guard try Self.isOutside(owner) else {
            throw ConfigurationReadError(
                "refused: \(shown) belongs to user \(owner), who could change what root runs", hint: "chown root")
        }
        if isWay { return }
        throw ConfigurationReadError(
            "refused: \(shown) belongs to a user outside of this user namespace, who could change what root runs",
            hint: "name a copy of your own, or use - and pass its text on standard input")
    }

    /// Nobody else pays for the look.
    private static func isOutside(_ owner: UInt32) throws(ConfigurationReadError) -> Bool {
        guard owner == UnmappedOwner.shownAs else { return false }
        let map = try ConfigurationDescriptor(path: "/proc/self/uid_map", .contents).read(limit: 1 << 16)
        let slash = try ConfigurationDescriptor(path: "/", .place).status().st_uid
        return UnmappedOwner.isOutside(IDMapping.read(String(decoding: map, as: UTF8.self)), slash: slash)
    }
}
