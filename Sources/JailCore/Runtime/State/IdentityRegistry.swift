internal import Glibc
internal import SystemPackage

/// Chooses jids and id ranges: under one lock, so that no two jails get the same. The file of the lock holds the last jid.
struct IdentityRegistry {
    let state: StateDirectory
    /// Of another host, for a preview.
    private let assumed: HostFacts?
    private let authority: Authority

    init(state: StateDirectory, assumed: HostFacts? = nil, authority: Authority = .machines) {
        (self.state, self.assumed, self.authority) = (state, assumed, authority)
    }

    init(_ host: Host) { self.init(state: host.state, assumed: host.assumed, authority: host.authority) }

    /// Ranges of user namespaces: above those of systemd-nspawn (0x00080000 to 0x6fffffff) and of /etc/subuid's defaults.
    static let firstRange: UInt32 = 0x7000_0000
    static let rangeCount: UInt32 = 0x0001_0000
    static let lastJid = 999_999

    /// Reserves an identity by writing the trace that `makeTrace` builds around it.
    /// - Parameter wish: what the jail's place in its file gives it, if that is free.
    func reserve(for spec: ConfiguredJail, wish: JailIdentity?, makeTrace: (JailIdentity) -> JailTrace)
        throws(RuntimeError) -> JailTrace
    {
        let lock = try lock()
        // Another jailrun may have removed the last jail's directories before the lock was ours.
        try state.prepare()
        let others = try state.traces()
        let jid = try chooseJid(for: spec, wish, others: others, lock)
        let range = try chooseRange(for: spec, wish, used: others.compactMap(\.identity.idRange))
        var trace = makeTrace(JailIdentity(jid: jid, idRange: range, generation: UInt64(Clock.microseconds())))
        trace.network = try network(from: jid, for: spec, beside: others)
        // A renamed jail keeps its cgroup, for cgroups cannot be renamed: until it ends, its first name is in use.
        if let other = others.first(where: { $0.cgroup == trace.cgroup }) {
            throw .unsuitable(
                jail: spec.label, origin: spec.name.origin,
                "the cgroup of this name still belongs to jail \"\(other.name)\", which had the name before", hint: nil)
        }
        if let root = trace.root {
            try spec.checkRoot(root, beside: others.compactMap { other in other.root.map { (other.name, $0) } })
        }
        try state.write(trace)
        _ = consume lock
        return trace
    }

    /// It is held for moments only: nobody needs to know by whom.
    func lock() throws(RuntimeError) -> JailLock {
        try JailLock(state.registryPath, in: state, jail: "registry", writesHolder: false)
    }

    // MARK: The number of a jail's links

    /// For a jail that runs, and is about to get its first links, or new ones in the place of all that it has lost: while it had none,
    /// a jail of another state directory may have got its number. A new one is recorded.
    func renumber(_ trace: inout JailTrace, for spec: ConfiguredJail) throws(RuntimeError) {
        let lock = try lock()
        let number = try network(of: trace, for: spec)
        if number != trace.network {
            (trace.network, trace.revision) = (number, trace.revision + 1)
            try state.write(trace)
        }
        _ = consume lock
    }

    /// What `renumber` would give it.
    func network(of trace: JailTrace, for spec: ConfiguredJail) throws(RuntimeError) -> Int {
        try network(from: trace.network, for: spec, beside: try state.traces().filter { $0.name != trace.name })
    }

    private func network(from first: Int, for spec: ConfiguredJail, beside others: [JailTrace])
        throws(RuntimeError) -> Int
    {
        let (numbers, links) = (Set(others.map(\.network)), try LinkNumbers(for: spec))
        return try Self.network(from: first) { (number) throws(RuntimeError) in
            if numbers.contains(number) { return true }
            return try links.contains(number)
        }
    }

    /// The jid; of a jail that is gone the network may have it still, for those that share it, and so may a jail of another state
    /// directory.
    private static func network(from first: Int, isUsed: (Int) throws(RuntimeError) -> Bool) throws(RuntimeError) -> Int
    {
        var number = first
        while try isUsed(number) { number = number <= lastJid ? lastJid + 1 : number + 1 }
        return number
    }

    // MARK: A jail without a name

    /// Takes the next number: a jail without a name is named by its own, which must be known before the rest.
    func takeNumber() throws(RuntimeError) -> Int {
        let lock = try lock()
        try state.prepare()
        let used = try state.traces().map(\.identity.jid)
        let jid = Self.next(after: try last(), isUsed: used.contains)
        try writeLast(jid, lock)
        _ = consume lock
        return jid
    }

    // MARK: The jails of a file

    /// What a jail of a file gets, and the number of its links.
    struct Place {
        var identity: JailIdentity
        var network: Int
    }

    /// Gives numbers and ranges in the order of the file, whichever jail starts first. They are wishes: what has been given to
    /// another jail when its start comes is not taken from that.
    func assign(_ specs: [ConfiguredJail]) throws(RuntimeError) -> [JailIdentity] {
        let lock = try lock()
        try state.prepare()
        let identities = try preview(for: specs).map(\.identity)
        if let index = specs.lastIndex(where: { $0.jid == nil }) { try writeLast(identities[index].jid, lock) }
        _ = consume lock
        return identities
    }

    /// What a start of these jails now would get; nothing is reserved.
    /// - Parameter findings: where `check` collects what is wrong; nil throws it.
    func preview(for specs: [ConfiguredJail], findings: Findings? = nil) throws(RuntimeError) -> [Place] {
        let others = try state.traces()
        var (jids, networks) = (Set(others.map(\.identity.jid)), Set(others.map(\.network)))
        var ranges = others.compactMap(\.identity.idRange)
        // What the file fixes is no other jail's.
        jids.formUnion(specs.compactMap(\.jid?.value))
        let links = try LinkNumbers(beside: specs, assumed: assumed?.network)
        var last = try last()
        // All below the last one that was given are given, too: a thousand jails take no longer each than a few.
        var given: [IDRange] = []
        var first = Self.firstRange
        var places: [Place] = []
        for spec in specs {
            if spec.jid != nil {
                do throws(RuntimeError) {
                    // One that is up has its own.
                    _ = try fixedJid(of: spec, others: others.filter { $0.name != spec.name.value })
                } catch {
                    guard let findings else { throw error }
                    findings.add(error)
                }
            }
            let jid = spec.jid?.value ?? Self.next(after: last, isUsed: jids.contains)
            if spec.jid == nil { last = jid }
            let range = try chooseRange(for: spec, nil, used: ranges + given, from: first)
            let network = try Self.network(from: jid) { (number) throws(RuntimeError) in
                if networks.contains(number) { return true }
                if !spec.network.isConnected { return false }
                return try links.contains(number)
            }
            places.append(Place(identity: JailIdentity(jid: jid, idRange: range, generation: 0), network: network))
            jids.insert(jid)
            networks.insert(network)
            guard let range else { continue }
            if case .private = spec.privileges.userNamespace.value {
                (first, given) = (range.first, [range])
            } else {
                ranges.append(range)
            }
        }
        return places
    }

    /// As many bytes each time, so that nothing is left of a longer number.
    private func writeLast(_ jid: Int, _ lock: borrowing JailLock) throws(RuntimeError) {
        let digits = Array(String(Self.lastJid + 1 + jid).utf8.dropFirst())
        try attempt("cannot write \(state.registryPath)") { () throws(Errno) in
            try Files.write(digits, to: lock.descriptor.number)
        }
    }

    /// The number after the last one used, wrapping: jail(2).
    private func chooseJid(
        for spec: ConfiguredJail, _ wish: JailIdentity?, others: [JailTrace], _ lock: borrowing JailLock
    ) throws(RuntimeError) -> Int {
        if let fixed = try fixedJid(of: spec, others: others) { return fixed }
        let used = others.map(\.identity.jid)
        if let wish, !used.contains(wish.jid) { return wish.jid }
        let jid = Self.next(after: try last(), isUsed: used.contains)
        try writeLast(jid, lock)
        return jid
    }

    private func fixedJid(of spec: ConfiguredJail, others: [JailTrace]) throws(RuntimeError) -> Int? {
        guard let fixed = spec.jid else { return nil }
        guard others.contains(where: { $0.identity.jid == fixed.value }) else { return fixed.value }
        throw .unsuitable(jail: spec.label, origin: fixed.origin, "jail \(fixed.value) already exists", hint: nil)
    }

    /// The last number used.
    func last() throws(RuntimeError) -> Int {
        if let assumed { return assumed.lastJid }
        if !state.isSeen { return 0 }
        let text = try attempt("cannot read \(state.registryPath)") { () throws(Errno) in
            try Files.textIfThere(state.registryPath)
        }
        return text.flatMap { Int($0) } ?? 0
    }

    private static func next(after last: Int, isUsed: (Int) -> Bool) -> Int {
        var jid = last
        repeat { jid = jid >= lastJid ? 1 : jid + 1 } while isUsed(jid)
        return jid
    }

    private func chooseRange(
        for spec: ConfiguredJail, _ wish: JailIdentity?, used: [IDRange], from lowest: UInt32 = firstRange
    ) throws(RuntimeError) -> IDRange? {
        guard case .private = spec.privileges.userNamespace.value, authority.sharedIDs == nil else {
            return Self.ids(of: spec, authority)
        }
        if let range = wish?.idRange, !used.contains(where: { overlaps($0, range.first) }) { return range }
        var first = lowest
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

    /// As many as the jail will have, and which, where no range has to be chosen for it; nil where it has the host's.
    static func ids(of spec: ConfiguredJail, _ authority: Authority) -> IDRange? {
        switch spec.privileges.userNamespace.value {
        case .host: nil
        case .range(let first, let count): IDRange(first: first, count: count)
        case .private: authority.sharedIDs ?? IDRange(first: firstRange, count: rangeCount)
        }
    }

    private func overlaps(_ range: IDRange, _ first: UInt32) -> Bool {
        range.overlaps(IDRange(first: first, count: Self.rangeCount))
    }
}

extension ConfiguredJail {
    /// jail(8): a jail without a name is named by its number, which is the next one unless it is given.
    package mutating func assumeName(on host: Host) throws(RuntimeError) {
        if name.value.isEmpty {
            if jid == nil { jid = Located(try IdentityRegistry(host).takeNumber(), name.origin) }
            name.value = jid.map { String($0.value) } ?? ""
            if hostname.value.isEmpty { hostname.value = name.value }
        }
        if label.isEmpty { label = name.value }
    }
}
