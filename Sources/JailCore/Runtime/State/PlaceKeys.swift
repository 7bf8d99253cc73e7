internal import Glibc

/// What the folders are that lead to a place of the host, whatever they are called: by device and inode.
struct PlaceKeys {
    /// From the root down to the place itself.
    private let keys: [String]

    /// - Parameter isSeen: false for a place of another host, of which the name alone is known.
    init(_ path: String, isSeen: Bool = true) {
        let (real, rest) = isSeen ? Self.real(path) : ("/", Self.components(path))
        var keys = [isSeen ? Self.key("/") : ""]
        var place = ""
        for name in MountSpec.components(real) {
            place += "/\(name)"
            keys.append(Self.key(place))
        }
        for name in rest { keys.append("\(keys[keys.count - 1])/\(name)") }
        self.keys = keys
    }

    func isSame(as other: PlaceKeys) -> Bool { keys.last == other.keys.last }

    /// Or the same.
    func isBelow(_ other: PlaceKeys) -> Bool { other.keys.last.map(keys.contains) ?? false }

    /// As much of it as is there, without links, and the names of what is not.
    private static func real(_ path: String) -> (path: String, rest: [String]) {
        var names = components(path)
        var rest: [String] = []
        while !names.isEmpty {
            if let found = unsafe realpath("/\(names.joined(separator: "/"))", nil) {
                defer { unsafe free(found) }
                return (unsafe String(cString: found), rest.reversed())
            }
            rest.append(names.removeLast())
        }
        return ("/", rest.reversed())
    }

    private static func components(_ path: String) -> [String] { MountSpec.components(path).map { String($0) } }

    private static func key(_ path: String) -> String {
        var status = stat()
        return unsafe lstat(path, &status) == 0 ? "\(status.st_dev):\(status.st_ino)" : path
    }
}
