import Testing

@testable import JailCore

@Suite("The cgroup's device program")
struct DeviceProgramTests {
    static let null = DeviceNode(path: "null", kind: .character, major: 1, minor: 3, mode: 0o666)
    static let disk = DeviceNode(path: "vda", kind: .block, major: 254, minor: 0, mode: 0o660)

    @Test("one node's program has these bytes")
    func annotatedBytes() {
        let program = DeviceProgram.instructions(allowing: [Self.null], hasTerminals: false)
        let expected: [UInt8] = [
            0x61, 0x13, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // r3 = *(u32 *)(r1 + 0)
            0x57, 0x03, 0x00, 0x00, 0xff, 0xff, 0x00, 0x00,  // r3 &= 0xffff
            0x61, 0x14, 0x04, 0x00, 0x00, 0x00, 0x00, 0x00,  // r4 = *(u32 *)(r1 + 4)
            0x61, 0x15, 0x08, 0x00, 0x00, 0x00, 0x00, 0x00,  // r5 = *(u32 *)(r1 + 8)
            0xbc, 0x42, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // w2 = w4
            0x64, 0x02, 0x00, 0x00, 0x14, 0x00, 0x00, 0x00,  // w2 <<= 20
            0x4c, 0x52, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // w2 |= w5
            0xb7, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00,  // r0 = 1
            0x56, 0x03, 0x01, 0x00, 0x02, 0x00, 0x00, 0x00,  // if w3 != 2 (character) goto +1
            0x16, 0x02, 0x01, 0x00, 0x03, 0x00, 0x10, 0x00,  // if w2 == 1:3 goto +1
            0xb7, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // r0 = 0
            0x95, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,  // exit
        ]
        #expect(program == expected)
    }

    @Test("what is listed may be read, written and made; its neighbours may not")
    func listedOnly() throws {
        let program = DeviceProgram.instructions(allowing: [Self.null, Self.disk], hasTerminals: false)
        let listed: Set<[UInt32]> = [[2, 1, 3], [1, 254, 0]]
        for access in UInt32(1)...7 {
            for kind in UInt32(1)...2 {
                for major in [UInt32(0), 1, 2, 5, 136, 253, 254, 255, 0xfff] {
                    for minor in [UInt32(0), 1, 2, 3, 4, 0xfffff] {
                        let isAllowed = try run(program, [access << 16 | kind, major, minor])
                        #expect(isAllowed == listed.contains([kind, major, minor]), "\(kind) \(major):\(minor)")
                    }
                }
            }
        }
    }

    @Test("a node for reading may be read and made, and not be written")
    func readOnly() throws {
        var disk = Self.disk
        disk.isReadOnly = true
        let program = DeviceProgram.instructions(allowing: [Self.null, disk], hasTerminals: false)
        for access in UInt32(1)...7 {
            #expect(try run(program, [access << 16 | 1, 254, 0]) == (access & 4 == 0))
            #expect(try run(program, [access << 16 | 2, 1, 3]))
        }
    }

    @Test("terminals come with a devpts, every one of them, and no block device of the same number")
    func terminals() throws {
        let with = DeviceProgram.instructions(allowing: [], hasTerminals: true)
        let without = DeviceProgram.instructions(allowing: [], hasTerminals: false)
        for minor in [UInt32(0), 1, 255, 1_048_575] {
            #expect(try run(with, [6 << 16 | 2, 136, minor]))
            #expect(try !run(with, [6 << 16 | 1, 136, minor]))
            #expect(try !run(without, [6 << 16 | 2, 136, minor]))
        }
        #expect(try run(with, [6 << 16 | 2, 5, 2]))
        #expect(try !run(with, [6 << 16 | 2, 5, 1]))
        #expect(try !run(with, [6 << 16 | 2, 137, 0]))
    }

    @Test("BPF_PROG_LOAD and BPF_PROG_ATTACH have their fields where linux/bpf.h has them")
    func attributes() {
        let load = BPFAttributes.load(instructionCount: 11)
        #expect(load.command == 5)
        #expect(Array(load.bytes[0..<8]) == [15, 0, 0, 0, 11, 0, 0, 0])
        #expect(load.bytes[8..<48].allSatisfy { $0 == 0 })
        #expect(String(decoding: load.bytes[48..<63], as: UTF8.self) == "jailrun_devices")
        #expect(load.bytes.count == 64 && load.bytes.last == 0)
        #expect(load.fields == [.instructions(offset: 8), .license(offset: 16)])
        let attach = BPFAttributes.attach()
        #expect(attach.command == 8)
        #expect(attach.bytes == [0, 0, 0, 0, 0, 0, 0, 0, 6, 0, 0, 0, 2, 0, 0, 0])
        #expect(attach.fields == [.cgroup(offset: 0), .program(offset: 4)])
    }

    /// Runs the program over a `struct bpf_cgroup_dev_ctx` of three words.
    private func run(_ program: [UInt8], _ context: [UInt32]) throws -> Bool {
        var registers = [UInt64](repeating: 0, count: 11)
        var counter = 0
        while counter * 8 < program.count {
            let bytes = program[counter * 8..<counter * 8 + 8].map { $0 }
            let (destination, source) = (Int(bytes[1] & 0xf), Int(bytes[1] >> 4))
            let offset = Int(bytes[2]) | Int(bytes[3]) << 8
            let constant = UInt64(UInt32(littleEndian: bytes[4...]))
            switch bytes[0] {
            case 0x61 where source == 1: registers[destination] = UInt64(context[offset / 4])
            case 0xbc: registers[destination] = registers[source] & 0xffff_ffff
            case 0x64: registers[destination] = registers[destination] << constant & 0xffff_ffff
            case 0x4c: registers[destination] = (registers[destination] | registers[source]) & 0xffff_ffff
            case 0x16: counter += registers[destination] & 0xffff_ffff == constant ? offset : 0
            case 0x57: registers[destination] &= constant
            case 0xb7: registers[destination] = constant
            case 0x56: counter += registers[destination] & 0xffff_ffff != constant ? offset : 0
            case 0x46: counter += registers[destination] & constant & 0xffff_ffff != 0 ? offset : 0
            case 0x95: return registers[0] == 1
            default: throw InterpreterError.unknownOperation(UInt16(bytes[0]))
            }
            counter += 1
        }
        throw InterpreterError.outOfProgram
    }
}
