/// The eBPF program that decides, for a cgroup, which devices may be opened or made: the nodes of the jail's `/dev`,
/// and nothing else. It repeats what `/dev` says, for a jail that gets CAP_MKNOD, or a file system with device nodes in
/// it.
///
/// bpf(2), BPF_PROG_TYPE_CGROUP_DEVICE. The kernel calls the program with a pointer to `struct bpf_cgroup_dev_ctx` in
/// r1, and lets the access through when it returns 1.
package enum DeviceProgram {
    /// The program's own licence, in a form that the kernel knows. The program calls no helper, so none is required; it
    /// is made from the user's configuration, and contains no kernel code.
    package static let license = "Dual MIT/GPL"

    /// The name that `bpftool prog` shows; at most 15 bytes.
    package static let name = "jailrun_devices"

    /// Instructions, eight bytes each, in the byte order of this machine: `struct bpf_insn`.
    ///
    /// With `hasTerminals` the jail has a devpts of its own: its `ptmx` (5:2) and every terminal of it (136:*).
    ///
    /// One comparison a device: the kernel's verifier walks every path through the program, at each start of a jail.
    package static func instructions(allowing nodes: [DeviceNode], hasTerminals: Bool) -> [UInt8] {
        var characters = nodes.filter { $0.kind == .character }.map { Condition.device(number($0.major, $0.minor)) }
        if hasTerminals { characters += [.device(number(5, 2)), .major(136)] }
        func blocks(isReadOnly: Bool) -> [Condition] {
            nodes.filter { $0.kind == .block && $0.isReadOnly == isReadOnly }.map {
                .device(number($0.major, $0.minor))
            }
        }
        let readOnly = blocks(isReadOnly: true)
        let rules =
            section(.character, characters) + section(.block, blocks(isReadOnly: false))
            + section(.block, readOnly.isEmpty ? [] : [.access, .writing] + readOnly)
        let program = load + [.move(.r0, 1)] + jumps(rules) + [.move(.r0, 0), .exit]
        return program.flatMap(\.bytes)
    }

    /// The last rule that speaks of an access decides; one of which none speaks is refused.
    package static func instructions(_ rules: [DeviceRule]) -> [UInt8] {
        let load: [Instruction] = [
            .load(.r2, at: 0),  // access_type: what is done in the upper half, the kind of device in the lower
            .move(.r3, from: .r2),
            .and(.r3, 0xffff),
            .shiftRight(.r2, by: 16),
            .load(.r4, at: 4),  // major
            .load(.r5, at: 8),  // minor
        ]
        // The kernel takes no program with instructions that are never reached: a rule about all devices is the last.
        let whole = rules.lastIndex(where: \.isAboutAll)
        let relevant = whole.map { rules[$0...] } ?? rules[...]
        let program = load + relevant.reversed().flatMap(decide) + (whole == nil ? [.move(.r0, 0), .exit] : [])
        return program.flatMap(\.bytes)
    }

    /// Goes on behind it when the rule is about something else.
    private static func decide(_ rule: DeviceRule) -> [Instruction] {
        var tests: [(Int) -> Instruction] = []
        if let kind = rule.kind { tests.append { .jump(ifNotEqual: .r3, kind.bpfType, by: $0) } }
        if rule.access != .all {
            let others = DeviceRule.Access.all.subtracting(rule.access).rawValue
            tests.append { .jump(ifAny: .r2, others, by: $0) }
        }
        if let major = rule.major { tests.append { .jump(ifNotEqual: .r4, major, by: $0) } }
        if let minor = rule.minor { tests.append { .jump(ifNotEqual: .r5, minor, by: $0) } }
        let count = tests.count + 2
        return tests.enumerated().map { $1(count - $0 - 1) } + [.move(.r0, rule.isAllowed ? 1 : 0), .exit]
    }

    /// A device's number as the kernel has it, MKDEV of linux/kdev_t.h: twelve bits and twenty.
    private static func number(_ major: UInt32, _ minor: UInt32) -> UInt32 { major << 20 | minor }

    private static var load: [Instruction] {
        [
            .load(.r3, at: 0),  // access_type: what is done in the upper half, the kind of device in the lower
            .and(.r3, 0xffff),
            .load(.r4, at: 4),  // major
            .load(.r5, at: 8),  // minor
            .move(.r2, from: .r4),
            .shiftLeft(.r2, by: 20),
            .or(.r2, .r5),
        ]
    }

    /// What a rule compares.
    private enum Condition {
        /// Goes on `count` rules further when the device is of another kind.
        case kind(DeviceNode.Kind, skipping: Int)
        case device(UInt32)
        case major(UInt32)
        /// Reads what is done with the device.
        case access
        /// Says no to writing.
        case writing
    }

    /// BPF_DEVCG_ACC_WRITE, in the upper half of access_type.
    private static let write: UInt32 = 4 << 16

    private static func section(_ kind: DeviceNode.Kind, _ devices: [Condition]) -> [Condition] {
        devices.isEmpty ? [] : [.kind(kind, skipping: devices.count)] + devices
    }

    /// A device that is allowed jumps to the end, past the instruction that says no.
    private static func jumps(_ rules: [Condition]) -> [Instruction] {
        rules.enumerated().map { index, rule in
            let end = rules.count - index
            return switch rule {
            case .kind(let kind, let count): .jump(ifNotEqual: .r3, kind.bpfType, by: count)
            case .device(let number): .jump(ifEqual: .r2, number, by: end)
            case .major(let major): .jump(ifEqual: .r4, major, by: end)
            case .access: .load(.r5, at: 0)
            case .writing: .jump(ifAny: .r5, write, by: end - 1)
            }
        }
    }
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

    /// BPF_ALU | BPF_MOV | BPF_X.
    static func move(_ register: Register, from source: Register) -> Instruction {
        Instruction(operation: 0xbc, destination: register, source: source)
    }

    /// BPF_ALU | BPF_LSH | BPF_K.
    static func shiftLeft(_ register: Register, by count: UInt32) -> Instruction {
        Instruction(operation: 0x64, destination: register, constant: count)
    }

    /// BPF_ALU | BPF_RSH | BPF_K.
    static func shiftRight(_ register: Register, by count: UInt32) -> Instruction {
        Instruction(operation: 0x74, destination: register, constant: count)
    }

    /// BPF_ALU | BPF_OR | BPF_X.
    static func or(_ register: Register, _ source: Register) -> Instruction {
        Instruction(operation: 0x4c, destination: register, source: source)
    }

    /// BPF_JMP32 | BPF_JEQ | BPF_K: over the next `count` instructions.
    static func jump(ifEqual register: Register, _ value: UInt32, by count: Int) -> Instruction {
        Instruction(operation: 0x16, destination: register, offset: Int16(count), constant: value)
    }

    /// BPF_JMP32 | BPF_JNE | BPF_K: over the next `count` instructions.
    static func jump(ifNotEqual register: Register, _ value: UInt32, by count: Int) -> Instruction {
        Instruction(operation: 0x56, destination: register, offset: Int16(count), constant: value)
    }

    /// BPF_JMP32 | BPF_JSET | BPF_K: over the next `count` instructions when one of the bits is set.
    static func jump(ifAny register: Register, _ bits: UInt32, by count: Int) -> Instruction {
        Instruction(operation: 0x46, destination: register, offset: Int16(count), constant: bits)
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
package struct BPFAttributes: Equatable, Sendable {
    /// A place in `bytes` to be filled before the call.
    package enum Field: Equatable, Sendable {
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
    package var command: UInt32
    /// The second; the third is their count.
    package var bytes: [UInt8]
    package var fields: [Field]

    /// BPF_PROG_LOAD of a device program of `instructionCount` instructions.
    package static func load(instructionCount: Int) -> BPFAttributes {
        let programType: UInt32 = 15  // BPF_PROG_TYPE_CGROUP_DEVICE
        var bytes = nativeBytes(programType) + nativeBytes(UInt32(instructionCount))
        bytes += [UInt8](repeating: 0, count: 48 - bytes.count)
        let name = Array(DeviceProgram.name.utf8.prefix(15))
        bytes += name + [UInt8](repeating: 0, count: 16 - name.count)
        return BPFAttributes(command: 5, bytes: bytes, fields: [.instructions(offset: 8), .license(offset: 16)])
    }

    /// BPF_PROG_ATTACH to a cgroup, for BPF_CGROUP_DEVICE. BPF_F_ALLOW_MULTI: programs of groups above still have their
    /// say, and groups below can only narrow.
    package static func attach() -> BPFAttributes {
        let attachType: UInt32 = 6  // BPF_CGROUP_DEVICE
        let allowMulti: UInt32 = 2  // BPF_F_ALLOW_MULTI
        let bytes = [UInt8](repeating: 0, count: 8) + nativeBytes(attachType) + nativeBytes(allowMulti)
        return BPFAttributes(command: 8, bytes: bytes, fields: [.cgroup(offset: 0), .program(offset: 4)])
    }
}
