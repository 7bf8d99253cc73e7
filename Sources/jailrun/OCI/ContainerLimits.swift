import JailCore

/// `update --memory N` and its like: the same object as a file would have.
struct ContainerLimits {
    static let options = known.map(\.option)
    let json: JSONValue

    private static let known: [(option: String, group: String, key: String, isText: Bool)] = [
        ("memory", "memory", "limit", false), ("memory-reservation", "memory", "reservation", false),
        ("memory-swap", "memory", "swap", false), ("cpu-period", "cpu", "period", false),
        ("cpu-quota", "cpu", "quota", false), ("cpu-burst", "cpu", "burst", false), ("cpu-idle", "cpu", "idle", false),
        ("cpu-share", "cpu", "shares", false), ("cpuset-cpus", "cpu", "cpus", true),
        ("cpuset-mems", "cpu", "mems", true),
        ("pids-limit", "pids", "limit", false), ("blkio-weight", "blockIO", "weight", false),
    ]

    init(_ words: ContainerWords) throws(ContainerWords.Wrong) {
        var groups: [JSONValue.Member] = []
        for limit in Self.known {
            guard let text = words.value(limit.option) else { continue }
            let value: JSONValue
            if limit.isText {
                value = JSONValue(.string(text))
            } else if let number = Int64(text) {
                value = JSONValue(.number(.integer(number)))
            } else {
                throw ContainerWords.Wrong(text: "--\(limit.option) \(Terminal.escaped(text)): not a number")
            }
            let member = JSONValue.Member(limit.key, value)
            if let index = groups.firstIndex(where: { $0.key == limit.group }) {
                groups[index].value = JSONValue(.object((groups[index].value.members ?? []) + [member]))
            } else {
                groups.append(JSONValue.Member(limit.group, JSONValue(.object([member]))))
            }
        }
        json = JSONValue(.object(groups))
    }
}
