/// The eBPF program that decides, for a cgroup, which devices may be opened or made: the nodes of the jail's `/dev`,
/// and nothing else. It says again what `/dev` says, for the jail that is given CAP_MKNOD, or a file system with device
/// nodes in it.
///
/// bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE. The kernel calls the program with a pointer to `struct bpf_cgroup_dev_ctx` in
/// r1, and lets the access through when it returns 1.
public enum DeviceProgram {
    /// The program's own licence, in a form that the kernel knows. The program calls no helper, so none is asked for;
    /// it is made from the user's configuration, and no code of the kernel's is in it.
    public static let license = "Dual MIT/GPL"

    /// The name that `bpftool prog` shows; at most 15 bytes.
    public static let name = "jailrun_devices"

    /// Instructions, eight bytes each, in the byte order of this machine: `struct bpf_insn`.
    ///
    /// With `hasTerminals` the jail has a devpts of its own: its `ptmx` (5:2) and every terminal of it (136:*).
    public static func instructions(allowing nodes: [DeviceNode], hasTerminals: Bool) -> [UInt8] {
        var program: [Instruction] = [
            .load(.r3, at: 0),  // access_type: what is done in the upper half, the kind of device in the lower
            .and(.r3, 0xffff),
            .load(.r4, at: 4),  // major
            .load(.r5, at: 8),  // minor
        ]
        if nodes.contains(where: \.isReadOnly) { program.append(.load(.r2, at: 0)) }
        for node in nodes {
            program += allow(node.kind, major: node.major, minor: node.minor, isReadOnly: node.isReadOnly)
        }
        if hasTerminals {
            program += allow(.character, major: 5, minor: 2)
            program += allow(.character, major: 136, minor: nil)
        }
        return (program + [.move(.r0, 0), .exit]).flatMap(\.bytes)
    }

    /// Returns 1 when all of it matches, else goes on behind itself.
    private static func allow(
        _ kind: DeviceNode.Kind, major: UInt32, minor: UInt32?, isReadOnly: Bool = false
    ) -> [Instruction] {
        var conditions: [(Register, UInt32)] = [(.r3, kind.bpfType), (.r4, major)]
        if let minor { conditions.append((.r5, minor)) }
        let verdict: [Instruction] =
            (isReadOnly ? [.skipIfAny(.r2, write, by: 2)] : []) + [.move(.r0, 1), .exit]
        let jumps = conditions.enumerated().map { index, condition in
            let rest = conditions.count - index - 1 + verdict.count
            return Instruction.skipUnlessEqual(condition.0, condition.1, by: Int16(rest))
        }
        return jumps + verdict
    }

    /// BPF_DEVCG_ACC_WRITE, in the upper half of access_type.
    private static let write: UInt32 = 4 << 16
}

extension DeviceNode.Kind {
    /// BPF_DEVCG_DEV_BLOCK, BPF_DEVCG_DEV_CHAR.
    fileprivate var bpfType: UInt32 { self == .block ? 1 : 2 }
}

private enum Register: UInt8 {
    case r0 = 0
    case r1 = 1
    case r2 = 2
    case r3 = 3
    case r4 = 4
    case r5 = 5
}

/// One `struct bpf_insn`: an operation, two registers, an offset, a constant.
private struct Instruction {
    var operation: UInt8
    var destination: Register
    var source: Register = .r0
    var offset: Int16 = 0
    var constant: UInt32 = 0

    /// BPF_LDX | BPF_MEM | BPF_W from the context.
    static func load(_ register: Register, at offset: Int16) -> Instruction {
        Instruction(operation: 0x61, destination: register, source: .r1, offset: offset)
    }

    /// BPF_ALU64 | BPF_AND | BPF_K.
    static func and(_ register: Register, _ mask: UInt32) -> Instruction {
        Instruction(operation: 0x57, destination: register, constant: mask)
    }

    /// BPF_ALU64 | BPF_MOV | BPF_K.
    static func move(_ register: Register, _ value: UInt32) -> Instruction {
        Instruction(operation: 0xb7, destination: register, constant: value)
    }

    /// BPF_JMP32 | BPF_JNE | BPF_K: over the next `count` instructions.
    static func skipUnlessEqual(_ register: Register, _ value: UInt32, by count: Int16) -> Instruction {
        Instruction(operation: 0x56, destination: register, offset: count, constant: value)
    }

    /// BPF_JMP32 | BPF_JSET | BPF_K: over the next `count` instructions when one of the bits is set.
    static func skipIfAny(_ register: Register, _ bits: UInt32, by count: Int16) -> Instruction {
        Instruction(operation: 0x46, destination: register, offset: count, constant: bits)
    }

    /// BPF_JMP | BPF_EXIT.
    static let exit = Instruction(operation: 0x95, destination: .r0)

    var bytes: [UInt8] {
        // Bit fields of a byte start at the low end on little-endian machines, at the high end on others.
        let isLittleEndian = UInt16(1).littleEndian == 1
        let (low, high) = isLittleEndian ? (destination, source) : (source, destination)
        let registers = low.rawValue | high.rawValue << 4
        return [operation, registers] + nativeBytes(UInt16(bitPattern: offset)) + nativeBytes(constant)
    }
}

/// The bytes of a number as they stand in this machine's memory.
private func nativeBytes<Number: FixedWidthInteger & UnsignedInteger>(_ number: Number) -> [UInt8] {
    let isLittleEndian = UInt16(1).littleEndian == 1
    let ascending = (0..<Number.bitWidth / 8).map { UInt8(truncatingIfNeeded: number >> Number(8 * $0)) }
    return isLittleEndian ? ascending : ascending.reversed()
}

/// `union bpf_attr` for one command of bpf(2), and where in it stands what is only known when the call is made.
public struct BPFAttributes: Equatable, Sendable {
    /// A place in `bytes` to be filled before the call.
    public enum Field: Equatable, Sendable {
        /// Eight bytes: the address of the instructions.
        case instructions(offset: Int)
        /// Eight bytes: the address of the licence, a C string.
        case license(offset: Int)
        /// Four bytes: a descriptor of the cgroup's directory.
        case cgroup(offset: Int)
        /// Four bytes: the descriptor that BPF_PROG_LOAD returned.
        case program(offset: Int)
    }

    /// The first argument of bpf(2).
    public var command: UInt32
    /// The second; the third is their count.
    public var bytes: [UInt8]
    public var fields: [Field]

    /// BPF_PROG_LOAD of a device program of `instructionCount` instructions.
    public static func load(instructionCount: Int) -> BPFAttributes {
        let programType: UInt32 = 15  // BPF_PROG_TYPE_CGROUP_DEVICE
        var bytes = nativeBytes(programType) + nativeBytes(UInt32(instructionCount))
        bytes += [UInt8](repeating: 0, count: 48 - bytes.count)
        let name = Array(DeviceProgram.name.utf8.prefix(15))
        bytes += name + [UInt8](repeating: 0, count: 16 - name.count)
        return BPFAttributes(command: 5, bytes: bytes, fields: [.instructions(offset: 8), .license(offset: 16)])
    }

    /// BPF_PROG_ATTACH to a cgroup, for BPF_CGROUP_DEVICE. BPF_F_ALLOW_MULTI: programs of groups above still have their
    /// say, and groups below can only narrow.
    public static func attach() -> BPFAttributes {
        let attachType: UInt32 = 6  // BPF_CGROUP_DEVICE
        let allowMulti: UInt32 = 2  // BPF_F_ALLOW_MULTI
        let bytes = [UInt8](repeating: 0, count: 8) + nativeBytes(attachType) + nativeBytes(allowMulti)
        return BPFAttributes(command: 8, bytes: bytes, fields: [.cgroup(offset: 0), .program(offset: 4)])
    }
}
