internal import SystemPackage

/// The little that is written before anything of a jail exists, and again when its first process does: enough to remove all of it.
///
/// A few lines of `key value`: it is on the way of every start, and JSON would cost a tenth of it.
struct JailTrace: Codable, Sendable, Equatable {
    /// `stopping`: a stop was begun, and is finished by whoever finds it; `removing`: its processes are gone, and exec.poststop
    /// was begun. A jail whose first process lives is up otherwise: that
    /// of a start that was broken off ends by itself, when its control socket is closed.
    enum Phase: String, Codable, Sendable { case up, stopping, removing }

    var name: String
    var label: String
    var identity: JailIdentity
    var phase: Phase
    /// The jail's cgroup, `/sys/fs/cgroup/jailrun/www`.
    var cgroup: String
    /// pid 1 of the jail, in the host's pid namespace, and its start time in clock ticks since boot: a pid alone may be another
    /// process by now.
    var pid: Int32 = 0
    var startTime: UInt64 = 0
    /// A foreground jail dies with the jailrun that started it.
    var isTransient: Bool
    var supervisor: Int32
    var supervisorStartTime: UInt64
    var hasNetwork: Bool
    /// Names its links; the same for all that share a network, in which one of them at most has this jid.
    var network: Int
    /// `vnet.interface`: what is to be given back before the jail's network namespace goes.
    var interfaces: [String] = []
    /// How often it was changed since its start: jail -m.
    var revision = 0
    /// Nil in what an older jailrun wrote.
    var root: RootPlace?

    /// Whether its pid 1 lives: the process of this number that started then, in the jail's cgroup. Whoever enters a jail enters
    /// that process's namespaces: it must be no other's.
    var isAlive: Bool { (try? readIsAlive()) ?? false }

    /// - Throws: when that could not be looked at, which does not say that it is gone.
    func readIsAlive() throws(Errno) -> Bool {
        guard pid > 0, try ProcessTable.readStartTime(of: pid) == startTime else { return false }
        return try Cgroup(path: cgroup).readProcesses().contains(pid)
    }

    var text: String {
        let range = identity.idRange
        return """
            jailrun 1
            name \(name)
            label \(label)
            jid \(identity.jid)
            ids \(range.map { "\($0.first) \($0.count)" } ?? "host")
            generation \(identity.generation)
            phase \(phase.rawValue)
            cgroup \(cgroup)
            pid \(pid) \(startTime)
            supervisor \(supervisor) \(supervisorStartTime)
            transient \(isTransient)
            network \(hasNetwork)
            links \(network)
            interfaces \(interfaces.joined(separator: " "))
            revision \(revision)
            root \(root?.path.utf8.contains(.newline) == false ? root?.path ?? "" : "")
            written \(root?.written.utf8.contains(.newline) == false ? root?.written ?? "" : "")

            """
    }

    /// Nil for anything that `text` did not write.
    init?(text: String) {
        guard text.utf8.starts(with: "jailrun 1\n".utf8) else { return nil }
        let (keys, values) = Self.lines(of: text)
        func value(_ key: String) -> String? { keys.firstIndex(of: key).map { values[$0] } }
        func pair(_ key: String) -> (String, String)? {
            guard let text = value(key), let space = text.utf8.firstIndex(of: UInt8(ascii: " ")) else { return nil }
            return (String(text[..<space]), String(text[text.utf8.index(after: space)...]))
        }
        guard let name = value("name"), let label = value("label"), let jid = value("jid").flatMap({ Int($0) }),
            let generation = value("generation").flatMap({ UInt64($0) }),
            let phase = value("phase").flatMap({ Phase(rawValue: $0) }), let cgroup = value("cgroup"),
            let process = pair("pid"), let keeper = pair("supervisor")
        else { return nil }
        let range = pair("ids").flatMap { first, count in
            UInt32(first).flatMap { first in UInt32(count).map { IDRange(first: first, count: $0) } }
        }
        self.init(
            name: name, label: label, identity: JailIdentity(jid: jid, idRange: range, generation: generation),
            phase: phase,
            cgroup: cgroup, pid: Int32(process.0) ?? 0, startTime: UInt64(process.1) ?? 0,
            isTransient: value("transient") == "true", supervisor: Int32(keeper.0) ?? 0,
            supervisorStartTime: UInt64(keeper.1) ?? 0, hasNetwork: value("network") == "true",
            network: value("links").flatMap { Int($0) },
            interfaces: (value("interfaces") ?? "").split(separator: " ").map(String.init),
            revision: value("revision").flatMap { Int($0) } ?? 0)
        root = value("root").map { RootPlace(path: $0, written: value("written") ?? "") }
    }

    private static func lines(of text: String) -> (keys: [String], values: [String]) {
        let bytes = Bytes(text.utf8)
        var (keys, values): ([String], [String]) = ([], [])
        var start = 0
        while start < bytes.count {
            let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
            if let space = bytes[start..<end].firstIndex(of: UInt8(ascii: " ")), space + 1 < end {
                keys.append(String(decoding: bytes[start..<space], as: UTF8.self))
                values.append(String(decoding: bytes[(space + 1)..<end], as: UTF8.self))
            }
            start = end + 1
        }
        return (keys, values)
    }

    init(
        name: String, label: String, identity: JailIdentity, phase: Phase, cgroup: String, pid: Int32 = 0,
        startTime: UInt64 = 0, isTransient: Bool, supervisor: Int32, supervisorStartTime: UInt64, hasNetwork: Bool,
        network: Int? = nil, interfaces: [String] = [], revision: Int = 0
    ) {
        self.name = name
        self.label = label
        self.identity = identity
        self.phase = phase
        self.cgroup = cgroup
        self.pid = pid
        self.startTime = startTime
        self.isTransient = isTransient
        self.supervisor = supervisor
        self.supervisorStartTime = supervisorStartTime
        self.hasNetwork = hasNetwork
        self.network = network ?? identity.jid
        self.interfaces = interfaces
        self.revision = revision
    }
}

/// The rest of a jail's record: what its stop needs of its configuration. Written while its first process is at work.
struct JailDetails: Codable, Sendable, Equatable {
    var generation: UInt64
    var spec: JailSpec
    /// What takes the jail's network back, newest first.
    var networkUndo: [NetworkOperation]
    /// Seconds since 1970.
    var createdSeconds: Int
    /// The configuration file it came from.
    var configuration: String
    /// The filter that was made of a profile, in base64: who joins later gets the same, whatever the file says by then.
    var filter: String?
}

/// What is recorded of a jail that is up.
public struct JailRecord: Codable, Sendable, Equatable {
    var trace: JailTrace
    var details: JailDetails

    public var spec: JailSpec { details.spec }
    public var name: String { trace.name }
    public var identity: JailIdentity { trace.identity }
    public var cgroup: String { trace.cgroup }
    /// pid 1 of the jail, in the host's pid namespace.
    public var pid: Int32 { trace.pid }
    public var configuration: String { details.configuration }
    public var isAlive: Bool { trace.isAlive }
}
