internal import SystemPackage

/// The network of a start: planned and connected under one lock.
struct NetworkStart: ~Copyable {
    let operations: [Located<NetworkOperation>]

    init(jail: JailSpec, identity: JailIdentity, host: Host) throws(RuntimeError) {
        operations = []
    }

    init(sharing other: borrowing NetworkStart) {
        operations = other.operations
    }

    func perform(_ operation: NetworkOperation, step: Step, number: Int, child: Int32, jail: JailSpec) throws(RuntimeError) {
    }
}
