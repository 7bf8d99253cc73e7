internal import Glibc
internal import SystemPackage

/// The lock that makes one jailrun at a time change what jails share: the bridge `jail0`, the gateways on it, and the
/// settings of the host's interfaces. Held from the reading of the facts to the last operation; let go by `deinit`,
/// and by the kernel when its holder dies, flock(2).
///
/// The locked file holds the settings' old values, for a sysctl cannot carry its owner's name in itself. It belongs on
/// a tmpfs, so that it is gone when the settings are.
struct NetworkLock: ~Copyable {
    private static let capacity = 1 << 20
    /// Who waits looks ever less often: sixteen that wait for one another should not be what makes its holder slow.
    private static let pauseMicroseconds: ClosedRange<UInt32> = 500...10000
    private let descriptor: FileDescriptor
    /// Whose settings these are; nil does not tell.
    let place: NetworkNamespace?

    /// - Parameters:
    ///   - descriptor: a regular file open for reading and writing, an open file description of this process alone.
    ///   - place: the network that is worked on.
    ///   - timeoutSeconds: how long to wait for other holders, each of which needs a few milliseconds.
    init(
        _ descriptor: FileDescriptor, place: NetworkNamespace? = nil, timeoutSeconds: Int = 60
    ) throws(NetlinkError) {
        (self.descriptor, self.place) = (descriptor, place)
        let clock = ContinuousClock()
        let deadline = clock.now + .seconds(timeoutSeconds)
        var pause = Self.pauseMicroseconds.lowerBound
        while flock(descriptor.rawValue, LOCK_EX | LOCK_NB) != 0 {
            let error = Errno(rawValue: Glibc.errno)
            guard error == .wouldBlock || error == .interrupted else { throw .lockFile(error) }
            guard clock.now < deadline else { throw .locked(timeoutSeconds: timeoutSeconds) }
            usleep(pause)
            pause = min(pause * 2, Self.pauseMicroseconds.upperBound)
        }
    }

    deinit { flock(descriptor.rawValue, LOCK_UN) }

    /// What is written down of the network that is worked on.
    func ledger() throws(NetlinkError) -> NetworkLedger {
        let all = try whole()
        return place.map { all.seen(in: $0) } ?? all
    }

    private func whole() throws(NetlinkError) -> NetworkLedger {
        var bytes = [UInt8](repeating: 0, count: Self.capacity)
        var count = 0
        do {
            try unsafe bytes.withUnsafeMutableBytes {
                count = try unsafe descriptor.read(fromAbsoluteOffset: 0, into: $0)
            }
        } catch { throw .lockFile(error as? Errno ?? .ioError) }
        return NetworkLedger(String(decoding: bytes[..<count], as: UTF8.self))
    }

    /// One write, before the change that it describes: a reader finds all of it or none.
    func change(_ body: (inout NetworkLedger) -> Void) throws(NetlinkError) {
        let old = try whole()
        var ledger = place.map { old.seen(in: $0) } ?? old
        let others = old.entries.filter { !ledger.entries.contains($0) }
        body(&ledger)
        ledger.entries = others + ledger.entries
        if ledger != old { try write(ledger) }
    }

    /// Of a network that is gone, with its settings.
    func forget(_ place: NetworkNamespace) throws(NetlinkError) {
        let old = try whole()
        var ledger = old
        ledger.entries.removeAll { $0.place?.isSame(as: place) ?? false }
        if ledger != old { try write(ledger) }
    }

    private func write(_ ledger: NetworkLedger) throws(NetlinkError) {
        do {
            try descriptor.writeAll(toAbsoluteOffset: 0, ledger.description.utf8)
            if ledger.entries.isEmpty { try descriptor.resize(to: 0) }
        } catch { throw .lockFile(error as? Errno ?? .ioError) }
    }
}

/// The values that the host's shared settings had before the first jail that needs them, oldest first.
struct NetworkLedger: Equatable, CustomStringConvertible {
    struct Entry: Equatable {
        /// Below `/proc/sys`.
        var path: String
        var value: String
        /// What it became; nil in what an earlier jailrun wrote down.
        var written: String?
        var users: NetworkSysctl.Users
        /// The network that it is a setting of; nil in what an earlier jailrun wrote down.
        var place: NetworkNamespace?
    }

    /// Ends the text: whatever follows is of a longer one, written before.
    private static let end = "end"
    /// Begins a line that says whose the settings below it are: `@4:4026531840:17`, or `@` alone, of a network that is not known. A
    /// jailrun that knows no such lines skips them, and writes the settings without.
    private static let mark: Character = "@"
    var entries: [Entry] = []

    init() {}

    init(_ text: String) {
        var place: NetworkNamespace?
        for line in text.split(separator: "\n") {
            if line == Self.end { return }
            var words = line.split(separator: " ")
            if words.count == 1, line.first == Self.mark {
                place = Self.place(words[0])
                continue
            }
            // As it was once written.
            let ownPlace = words.last.flatMap { Self.place($0) }
            if ownPlace != nil { words.removeLast() }
            guard words.count == 3 || words.count == 4, let family = AddressSpec.Family(rawValue: String(words[2]))
            else {
                continue
            }
            let interface = words.count == 4 ? String(words[3]) : nil
            let values = words[1].split(separator: ":", maxSplits: 1)
            entries.append(
                Entry(
                    path: String(words[0]), value: String(values[0]),
                    written: values.count == 2 ? String(values[1]) : nil,
                    users: NetworkSysctl.Users(interface: interface, family: family), place: ownPlace ?? place))
        }
    }

    /// No interface of a jail's has such a name, for `:` is not allowed there.
    private static func place(_ word: Substring) -> NetworkNamespace? {
        let numbers = word.dropFirst().split(separator: ":")
        guard word.first == mark, (2...3).contains(numbers.count) else { return nil }
        return NetworkNamespace(device: numbers[0], inode: numbers[1], cookie: numbers.dropFirst(2).first)
    }

    private static func line(_ place: NetworkNamespace?) -> String {
        guard let place else { return String(mark) }
        return "\(mark)\(place.device):\(place.inode)" + (place.cookie.map { ":\($0)" } ?? "")
    }

    /// Without those of other networks.
    func seen(in place: NetworkNamespace) -> Self {
        var seen = self
        seen.entries.removeAll { $0.place?.isSame(as: place) == false }
        return seen
    }

    /// The first value stays: later ones are jailrun's own.
    mutating func record(_ entry: Entry) {
        if !entries.contains(where: { $0.path == entry.path }) { entries.append(entry) }
    }

    var description: String {
        var lines: [String] = []
        var place: NetworkNamespace?
        for entry in entries {
            if entry.place != place { lines.append(Self.line(entry.place)) }
            place = entry.place
            let value = entry.value + (entry.written.map { ":\($0)" } ?? "")
            let words = [entry.path, value, entry.users.family.rawValue, entry.users.interface]
            lines.append(words.compactMap { $0 }.joined(separator: " "))
        }
        return (lines + [Self.end]).map { $0 + "\n" }.joined()
    }
}
