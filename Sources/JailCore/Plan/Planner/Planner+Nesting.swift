/// Jails in jails, cgroups(7) "Delegation": what a jail with `children.max` gets, and what is made otherwise where jailrun itself
/// runs in such a jail.
extension Planner {
    private var delegation: Purpose {
        .delegatedCgroup(maximum: jail.cgroup.children.value, owner: firstID)
    }

    /// The files with which the owner of a cgroup divides it; not those that limit it.
    private static let dividingFiles = ["", "cgroup.procs", "cgroup.threads", "cgroup.subtree_control"]

    func giveCgroup() -> [(SystemCall, Phrase)] {
        Self.dividingFiles.map { file in
            (
                .changeOwner(file, at: .cgroup, uid: firstID, gid: firstID),
                "give \(file.isEmpty ? "the cgroup" : file) to the jail's root"
            )
        }
    }

    /// The jail's root may divide its cgroup. Its own processes live in a leaf: one that holds processes gives no controllers to
    /// those below it.
    func delegateCgroup() -> [Step] {
        guard allowsJails else { return [] }
        let origin = jail.cgroup.children.origin
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, delegation, origin, words) }
        let leaf = CgroupMark.leaf
        return [step(.makeDirectory(leaf, at: .cgroup, mode: 0o755), "make the cgroup of the jail's own processes")]
            + giveCgroup().map(step)
            + Self.dividingFiles.map { file in
                let path = file.isEmpty ? leaf : "\(leaf)/\(file)"
                return step(
                    .changeOwner(path, at: .cgroup, uid: firstID, gid: firstID), "give \(path) to the jail's root")
            }
            + [
                step(
                    .open("\(leaf)/cgroup.procs", at: .cgroup, [.writeOnly, .closeOnExec], into: .leaf),
                    "open the cgroup of the jail's own processes")
            ]
    }

    /// After the clone: the root of its cgroup namespace is the jail's cgroup, where it was born, and it is one below.
    func enterLeaf() -> [Step] {
        guard allowsJails else { return [] }
        let origin = jail.cgroup.children.origin
        return [
            child(.write("0", to: .leaf), delegation, origin, "enter the cgroup of the jail's own processes"),
            child(.close(.leaf), delegation, origin, "close it"),
        ]
    }

    // MARK: In a jail

    /// The state directory of jailrun in such a jail.
    static let stateInside = "/dev/jail/run"

    /// No user namespace may make device nodes. Those that the jail around has are shown a second time.
    var boundDevices: [(node: DeviceNode, slot: Slot)] {
        guard !facts.authority.canMakeNodes, jail.devices != nil else { return [] }
        return facts.deviceTree.nodes.enumerated().map { ($1, Slot("device-\($0)")) }
    }

    private var rulesOrigin: Origin { jail.devices?.rulesOrigin ?? .standard("") }

    func makeDevicePlace(_ node: DeviceNode, _ purpose: Purpose, _ origin: Origin) -> Step {
        host(
            .makeNode(node.path, at: .devices, type: .regular, mode: 0, major: 0, minor: 0), purpose, origin,
            "make a place for /dev/\(node.path)")
    }

    func cloneDevices() -> [Step] {
        let devices = boundDevices
        if devices.isEmpty { return [] }
        let origin = rulesOrigin
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .boundDevices(facts.deviceTree), origin, words)
        }
        return [step(.openDirectory("/dev", into: .devicesAround), "open /dev")]
            + devices.flatMap { node, slot in
                [
                    step(
                        .cloneTree(node.path, at: .devicesAround, isRecursive: false, into: slot),
                        "clone the mount of /dev/\(node.path)"),
                    step(
                        .setAttributes([.noSetuid, .noExec], on: slot, isRecursive: false),
                        "set the attributes of /dev/\(node.path)"),
                ]
            } + [step(.close(.devicesAround), "close /dev")]
    }

    func attachBoundDevices() -> [Step] {
        let origin = rulesOrigin
        return boundDevices.flatMap { node, slot in
            attach(slot, at: "dev/\(node.path)", origin, .boundDevices(facts.deviceTree))
        }
    }
}

extension Slot {
    /// `cgroup.procs` of the jail's leaf.
    static let leaf = Slot("leaf")
    static let devicesAround = Slot("devices-around")
}
