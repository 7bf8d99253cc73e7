/// Numbers of configuration files: decimal digits only, bounded.
enum DigitsOnly {
    /// Nil for a sign, a blank, an empty string, and whatever is out of range.
    static func value<T: FixedWidthInteger>(_ bytes: some Collection<UInt8>, in range: ClosedRange<T>) -> T? {
        guard !bytes.isEmpty, bytes.allSatisfy(\.isDigit) else { return nil }
        guard let value = T(String(decoding: bytes, as: UTF8.self)), range.contains(value) else { return nil }
        return value
    }

    /// strtol(3) with nothing left over: digits, and a sign before them.
    static func isInteger(_ bytes: Bytes) -> Bool {
        let isSigned = bytes.first == UInt8(ascii: "-") || bytes.first == .plus
        let digits = isSigned ? bytes.dropFirst() : bytes[...]
        return !digits.isEmpty && digits.allSatisfy(\.isDigit)
    }
}
