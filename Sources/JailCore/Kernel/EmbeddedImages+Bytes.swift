extension [UInt8] {
    /// Bytes from lower-case hexadecimal, two digits a byte. The literals are made at build time, so they are not
    /// checked here.
    init(hexadecimal literal: StaticString) {
        self = literal.withUTF8Buffer { digits in
            unsafe [UInt8](unsafeUninitializedCapacity: digits.count / 2) { bytes, count in
                for index in 0..<digits.count / 2 {
                    let high = unsafe Self.value(digits[2 * index])
                    let low = unsafe Self.value(digits[2 * index + 1])
                    unsafe bytes[index] = high << 4 | low
                }
                count = digits.count / 2
            }
        }
    }

    private static func value(_ digit: UInt8) -> UInt8 { digit <= UInt8(ascii: "9") ? digit & 0xf : digit - 87 }
}
