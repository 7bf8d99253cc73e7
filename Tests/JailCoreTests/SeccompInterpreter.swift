@testable import JailCore

/// A system call as a filter sees it: `struct seccomp_data`.
struct SeccompCall {
    static let amd64: UInt32 = 0xc000_003e
    static let i386: UInt32 = 0x4000_0003
    static let aarch64: UInt32 = 0xc000_00b7
    #if arch(arm64)
    static let native = aarch64
    #else
    static let native = amd64
    #endif

    var architecture = SeccompCall.native
    var number: UInt32
    var arguments: [UInt64] = []

    var bytes: [UInt8] {
        let words: [UInt32] = [number, architecture, 0, 0]
        let padded = arguments + [UInt64](repeating: 0, count: 6 - arguments.count)
        return words.flatMap { $0.littleEndianBytes } + padded.flatMap { $0.littleEndianBytes }
    }
}

/// SECCOMP_RET_*, as far as the filters here return them.
enum SeccompAnswer: Equatable, Hashable {
    case allow
    case errno(Int32)
    case other(UInt32)

    static let forbidden = SeccompAnswer.errno(1)
    static let absent = SeccompAnswer.errno(38)

    init(_ value: UInt32) {
        switch value & 0xffff_0000 {
        case 0x7fff_0000: self = .allow
        case 0x0005_0000: self = .errno(Int32(value & 0xffff))
        default: self = .other(value)
        }
    }
}

enum InterpreterError: Error, Equatable {
    case unknownOperation(UInt16)
    case outOfProgram
}

extension SeccompFilter {
    /// Runs the program over `call`, as the kernel does. Only forward jumps exist, so it ends.
    func answer(to call: SeccompCall) throws -> SeccompAnswer {
        let data = call.bytes
        var (accumulator, counter) = (UInt32(0), 0)
        while counter < instructionCount {
            let instruction = bytes[counter * 8..<counter * 8 + 8].map { $0 }
            let operation = UInt16(instruction[0]) | UInt16(instruction[1]) << 8
            let constant = UInt32(littleEndian: instruction[4...])
            let jump = { (taken: Bool) in counter += Int(taken ? instruction[2] : instruction[3]) }
            switch operation {
            case 0x20: accumulator = UInt32(littleEndian: data[Int(constant)..<Int(constant) + 4])
            case 0x54: accumulator &= constant
            case 0x05: counter += Int(constant)
            case 0x15: jump(accumulator == constant)
            case 0x25: jump(accumulator > constant)
            case 0x35: jump(accumulator >= constant)
            case 0x45: jump(accumulator & constant != 0)
            case 0x06: return SeccompAnswer(constant)
            default: throw InterpreterError.unknownOperation(operation)
            }
            counter += 1
        }
        throw InterpreterError.outOfProgram
    }

    func answer(to name: String, _ arguments: UInt64...) throws -> SeccompAnswer {
        let row = SeccompTable.rows.first { $0.name == name }
        return try answer(to: SeccompCall(number: UInt32(row?.number ?? -1), arguments: arguments))
    }
}

extension FixedWidthInteger where Self: UnsignedInteger {
    var littleEndianBytes: [UInt8] { (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> Self(8 * $0)) } }
}

extension UInt32 {
    init(littleEndian bytes: ArraySlice<UInt8>) {
        self = bytes.prefix(4).reversed().reduce(0) { $0 << 8 | UInt32($1) }
    }
}
