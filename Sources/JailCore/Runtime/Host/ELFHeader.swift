/// The head of a program, elf(5), as far as execve(2) reads it before anything runs. Every number in it is an outsider's.
struct ELFHeader {
    private static let native: UInt16 = {
        #if arch(x86_64)
        62
        #else
        183
        #endif
    }()
    private static let i386: UInt16 = 3
    private static let programEntryBytes = 56
    private static let mostPrograms = 64
    private static let pathMaximum = 4096

    let machine: UInt16
    /// Where the table of segments is; nil when it is not as 64-bit programs have it.
    let programTable: (offset: Int, size: Int)?

    init?(_ bytes: [UInt8]) {
        guard bytes.count >= 64, bytes.starts(with: [0x7f, 0x45, 0x4c, 0x46]) else { return nil }
        let isBigEndian = bytes[5] == 2
        machine = isBigEndian ? UInt16(bytes[18]) << 8 | UInt16(bytes[19]) : UInt16(Self.number(bytes, 18, 2) ?? 0)
        let (count, size) = (Self.number(bytes, 56, 2) ?? 0, Self.number(bytes, 54, 2) ?? 0)
        let isRead = bytes[4] == 2 && !isBigEndian && size == Self.programEntryBytes && count <= Self.mostPrograms
        programTable = isRead ? Self.number(bytes, 32, 8).map { ($0, count * size) } : nil
    }

    /// The kernel runs it only by binfmt_misc. A 32-bit program of this machine is not one.
    var isForeign: Bool { machine != Self.native && machine != Self.i386 }

    /// PT_INTERP of a table of segments.
    static func interpreter(in table: [UInt8]) -> (offset: Int, size: Int)? {
        for start in stride(from: 0, to: table.count - programEntryBytes + 1, by: programEntryBytes)
        where number(table, start, 4) == 3 {
            guard let offset = number(table, start + 8, 8), let size = number(table, start + 32, 8),
                (2...pathMaximum).contains(size)
            else { return nil }
            return (offset, size)
        }
        return nil
    }

    static func name(of machine: UInt16) -> String {
        let names: [UInt16: String] = [
            8: "mips", 20: "ppc", 21: "ppc64", 22: "s390x", 40: "arm", 62: "x86_64", 183: "aarch64", 243: "riscv",
            258: "loongarch",
        ]
        return names[machine] ?? "machine \(machine) of elf(5)"
    }

    /// A little-endian number that fits into an Int.
    private static func number(_ bytes: [UInt8], _ start: Int, _ count: Int) -> Int? {
        guard start + count <= bytes.count else { return nil }
        let value = bytes[start..<start + count].reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) }
        return Int(exactly: value)
    }
}
