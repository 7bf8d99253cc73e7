internal import CNamespaces

/// cgroups(7): the jail's own cgroup, its values, and its device program.
extension Planner {
    func makeCgroup() -> [Step] {
        let origin = Origin.standard("")
        let directory: OpenFlags = [.directory, .closeOnExec]
        var steps = facts.controllers.map { controller in
            [
                host(
                    .open("cgroup.subtree_control", at: .cgroupRoot, [.writeOnly, .closeOnExec], into: .controllerFile),
                    .limits, controllerOrigin(controller), "open cgroup.subtree_control"),
                host(
                    .write("+\(controller)", to: .controllerFile), .limits, controllerOrigin(controller),
                    "enable the controller \(controller)"),
                host(.close(.controllerFile), .limits, controllerOrigin(controller), "close cgroup.subtree_control"),
            ]
        }.flatMap { $0 }
        steps += [
            host(
                .makeDirectory(jail.name.value, at: .cgroupRoot, mode: 0o755), .limits, origin,
                "make the jail's cgroup", undo: .removeCgroup),
            host(
                .open(jail.name.value, at: .cgroupRoot, directory, into: .cgroup), .limits, origin,
                "open the jail's cgroup"),
            host(
                .setAttribute("trusted.jailrun", to: jail.name.value, on: .cgroup), .limits, origin,
                "mark the cgroup as jailrun's"),
        ]
        return steps + jail.cgroup.flatMap(set) + attachDeviceProgram()
    }

    private func controllerOrigin(_ controller: String) -> Origin {
        jail.cgroup.first { $0.file.hasPrefix(controller + ".") }?.origin ?? .standard("")
    }

    private func set(_ setting: CgroupSetting) -> [Step] {
        [
            host(
                .open(setting.file, at: .cgroup, [.writeOnly, .closeOnExec], into: .settingFile), .limits,
                setting.origin, "open \(setting.file)"),
            host(
                .write(setting.value, to: .settingFile), .limits, setting.origin,
                "set \(setting.file) to \(setting.value)"),
            host(.close(.settingFile), .limits, setting.origin, "close \(setting.file)"),
            Step(
                operation: .verify(cgroupFile: setting.file, value: setting.value), side: .host, subject: .limits,
                origin: setting.origin, purpose: "read \(setting.file) back", undo: nil),
        ]
    }

    /// The rules of /dev once more, as a program that the kernel asks at each open and mknod: BPF_CGROUP_DEVICE.
    private func attachDeviceProgram() -> [Step] {
        guard hasDevices else { return [] }
        let origin = jail.pseudoFilesystems.devfsRuleset.origin
        let program = DeviceProgram(nodes: facts.devices, hasPseudoTerminals: facts.hasPseudoTerminals)
        return [
            host(.loadDeviceProgram(program, into: .deviceProgram), .devices, origin, "load the device program"),
            host(
                .attachDeviceProgram(.deviceProgram, to: .cgroup), .devices, origin,
                "attach the device program to the cgroup"),
            host(.close(.deviceProgram), .devices, origin, "close the device program"),
        ]
    }
}

extension Slot {
    static let controllerFile = Slot("controller-file")
    static let settingFile = Slot("cgroup-file")
    static let deviceProgram = Slot("device-program")
}

extension SystemCall {
    static func loadDeviceProgram(_ program: DeviceProgram, into slot: Slot) -> Self {
        let load = program.loadAttribute()
        return Self(
            "bpf", cns_number_bpf,
            [.integer(5, spelled: "BPF_PROG_LOAD"), .structure(load), .integer(load.bytes.count)], into: slot)
    }

    static func attachDeviceProgram(_ program: Slot, to cgroup: Slot) -> Self {
        let attach = DeviceProgram.attachAttribute(program: program, cgroup: cgroup)
        return Self(
            "bpf", cns_number_bpf,
            [.integer(8, spelled: "BPF_PROG_ATTACH"), .structure(attach), .integer(attach.bytes.count)])
    }
}
