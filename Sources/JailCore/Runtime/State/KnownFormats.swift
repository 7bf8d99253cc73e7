internal import SystemPackage

/// What an administrator has taught the kernel to run beside its own programs: binfmt-misc.rst.
enum KnownFormats {
    private static let directory = "/proc/sys/fs/binfmt_misc"

    /// Whether a program that begins so may be one of them. Formats that go by the name of a file may be any.
    static func mayTake(_ header: [UInt8]) -> Bool {
        let names: [String]
        do throws(Errno) { names = try Files.names(in: directory) } catch { return !error.meansAbsent }
        return names.contains { name in
            if name == "register" || name == "status" { return false }
            guard let text = try? Files.text("\(directory)/\(name)") else { return true }
            return mayTake(header, text)
        }
    }

    /// - Parameter text: what the kernel says of one.
    static func mayTake(_ header: [UInt8], _ text: String) -> Bool {
        let lines = text.split(separator: "\n").map { $0.split(separator: " ", maxSplits: 1).map(String.init) }
        func value(_ name: String) -> String? { lines.first { $0.first == name && $0.count == 2 }?[1] }
        if lines.first?.first != "enabled" { return false }
        guard let magic = value("magic").map(bytes) else { return true }
        let mask = value("mask").map(bytes) ?? []
        let start = value("offset").flatMap { Int($0) } ?? 0
        guard header.count >= start + magic.count else { return false }
        return magic.indices.allSatisfy { index in
            let bits = mask.indices.contains(index) ? mask[index] : 0xff
            return header[start + index] & bits == magic[index] & bits
        }
    }

    private static func bytes(_ digits: String) -> [UInt8] {
        let digits = Array(digits.utf8)
        return stride(from: 0, to: digits.count - 1, by: 2).compactMap {
            UInt8(String(decoding: digits[$0...$0 + 1], as: UTF8.self), radix: 16)
        }
    }
}
