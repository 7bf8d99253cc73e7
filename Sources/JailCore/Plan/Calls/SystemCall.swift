/// A place for the result of a system call, usually a descriptor, that later calls use. Its name says what it is.
package struct Slot: Hashable, Sendable, CustomStringConvertible {
    package let name: String
    package init(_ name: String) { self.name = name }
    package var description: String { name }
}

/// What a system call is given. Each argument knows its bytes and its spelling.
package enum CallArgument: Equatable, Sendable {
    /// A number, and how strace(1) spells it.
    case integer(Int64, spelled: Notation)
    /// The descriptor that an earlier call put into the slot.
    case descriptor(Slot)
    /// A NUL-terminated string.
    case text(String)
    /// Strings and a NULL: argv, envp.
    case vector([String])
    /// The same, not shown: the caller's environment may hold what nobody else should read.
    case environment([String])
    case structure(Structure)
    /// `/proc/PID` of the child, known once it exists.
    case childDirectory
    case null

    static func integer(_ value: Int) -> CallArgument { .integer(Int64(value), spelled: .decimal) }
    static func octal(_ value: UInt32) -> CallArgument { .integer(Int64(value), spelled: .octal) }
    static let currentDirectory = CallArgument.integer(-100, spelled: "AT_FDCWD")
}

/// How strace(1) spells a number or a structure. A start spells none of its hundreds: what their words can be found in is named
/// here.
package enum Notation: Equatable, Sendable, ExpressibleByStringInterpolation {
    case text(String)
    case decimal
    case octal
    case openFlags
    case resolveFlags
    case mountAttributes
    case atFlags
    case namespaceFlags
    /// umask(2): three octal digits at least.
    case mask
    /// `mode` of mknod(2), which says the type, too.
    case nodeMode
    /// `dev` of mknod(2).
    case device
    /// `struct open_how`: openat2(2).
    case openHow
    /// `struct mount_attr`: mount_setattr(2), its `userns_fd` that of the slot.
    case mountAttr(Slot?)

    package init(stringLiteral text: String) { self = .text(text) }

    /// - Parameter word: the number, or the structure's 64-bit words.
    func text(of word: (Int) -> UInt64) -> String {
        switch self {
        case .text(let text): text
        case .decimal: String(Int64(bitPattern: word(0)))
        case .octal: word(0) == 0 ? "0" : "0" + String(word(0), radix: 8)
        case .openFlags: OpenFlags(rawValue: word(0)).description
        case .resolveFlags: ResolveFlags(rawValue: word(0)).description
        case .mountAttributes: MountAttributes(rawValue: word(0)).description
        case .atFlags: AtFlags(rawValue: word(0)).description
        case .namespaceFlags: NamespaceFlags(rawValue: word(0)).description
        case .mask:
            String(repeating: "0", count: max(1, 3 - String(word(0), radix: 8).utf8.count))
                + String(word(0), radix: 8)
        case .nodeMode:
            "\(SystemCall.NodeType(rawValue: UInt32(word(0) & 0o170000))?.spelling ?? "0")"
                + "|0\(String(word(0) & 0o7777, radix: 8))"
        case .device:
            "makedev(0x\(String(word(0) >> 8 & 0xfff, radix: 16)), "
                + "0x\(String(word(0) & 0xff | word(0) >> 12 & 0xffff_ff00, radix: 16)))"
        case .openHow:
            "{flags=\(OpenFlags(rawValue: word(0))), resolve=\(ResolveFlags(rawValue: word(2)))}"
        case .mountAttr(let namespace):
            "{attr_set=\(MountAttributes(rawValue: word(0))), attr_clr=\(MountAttributes(rawValue: word(1))), "
                + "propagation=\(Mount.Propagation(rawValue: word(2))?.spelling ?? "0"), userns_fd=\(namespace?.name ?? "0")}"
        }
    }
}

/// A structure in memory: its bytes, the places in it that become addresses or descriptors, and its spelling.
package struct Structure: Equatable, Sendable {
    package enum Patch: Equatable, Sendable {
        /// The 64-bit word at `offset` becomes the address of `bytes`.
        case pointer(offset: Int, bytes: [UInt8])
        /// The `size` bytes at `offset` become the slot's value.
        case slot(offset: Int, size: Int, Slot)
    }

    package var bytes: [UInt8]
    package var patches: [Patch]
    package var spelling: Notation

    package init(bytes: [UInt8], patches: [Patch] = [], spelling: Notation) {
        self.bytes = bytes
        self.patches = patches
        self.spelling = spelling
    }

    /// Little-endian words, as both supported machines have them.
    static func words(_ values: [UInt64], patches: [Patch] = [], spelling: Notation) -> Structure {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(8 * values.count)
        for value in values { for byte in 0..<8 { bytes.append(UInt8(truncatingIfNeeded: value >> (byte * 8))) } }
        return Structure(bytes: bytes, patches: patches, spelling: spelling)
    }

    func word(_ index: Int) -> UInt64 {
        bytes[index * 8..<index * 8 + 8].reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] {
        (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}

/// One system call as data: what the interpreter performs, and what the dry run prints.
package struct SystemCall: Equatable, Sendable {
    package var name: String
    /// The number in this machine's native ABI, or one of `enum cns_operation`.
    package var number: Int32
    package var arguments: [CallArgument]
    package var result: Slot?
    /// An errno that counts as success.
    package var allowedError: Int32

    init(
        _ name: String, _ number: Int32, _ arguments: [CallArgument], into result: Slot? = nil,
        allowing error: Int32 = 0
    ) {
        self.name = name
        self.number = number
        self.arguments = arguments
        self.result = result
        self.allowedError = error
    }
}
