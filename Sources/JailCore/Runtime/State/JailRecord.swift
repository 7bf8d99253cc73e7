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
    /// The network namespace in which its links and rules are; nil without a network, and in what an older jailrun wrote.
    var home: NetworkNamespace?
    /// `vnet.interface`: what is to be given back before the jail's network namespace goes.
    var interfaces: [String] = []
    /// How often it was changed since its start: jail -m.
    var revision = 0
    /// Who runs its `exec.prestop` and `exec.stop`. Should they fail, or that process be killed, the jail is up as before.
    var stopper: ProcessIdentity?
    /// Nil in what an older jailrun wrote.
    var root: RootPlace?
    /// Why what was recorded cannot be read: then this is what the kernel says of the jail.
    var unreadable: String?

    /// Whether its pid 1 lives: the process of this number that started then, in the jail's cgroup. Whoever enters a jail enters
    /// that process's namespaces: it must be no other's.
    /// - Throws: when that could not be looked at, which does not say that it is gone.
    func isAlive() throws(RuntimeError) -> Bool {
        try attempt("cannot look at the processes of \(name)") { () throws(Errno) in
            guard pid > 0, try ProcessTable.startTime(of: pid) == startTime else { return false }
            return try Cgroup(path: cgroup).processes().contains(pid)
        }
    }

    /// Whether the process that keeps it lives.
    func isKept() throws(RuntimeError) -> Bool {
        try ProcessTable.isRunning(supervisor, since: supervisorStartTime)
    }

    /// Whether a command has begun to stop it.
    func isBeingStopped() throws(RuntimeError) -> Bool {
        if phase != .up { return true }
        guard let stopper else { return false }
        return try ProcessTable.isRunning(stopper.pid, since: stopper.startTime)
    }

    var text: String {
        let text = "jailrun \(RecordForm.version)\n" + lines
        return text + "sum \(RecordForm.sum(text.utf8))\n"
    }

    private var lines: String {
        let range = identity.idRange
        return """
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
            stopper \(stopper?.text ?? "")
            home \(home.map { "\($0.device) \($0.inode)" } ?? "")
            cookie \(home?.cookie.map(String.init) ?? "")
            root \(root?.path.utf8.contains(.newline) == false ? root?.path ?? "" : "")
            written \(root?.written.utf8.contains(.newline) == false ? root?.written ?? "" : "")

            """
    }

    /// - Throws: for anything that `text` did not write, or that of the last release.
    init(text: String) throws(UnreadableRecord) {
        let lines = Lines(text)
        try lines.check()
        func value(_ key: String) -> String? { lines[key] }
        func pair(_ key: String) -> (String, String)? { lines.pair(key) }
        guard let name = value("name"), let label = value("label"), let jid = value("jid").flatMap({ Int($0) }),
            let generation = value("generation").flatMap({ UInt64($0) }),
            let phase = value("phase").flatMap({ Phase(rawValue: $0) }), let cgroup = value("cgroup"),
            let process = pair("pid"), let keeper = pair("supervisor")
        else { throw UnreadableRecord(reason: "something is missing in it") }
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
        stopper = pair("stopper").flatMap { ProcessIdentity(pid: $0, startTime: $1) }
        home = lines.home
        root = value("root").map { RootPlace(path: $0, written: value("written") ?? "") }
    }

    /// `key value`, one a line.
    struct Lines {
        private let bytes: Bytes
        private var keys: [String] = []
        private var values: [String] = []
        private var starts: [Int] = []

        init(_ text: String) {
            bytes = Bytes(text.utf8)
            var start = 0
            while start < bytes.count {
                let end = bytes[start...].firstIndex(of: UInt8(ascii: "\n")) ?? bytes.count
                if let space = bytes[start..<end].firstIndex(of: UInt8(ascii: " ")), space + 1 < end {
                    keys.append(String(decoding: bytes[start..<space], as: UTF8.self))
                    values.append(String(decoding: bytes[(space + 1)..<end], as: UTF8.self))
                    starts.append(start)
                }
                start = end + 1
            }
        }

        subscript(key: String) -> String? { keys.firstIndex(of: key).map { values[$0] } }

        /// A value of two words.
        func pair(_ key: String) -> (String, String)? {
            guard let text = self[key], let space = text.utf8.firstIndex(of: UInt8(ascii: " ")) else { return nil }
            return (String(text[..<space]), String(text[text.utf8.index(after: space)...]))
        }

        var home: NetworkNamespace? {
            pair("home").flatMap { NetworkNamespace(device: $0, inode: $1, cookie: self["cookie"]) }
        }

        /// What was written in the place of a longer text may have the rest of that behind its sum.
        fileprivate func check() throws(UnreadableRecord) {
            guard keys.first == "jailrun", let version = values.first else { throw .changed }
            guard let place = keys.firstIndex(of: "sum") else {
                // The last release made none.
                if version == "1" { return }
                throw version == String(RecordForm.version) ? .changed : .version(version)
            }
            if values[place] != RecordForm.sum(bytes[..<starts[place]]) { throw .changed }
            if version != String(RecordForm.version) { throw .version(version) }
        }
    }

    init(
        name: String, label: String, identity: JailIdentity, phase: Phase, cgroup: String, pid: Int32 = 0,
        startTime: UInt64 = 0, isTransient: Bool, supervisor: Int32, supervisorStartTime: UInt64, hasNetwork: Bool,
        network: Int? = nil, interfaces: [String] = [], revision: Int = 0, unreadable: String? = nil
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
        self.unreadable = unreadable
    }
}

/// The rest of a jail's record: what its stop needs of its configuration. Written while its first process is at work.
struct JailDetails: Codable, Sendable, Equatable {
    var generation: UInt64
    var spec: ConfiguredJail
    /// What takes the jail's network back, newest first.
    var networkUndo: [NetworkOperation]
    /// Seconds since 1970.
    var createdSeconds: Int
    /// The configuration file it came from.
    var configuration: String
    /// The filter that was made of a profile, in base64: who joins later gets the same, whatever the file says by then.
    var filter: String?
    /// Written before the first step of a change of its network, and nil again with what it has then: whoever finds it connects the
    /// jail as `spec` says.
    var networkChange: NetworkChange?

    /// What a change that was begun may have made.
    struct NetworkChange: Codable, Sendable, Equatable {
        /// The jail's name after it.
        var name: String
        var undo: [NetworkOperation]
    }

    /// What is known of a jail of which nothing can be read, or that was recorded without all that is recorded now.
    init?(standardFor name: String, generation: UInt64 = 0) {
        var words = ParameterWords()
        words.add("name", name)
        words.add("path", "/")
        words.add("persist", nil)
        guard var spec = Configuration(words).readJails().jails.first?.spec else { return nil }
        (spec.label, spec.path.value, spec.hostname.value) = (name, "-", "-")
        spec.parameters = JailParameters()
        self.init(
            generation: generation, spec: spec, networkUndo: [], createdSeconds: 0, configuration: "-", filter: nil)
    }

    init(
        generation: UInt64, spec: ConfiguredJail, networkUndo: [NetworkOperation], createdSeconds: Int,
        configuration: String,
        filter: String?
    ) {
        self.generation = generation
        self.spec = spec
        self.networkUndo = networkUndo
        self.createdSeconds = createdSeconds
        self.configuration = configuration
        self.filter = filter
    }
}

/// What is recorded of a jail that is up.
package struct JailRecord: Codable, Sendable, Equatable {
    var trace: JailTrace
    var details: JailDetails
    /// Why its record cannot be read. Then only its name, its processes and its cgroup are true: nobody asked for its
    /// `spec`, and nothing is run in it or after it.
    package private(set) var unreadable: String?

    init(trace: JailTrace, details: JailDetails) { self.init(trace: trace, details: details, unreadable: nil) }

    init(trace: JailTrace, details: JailDetails, unreadable: String?) {
        self.trace = trace
        self.details = details
        self.unreadable = unreadable ?? trace.unreadable
    }

    package var spec: ConfiguredJail { details.spec }
    package var name: String { trace.name }
    package var identity: JailIdentity { trace.identity }
    package var cgroup: String { trace.cgroup }
    /// pid 1 of the jail, in the host's pid namespace.
    package var pid: Int32 { trace.pid }
    package var configuration: String { details.configuration }
    package func isAlive() throws(RuntimeError) -> Bool { try trace.isAlive() }
    package func isBeingStopped() throws(RuntimeError) -> Bool { try trace.isBeingStopped() }
}
