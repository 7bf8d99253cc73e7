internal import Glibc
internal import SystemPackage

/// Chooses jids and id ranges: under one lock, so that no two jails get the same. The file of the lock holds the last jid.
struct IdentityRegistry {
    let state: StateDirectory

    /// Ranges of user namespaces: above those of systemd-nspawn (0x00080000 to 0x6fffffff) and of /etc/subuid's defaults.
    static let firstRange: UInt32 = 0x7000_0000
    static let rangeCount: UInt32 = 0x0001_0000
    static let lastJid = 999_999

    /// Reserves an identity by writing the trace that `makeTrace` builds around it.
    func reserve(for spec: JailSpec, makeTrace: (JailIdentity) -> JailTrace) throws(RuntimeError) -> JailTrace {
        let lock = try lock()
        // Another jailrun may have removed the last jail's directories before the lock was ours.
        try state.prepare()
        let others = state.traces
        let jid = try chooseJid(for: spec, others: others, lock)
        var trace = makeTrace(
            JailIdentity(
                jid: jid, idRange: try chooseRange(for: spec, others: others), generation: UInt64(Clock.microseconds()))
        )
        trace.network = network(of: jid, others: others)
        // A renamed jail keeps its cgroup, for cgroups cannot be renamed: until it ends, its first name is in use.
        if let other = others.first(where: { $0.cgroup == trace.cgroup }) {
            throw .unsuitable(
                jail: spec.label, origin: spec.name.origin,
                "the cgroup of this name is still that of jail \"\(other.name)\", which had the name", hint: nil)
        }
        try state.write(trace)
        _ = consume lock
        return trace
    }

    /// It is held for moments only: nobody needs to know by whom.
    func lock() throws(RuntimeError) -> JailLock {
        try JailLock(state.registryPath, in: state, jail: "registry", writesHolder: false)
    }

    /// The jid; of a jail that is gone the network may have it still, for those that share it.
    private func network(of jid: Int, others: [JailTrace]) -> Int {
        let used = others.map(\.network)
        var number = jid
        while used.contains(number) { number = number <= Self.lastJid ? Self.lastJid + 1 : number + 1 }
        return number
    }

    /// The number of the network that a start now would make.
    func previewNetwork(of jid: Int) -> Int { network(of: jid, others: state.traces) }

    /// Takes the next number: a jail without a name is named by its own, which must be known before the rest.
    func takeNumber() throws(RuntimeError) -> Int {
        let lock = try lock()
        try state.prepare()
        let jid = nextJid(others: state.traces)
        try writeLast(jid, lock)
        _ = consume lock
        return jid
    }

    /// As many bytes each time, so that nothing is left of a longer number.
    private func writeLast(_ jid: Int, _ lock: borrowing JailLock) throws(RuntimeError) {
        let digits = Array(String(Self.lastJid + 1 + jid).utf8.dropFirst())
        try attempt("cannot write \(state.registryPath)") { () throws(Errno) in
            try Files.write(digits, to: lock.descriptor.number)
        }
    }

    /// The identity that a start now would get; nothing is reserved.
    func preview(for spec: JailSpec) throws(RuntimeError) -> JailIdentity {
        let others = state.traces
        let jid = spec.jid?.value ?? nextJid(others: others)
        return JailIdentity(jid: jid, idRange: try chooseRange(for: spec, others: others), generation: 0)
    }

    /// The number after the last one used, wrapping: jail(2).
    private func chooseJid(
        for spec: JailSpec, others: [JailTrace], _ lock: borrowing JailLock
    ) throws(RuntimeError) -> Int {
        let used = others.map(\.identity.jid)
        if let fixed = spec.jid {
            if used.contains(fixed.value) {
                throw .unsuitable(
                    jail: spec.label, origin: fixed.origin, "jail \(fixed.value) already exists", hint: nil)
            }
            return fixed.value
        }
        let jid = nextJid(others: others)
        try writeLast(jid, lock)
        return jid
    }

    private func nextJid(others: [JailTrace]) -> Int {
        var jid = (try? Files.text(state.registryPath)).flatMap { Int($0) } ?? 0
        repeat { jid = jid >= Self.lastJid ? 1 : jid + 1 } while others.contains { $0.identity.jid == jid }
        return jid
    }

    private func chooseRange(for spec: JailSpec, others: [JailTrace]) throws(RuntimeError) -> IDRange? {
        switch spec.privileges.userNamespace.value {
        case .host: return nil
        case .range(let first, let count): return IDRange(first: first, count: count)
        case .private: break
        }
        // In a jail, its own: no other ids are known there.
        if !OwnUserNamespace.isInitial { return IDRange(first: 0, count: OwnUserNamespace.idCount) }
        let used = others.compactMap(\.identity.idRange)
        var first = Self.firstRange
        while used.contains(where: { overlaps($0, first) }) {
            let (next, hasWrapped) = first.addingReportingOverflow(Self.rangeCount)
            // The last range would hold 4294967295, which means "no change" to the kernel.
            if hasWrapped || next >= UInt32.max - Self.rangeCount {
                throw .host(
                    "no range of user ids is left for \(spec.label)", hint: "stop a jail, or use userns = ID+COUNT")
            }
            first = next
        }
        return IDRange(first: first, count: Self.rangeCount)
    }

    private func overlaps(_ range: IDRange, _ first: UInt32) -> Bool {
        UInt64(range.first) < UInt64(first) + UInt64(Self.rangeCount)
            && UInt64(first) < UInt64(range.first) + UInt64(range.count)
    }
}

extension JailSpec {
    /// jail(8): a jail without a name is named by its number, which is the next one unless it is given.
    public mutating func assumeName(on host: Host) throws(RuntimeError) {
        if name.value.isEmpty {
            if jid == nil { jid = Located(try IdentityRegistry(state: host.state).takeNumber(), name.origin) }
            name.value = jid.map { String($0.value) } ?? ""
            if hostname.value.isEmpty { hostname.value = name.value }
        }
        if label.isEmpty { label = name.value }
    }
}
