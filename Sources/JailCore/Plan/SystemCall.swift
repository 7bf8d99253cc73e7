/// A place for the result of a system call, usually a descriptor, that later calls use. Its name says what it is.
public struct Slot: Hashable, Sendable, CustomStringConvertible {
    public let name: String
    public init(_ name: String) { self.name = name }
    public var description: String { name }
}

/// What a system call is given. Each argument knows its bytes and its spelling.
public enum CallArgument: Equatable, Sendable {
    /// A number, and how strace(1) spells it.
    case integer(Int64, spelled: String)
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

    static func integer(_ value: Int) -> CallArgument { .integer(Int64(value), spelled: String(value)) }
    static func octal(_ value: UInt32) -> CallArgument {
        .integer(Int64(value), spelled: value == 0 ? "0" : "0" + String(value, radix: 8))
    }
    static let currentDirectory = CallArgument.integer(-100, spelled: "AT_FDCWD")
}

/// A structure in memory: its bytes, the places in it that become addresses or descriptors, and its spelling.
public struct Structure: Equatable, Sendable {
    public enum Patch: Equatable, Sendable {
        /// The 64-bit word at `offset` becomes the address of `bytes`.
        case pointer(offset: Int, bytes: [UInt8])
        /// The `size` bytes at `offset` become the slot's value.
        case slot(offset: Int, size: Int, Slot)
    }

    public var bytes: [UInt8]
    public var patches: [Patch]
    public var spelling: String

    public init(bytes: [UInt8], patches: [Patch] = [], spelling: String) {
        self.bytes = bytes
        self.patches = patches
        self.spelling = spelling
    }

    /// Little-endian words, as both supported machines have them.
    static func words(_ values: [UInt64], patches: [Patch] = [], spelling: String) -> Structure {
        Structure(bytes: values.flatMap { $0.littleEndianBytes }, patches: patches, spelling: spelling)
    }
}

extension FixedWidthInteger {
    var littleEndianBytes: [UInt8] {
        (0..<(Self.bitWidth / 8)).map { UInt8(truncatingIfNeeded: self >> ($0 * 8)) }
    }
}

/// One system call as data: what the interpreter performs, and what the dry run prints.
public struct SystemCall: Equatable, Sendable {
    public var name: String
    /// The number in this machine's native ABI, or one of `enum cns_operation`.
    public var number: Int32
    public var arguments: [CallArgument]
    public var result: Slot?
    /// An errno that counts as success.
    public var allowedError: Int32

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
