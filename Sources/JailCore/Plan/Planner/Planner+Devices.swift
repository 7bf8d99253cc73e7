/// `/dev`: a tmpfs filled by jailrun from the devfs ruleset, built detached and attached whole.
extension Planner {
    private var purpose: Purpose { .deviceTree(facts.deviceTree, owner: firstID) }

    func makeDevices() -> [Step] {
        guard let devices = jail.devices else { return [] }
        let origin = devices.origin
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, origin, words) }
        return [
            step(.setMask(0), "let the ruleset decide the modes"),
            step(.openFilesystem("tmpfs", into: .filesystem), "open tmpfs"),
        ]
            + devices.options.map { step(configuration($0), "set \($0) of /dev") } + [
                step(.configure(.filesystem, "uid", String(firstID)), "give /dev to the jail's root"),
                step(.configure(.filesystem, "gid", String(firstID)), "give /dev to the jail's root"),
                step(.createSuperblock(.filesystem), "make /dev"),
                step(.mountDetached(.filesystem, devices.attributes, into: .devices), "mount /dev"),
                step(.close(.filesystem), "close tmpfs"),
            ]
            + directories(step) + facts.deviceTree.nodes.flatMap { makeDevice($0, devices) }
            + makeJailDirectory(devices, step) + shareEnvironment(devices)
            + [step(.setMask(0o022), "set the umask")] + cloneDevices()
    }

    private func directories(_ step: (SystemCall, Phrase) -> Step) -> [Step] {
        facts.deviceTree.directories.flatMap {
            [
                step(.makeDirectory($0, at: .devices, mode: 0o755), "make /dev/\($0)"),
                step(.changeOwner($0, at: .devices, uid: firstID, gid: firstID), "give /dev/\($0) its owner"),
            ]
        }
    }

    /// What is no device: made by root inside, whose it then is.
    func fillDevices(_ devices: DeviceSpec) -> [Step] {
        let origin = devices.origin
        return devices.directories.map {
            child(.makeDirectory($0, at: .devices, mode: 0o755), .attachDevices, origin, "make /dev/\($0)")
        }
            + facts.deviceTree.links.filter { !isTaken("dev/\($0.path)") }.map {
                child(
                    .makeSymlink($0.path, to: $0.target, at: .devices), .attachDevices, origin, "make /dev/\($0.path)")
            }
    }

    /// A folder that belongs to nobody inside, for `env` and for jailrun inside.
    private func makeJailDirectory(_ devices: DeviceSpec, _ step: (SystemCall, Phrase) -> Step) -> [Step] {
        guard allowsJails || devices.environment != nil else { return [] }
        let state = [
            step(.makeDirectory("jail/run", at: .devices, mode: 0o755), "make /dev/jail/run"),
            step(.changeOwner("jail/run", at: .devices, uid: firstID, gid: firstID), "give /dev/jail/run its owner"),
        ]
        return [step(.makeDirectory("jail", at: .devices, mode: 0o755), "make /dev/jail")] + (allowsJails ? state : [])
    }

    /// `env`: FreeBSD's is a sysctl; here it is a file that belongs to nobody inside, in a folder that does neither.
    private func shareEnvironment(_ devices: DeviceSpec) -> [Step] {
        guard let text = devices.environment else { return [] }
        func step(_ call: SystemCall, _ words: Phrase) -> Step {
            host(call, .environmentFile(text.value), text.origin, words)
        }
        return [
            step(
                .makeNode("jail/env", at: .devices, type: .regular, mode: 0o444, major: 0, minor: 0),
                "make /dev/jail/env"
            ),
            step(
                .open("jail/env", at: .devices, [.writeOnly, .closeOnExec], into: .file), "open /dev/jail/env"),
            step(.write(text.value + "\n", to: .file), "write /dev/jail/env"),
            step(.close(.file), "close /dev/jail/env"),
        ]
    }

    private func makeDevice(_ node: DeviceNode, _ devices: DeviceSpec) -> [Step] {
        let origin = devices.rulesOrigin
        if !facts.authority.canMakeNodes { return [makeDevicePlace(node, purpose, origin)] }
        return [
            host(
                .makeNode(
                    node.path, at: .devices, type: node.kind == .block ? .block : .character, mode: UInt32(node.mode),
                    major: node.major, minor: node.minor),
                purpose, origin, "make /dev/\(node.path)"),
            host(
                .changeOwner(node.path, at: .devices, uid: firstID + node.uid, gid: firstID + node.gid), purpose,
                origin,
                "give /dev/\(node.path) its owner"),
        ]
    }
}
