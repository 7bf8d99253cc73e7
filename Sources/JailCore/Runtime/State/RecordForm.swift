internal import Glibc
internal import SystemPackage

/// Why a record cannot be used, in words.
struct UnreadableRecord: Error {
    var reason: String

    static let gone = Self(reason: "it is gone")
    static let others = Self(reason: "it is another jail's")
    static let changed = Self(reason: "it is not as it was written")
    static func version(_ text: some StringProtocol) -> Self {
        Self(reason: "another version of jailrun wrote it, with records of version \(Terminal.escaped(String(text)))")
    }
}

extension UnreadableRecord {
    /// What stands in a record's place is none.
    /// - Throws: the errno, when it is of a moment or of who looks, and says nothing of the record.
    init(_ error: Errno) throws(Errno) {
        guard [EISDIR, EFBIG, ELOOP, ENXIO, EINVAL].contains(error.rawValue) else { throw error }
        reason = error.description
    }
}

/// What all records in `/run/jailrun` have in common: the version of their form, and a sum over all that follows. What a fault
/// has changed is not taken for what it seems to say; nor is what a later jailrun has written. docs/design/0033.
enum RecordForm {
    /// Raised when what an older jailrun would make of a record were wrong. A key more is no new version: the defaults stand for
    /// what a record lacks.
    static let version = 2

    /// FNV-1a of 64 bits, in hexadecimal: no byte can become another unnoticed.
    static func sum(_ bytes: some Sequence<UInt8>) -> String {
        var sum: UInt64 = 0xcbf2_9ce4_8422_2325
        for byte in bytes { sum = (sum ^ UInt64(byte)) &* 0x100_0000_01b3 }
        let digits = String(sum, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    // MARK: JSON

    private static let start = Array("{\"version\":\(version),\"sum\":\"".utf8)

    /// - Parameter object: a JSON object that has keys.
    static func sealed(_ object: [UInt8]) -> [UInt8] {
        let rest = object.dropFirst()
        return start + Array("\(sum(rest))\",".utf8) + rest
    }

    /// The keys that every record has. The last release wrote none of them.
    private struct Head: Decodable {
        var version: Int?
        var sum: String?
    }

    /// - Returns: whether an older jailrun wrote it, which made no sum.
    private static func check(_ bytes: [UInt8]) throws(UnreadableRecord) {
        if bytes.starts(with: start) {
            let sum = bytes.dropFirst(start.count).prefix(16)
            let rest = bytes.dropFirst(start.count + 16 + 2)
            if sum.elementsEqual(self.sum(rest).utf8) { return }
            throw .changed
        }
        let head: Head
        do { head = try JSONValueDecoder().decode(Head.self, from: bytes) } catch { throw .changed }
        if let other = head.version, other != version { throw .version(String(other)) }
        if head.version != nil || head.sum != nil { throw .changed }
    }

    /// A record that has all keys. What a jail has written is not completed: that takes its time, and the jail would have it taken by
    /// each command of the host that looks.
    static func decode<Record: Decodable>(
        _ type: Record.Type, from bytes: [UInt8]
    ) throws(UnreadableRecord) -> Record {
        try check(bytes)
        do { return try JSONValueDecoder().decode(type, from: bytes) } catch {
            throw UnreadableRecord(reason: DecodingReason.text(error))
        }
    }

    /// - Parameter standard: a record that has all keys: what an older jailrun did not know has the values that are here.
    static func decode<Record: Codable>(
        _ type: Record.Type, from bytes: [UInt8], standard: () -> Record?
    ) throws(UnreadableRecord) -> Record {
        try check(bytes)
        do { return try JSONValueDecoder().decode(type, from: bytes) } catch {
            if let record = completed(type, bytes, by: standard()) { return record }
            throw UnreadableRecord(reason: DecodingReason.text(error))
        }
    }

    /// The record in that file; why it is none; nil when the file is not there.
    static func read<Record: Codable>(
        _ type: Record.Type, at path: String, of name: String, named: (Record) -> String, standard: () -> Record?
    ) throws(Errno) -> Result<Record, UnreadableRecord>? {
        do throws(Errno) {
            guard let bytes = try Files.recorded(path) else { return nil }
            do throws(UnreadableRecord) {
                let record = try decode(type, from: bytes, standard: standard)
                return named(record) == name ? .success(record) : .failure(.others)
            } catch let why { return .failure(why) }
        } catch { return .failure(try UnreadableRecord(error)) }
    }

    private static func completed<Record: Codable>(
        _ type: Record.Type, _ bytes: [UInt8], by standard: Record?
    ) -> Record? {
        do {
            let whole = try JSONValueEncoder().encode(standard)
            return try JSONValueDecoder().decode(type, from: try JSONReader.read(bytes).completed(inside: whole))
        } catch { return nil }
    }
}

/// Why a decoder objects, in words.
enum DecodingReason {
    static func text(_ error: any Error) -> String {
        func place(_ context: DecodingError.Context) -> String {
            let path = context.codingPath.map { $0.intValue.map(String.init) ?? $0.stringValue }
            return path.isEmpty ? "" : "\(path.joined(separator: ".")): "
        }
        switch error {
        case DecodingError.keyNotFound(let key, let context): return "\(place(context))\(key.stringValue) is missing"
        case DecodingError.valueNotFound(_, let context): return "\(place(context))a value is missing"
        case DecodingError.typeMismatch(_, let context): return "\(place(context))a value of another kind"
        case DecodingError.dataCorrupted(let context):
            return "\(place(context))\(Terminal.escaped(context.debugDescription))"
        default: return "not read"
        }
    }
}

extension JSONValue {
    /// A record's own keys are all there, in each version; what they hold is completed.
    fileprivate func completed(inside other: JSONValue) -> JSONValue {
        guard let members, other.members != nil else { return self }
        return JSONValue(
            .object(
                members.map { member in
                    Member(member.key, other[member.key].map { member.value.completed(by: $0) } ?? member.value)
                }))
    }

    /// With the keys that it lacks and the other has. Two objects that have no key in common are alternatives, such as the cases of
    /// an enumeration.
    private func completed(by other: JSONValue) -> JSONValue {
        guard let members, let others = other.members else { return self }
        if !members.contains(where: { other[$0.key] != nil }) { return self }
        let lacking = others.filter { self[$0.key] == nil }
        return JSONValue(.object((completed(inside: other).members ?? []) + lacking))
    }
}
