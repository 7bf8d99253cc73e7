internal import CNamespaces

/// Files, directories and descriptors.
extension SystemCall {
    static func openDirectory(_ path: String, flags: OpenFlags = [.path, .directory, .closeOnExec], into slot: Slot)
        -> Self
    {
        Self("openat", cns_number_openat, [.currentDirectory, .text(path), flags.argument, .integer(0)], into: slot)
    }

    static func open(_ path: String, _ flags: OpenFlags, into slot: Slot) -> Self {
        Self("openat", cns_number_openat, [.currentDirectory, .text(path), flags.argument, .integer(0)], into: slot)
    }

    static func open(_ path: String, at directory: Slot, _ flags: OpenFlags, into slot: Slot) -> Self {
        Self(
            "openat", cns_number_openat, [.descriptor(directory), .text(path), flags.argument, .integer(0)], into: slot)
    }

    /// A place of the host, openat2(2). Its path has no symbolic link: one that is there by now was put there since it was looked
    /// at, and ends the start.
    static func openPlace(
        _ path: String, flags: OpenFlags = [.path, .directory, .closeOnExec], into slot: Slot
    ) -> Self {
        let resolve: ResolveFlags = [.noMagicLinks, .noSymlinks]
        let how = Structure.words([flags.rawValue, 0, resolve.rawValue], spelling: .openHow)
        return Self(
            "openat2", cns_number_openat2, [.currentDirectory, .text(path), .structure(how), .integer(24)], into: slot)
    }

    /// Opens the child's directory in the host's procfs.
    static func openChildDirectory(into slot: Slot) -> Self {
        let flags: OpenFlags = [.path, .directory, .closeOnExec]
        return Self(
            "openat", cns_number_openat, [.currentDirectory, .childDirectory, flags.argument, .integer(0)], into: slot)
    }

    /// openat2(2): nothing outside `root` can be reached, whatever links its author placed there.
    static func openInRoot(
        _ path: String, root: Slot, _ flags: OpenFlags = [.path, .closeOnExec], resolve: ResolveFlags, into slot: Slot
    ) -> Self {
        let how = Structure.words([flags.rawValue, 0, resolve.rawValue], spelling: .openHow)
        return Self(
            "openat2", cns_number_openat2,
            [.descriptor(root), .text(path), .structure(how), .integer(24)], into: slot)
    }

    static func close(_ slot: Slot) -> Self { Self("close", cns_number_close, [.descriptor(slot)]) }

    static func write(_ text: String, to slot: Slot) -> Self {
        Self("write", cns_number_write, [.descriptor(slot), .text(text), .integer(text.utf8.count)])
    }

    /// Bytes that need not be text.
    static func write(_ bytes: [UInt8], to slot: Slot) -> Self {
        let structure = Structure(
            bytes: bytes, spelling: .text(quoted(String(decoding: bytes, as: UTF8.self))))
        return Self("write", cns_number_write, [.descriptor(slot), .structure(structure), .integer(bytes.count)])
    }

    static func makeDirectory(_ name: String, at directory: Slot, mode: UInt32, allowing error: Int32 = 0) -> Self {
        Self(
            "mkdirat", cns_number_mkdirat, [.descriptor(directory), .text(name), .octal(mode)], allowing: error)
    }

    /// One that exists is as good: another program may make it at the same moment.
    static func ensureDirectory(_ path: String, mode: UInt32) -> Self {
        Self(
            "mkdirat", cns_number_mkdirat, [.currentDirectory, .text(path), .octal(mode)],
            allowing: cns_error_exists)
    }

    static func makeNode(
        _ name: String, at directory: Slot, type: NodeType, mode: UInt32, major: UInt32, minor: UInt32,
        allowing error: Int32 = 0
    ) -> Self {
        let device = UInt64(minor & 0xff) | UInt64(major) << 8 | UInt64(minor & ~0xff) << 12
        return Self(
            "mknodat", cns_number_mknodat,
            [
                .descriptor(directory), .text(name),
                .integer(Int64(type.rawValue | mode), spelled: .nodeMode),
                .integer(Int64(device), spelled: .device),
            ], allowing: error)
    }

    enum NodeType: UInt32 {
        case regular = 0o100000
        case character = 0o020000
        case block = 0o060000

        var spelling: String {
            switch self {
            case .regular: "S_IFREG"
            case .character: "S_IFCHR"
            case .block: "S_IFBLK"
            }
        }
    }

    /// No error when it is not there.
    static func remove(_ name: String, at directory: Slot) -> Self {
        Self(
            "unlinkat", cns_number_unlinkat, [.descriptor(directory), .text(name), .integer(0)],
            allowing: cns_error_missing)
    }

    static func rename(_ name: String, to other: String, at directory: Slot) -> Self {
        Self(
            "renameat2", cns_number_renameat2,
            [.descriptor(directory), .text(name), .descriptor(directory), .text(other), .integer(0)])
    }

    static func changeOwner(_ name: String, at directory: Slot, uid: UInt32, gid: UInt32) -> Self {
        let flags: AtFlags = name.isEmpty ? .emptyPath : .symlinkNoFollow
        return Self(
            "fchownat", cns_number_fchownat,
            [.descriptor(directory), .text(name), .integer(Int(uid)), .integer(Int(gid)), flags.argument])
    }

    /// fchmodat(2).
    static func changeMode(of name: String, at directory: Slot, to mode: UInt32) -> Self {
        Self("fchmodat", cns_number_fchmodat, [.descriptor(directory), .text(name), .octal(mode)])
    }

    static func changeMode(of descriptor: Int, to mode: UInt32) -> Self {
        Self("fchmod", cns_number_fchmod, [.integer(descriptor), .octal(mode)])
    }

    static func makeSymlink(_ name: String, to target: String, at directory: Slot) -> Self {
        Self("symlinkat", cns_number_symlinkat, [.text(target), .descriptor(directory), .text(name)])
    }

    static func setAttribute(_ name: String, to value: String, on slot: Slot) -> Self {
        Self(
            "fsetxattr", cns_number_fsetxattr,
            [.descriptor(slot), .text(name), .text(value), .integer(value.utf8.count), .integer(0)])
    }

    static func setAttribute(_ name: String, to value: String, ofPath path: String) -> Self {
        Self(
            "setxattr", cns_number_setxattr,
            [.text(path), .text(name), .text(value), .integer(value.utf8.count), .integer(0)])
    }

    /// Puts the slot's descriptor at a fixed number, not close-on-exec.
    static func duplicate(_ slot: Slot, to number: Int) -> Self {
        Self("dup3", cns_number_dup3, [.descriptor(slot), .integer(number), .integer(0)])
    }

    /// close_range(2): what the caller left open must not reach the jail.
    static func closeRange(from first: Int, onExec: Bool) -> Self {
        Self(
            "close_range", cns_number_close_range,
            [
                .integer(first), .integer(Int(UInt32.max)),
                onExec ? .integer(4, spelled: "CLOSE_RANGE_CLOEXEC") : .integer(0),
            ])
    }

    /// What the one folder has, into the other one, which may keep its own owner, mode and times.
    static func copyTree(from source: Slot, to target: Slot, keepsTop: Bool) -> Self {
        Self(
            "copy_tree", CNS_COPY_TREE.rawValue, [.descriptor(source), .descriptor(target), .integer(keepsTop ? 1 : 0)])
    }

    static func changeDirectory(_ path: String) -> Self { Self("chdir", cns_number_chdir, [.text(path)]) }
    static func changeDirectory(to slot: Slot) -> Self { Self("fchdir", cns_number_fchdir, [.descriptor(slot)]) }
}
