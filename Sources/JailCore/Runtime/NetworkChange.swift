internal import Glibc
internal import SystemPackage

/// Gives a running jail other addresses: its links are taken away and made anew in its namespace, by the operations of a start.
/// Connections of addresses that stay survive, for the kernel keeps sockets when a link goes.
struct NetworkChange {
    private let record: JailRecord
    private let host: Host

    init(of record: JailRecord, host: Host) {
        self.record = record
        self.host = host
    }

    /// - Throws: what is wrong with the addresses, when the jail has its old ones.
    func run(to new: inout JailRecord) throws(RuntimeError) {
        new.details.spec = try HostnameLookup(jail: new.spec, host: host).resolved()
        try resolvePorts(of: &new)
        let (before, after) = (record.spec.network, new.spec.network)
        if before.mode.value == after.mode.value, before.isSame(as: after) {
            if before.ports == after.ports && (before.masquerade == nil) == (after.masquerade == nil) { return }
            return try PortChange(of: record, host: host).run(to: &new)
        }
        // Whatever is wrong is said before anything is taken away.
        try checkShared(after.addresses.first?.origin ?? .commandLine)
        _ = try NetworkStart(preview: new.spec, number: record.trace.network, host: host, mayJoin: false)
        new.trace.hasNetwork = new.trace.hasNetwork || !after.addresses.isEmpty
        // From here on there may be something to be taken back.
        try host.state.write(new.traceUnderOldName(record.name))
        _ = NetworkStop(trace: record.trace, undo: record.details.networkUndo, host: host).run()
        do throws(RuntimeError) { new.details.networkUndo = try connect(new.spec) } catch {
            do throws(RuntimeError) { _ = try connect(record.spec) } catch {
                host.warn("\(record.spec.label): has no network now: \(error.message)")
            }
            throw error
        }
    }

    /// Its processes cannot leave the network that others are in, too.
    private func checkShared(_ origin: Origin) throws(RuntimeError) {
        let others = NetworkGroup(number: record.trace.network, host: host).others(than: record.name)
        guard record.trace.hasNetwork, let other = others.first else { return }
        throw .unsuitable(
            jail: record.spec.label, origin: origin,
            "its addresses are those of jail \"\(other.name)\", too, and cannot be changed while both are up",
            hint: "stop one of them; jail -mr makes this one anew")
    }

    /// Under the name that its rules have now, or it would be told that it has its own ports.
    private func resolvePorts(of new: inout JailRecord) throws(RuntimeError) {
        var spec = new.spec
        spec.name = record.spec.name
        new.details.spec.network.ports = try PortReservation().resolved([spec])[0].network.ports
    }

    /// - Returns: what takes it back, newest first.
    private func connect(_ spec: JailSpec) throws(RuntimeError) -> [NetworkOperation] {
        let network = try NetworkStart(jail: spec, number: record.trace.network, host: host, mayJoin: false)
        for planned in network.operations {
            let step = Step(
                operation: .network(planned.value), side: .host, aim: .network(planned.value), origin: planned.origin,
                purpose: "connect the network", undo: nil)
            let began = Clock.microseconds()
            try network.perform(planned.value, step: step, child: record.pid)
            host.observe?(step, Clock.microseconds() - began)
        }
        network.close()
        return network.operations.reversed().compactMap(\.value.undo)
    }
}

extension NetworkSpec {
    fileprivate func isSame(as other: NetworkSpec) -> Bool {
        addresses.count == other.addresses.count
            && zip(addresses, other.addresses).allSatisfy { left, right in
                left.address == right.address && left.prefixLength == right.prefixLength
                    && left.interface == right.interface
            }
    }
}

extension JailRecord {
    fileprivate func traceUnderOldName(_ name: String) -> JailTrace {
        var trace = trace
        trace.name = name
        return trace
    }
}
