internal import CNamespaces

/// cgroups(7): the jail's own cgroup, its values, and its device program.
extension Planner {
    func makeCgroup() -> [Step] {
        if !jail.hasCgroup { return [] }
        let origin = Origin.standard("")
        let purpose = Purpose.cgroup(jail.id, below: facts.cgroupLevels.last?.path ?? "/")
        let directory: OpenFlags = [.directory, .closeOnExec]
        var steps = facts.cgroupLevels.flatMap {
            $0.isOfJail ? $0.steps(for: jail.cgroup.settings, mark: facts.authority.mark) : []
        }
        steps += [
            host(
                .open(facts.cgroupLevels.last?.path ?? "/", directory, into: .cgroupRoot), purpose, origin,
                "open the cgroup of all jails"),
            host(
                .makeDirectory(jail.id, at: .cgroupRoot, mode: 0o755), purpose, origin,
                "make the jail's cgroup", undo: [.removeCgroup]),
            host(
                .open(jail.id, at: .cgroupRoot, directory, into: .cgroup), purpose, origin,
                "open the jail's cgroup"),
            host(
                .setAttribute(mark, to: jail.id, on: .cgroup), purpose, origin,
                "mark the cgroup as jailrun's"),
        ]
        if jail.cgroup.isGiven { steps += giveCgroup().map { host($0, purpose, origin, $1) } }
        return steps + jail.cgroup.settings.flatMap { Self.set($0, isRounded: jail.cgroup.isRounded) }
            + attachDeviceProgram() + delegateCgroup()
    }

    var mark: String { facts.authority.mark.attribute }

    /// - Parameter undo: what gives it the value that it had.
    static func set(_ setting: CgroupSetting, isRounded: Bool = false, undo: [Operation] = []) -> [Step] {
        let purpose = Purpose.cgroupValue(file: setting.file, value: setting.value)
        return [
            Step.onHost(
                .open(setting.file, at: .cgroup, [.writeOnly, .closeOnExec], into: .settingFile), purpose,
                setting.origin, "open \(setting.file)"),
            Step.onHost(
                .write(setting.value, to: .settingFile), purpose, setting.origin,
                "set \(setting.file) to \(setting.value)", undo: undo),
            Step.onHost(.close(.settingFile), purpose, setting.origin, "close \(setting.file)"),
        ]
            + (isRounded ? [] : verify(setting, purpose))
    }

    /// Of a cgroup that is there: its path.
    static func set(_ settings: [CgroupSetting], inCgroup path: String) -> [Step] {
        guard let first = settings.first else { return [] }
        let purpose = Purpose.cgroupValue(file: first.file, value: first.value)
        let open = Step.onHost(
            .open(path, [.directory, .closeOnExec], into: .cgroup), purpose, first.origin, "open the cgroup \(path)")
        return [open] + settings.flatMap { set($0, isRounded: true) }
            + [Step.onHost(.close(.cgroup), purpose, first.origin, "close the cgroup")]
    }

    private static func verify(_ setting: CgroupSetting, _ purpose: Purpose) -> [Step] {
        [
            Step.onHost(
                .open(setting.file, at: .cgroup, [.closeOnExec], into: .settingFile), purpose, setting.origin,
                "open \(setting.file) again"),
            Step(
                operation: .verify(cgroupFile: setting.file, value: setting.value), side: .host, purpose: purpose,
                origin: setting.origin, words: "read \(setting.file) back"),
            Step.onHost(.close(.settingFile), purpose, setting.origin, "close \(setting.file)"),
        ]
    }

    /// The rules of /dev once more, as a program that the kernel asks at each open and mknod: BPF_CGROUP_DEVICE.
    private func attachDeviceProgram() -> [Step] {
        // In a jail that around it is asked, too, and no other may be loaded. Who may mount can take `nodev` from the root:
        // then no device of the root's may be opened, although /dev is not asked for.
        guard facts.authority.canLoadPrograms else { return [] }
        if let rules = jail.cgroup.deviceRules { return attachDeviceProgram(rules) }
        guard jail.devices != nil || allowsJails else { return [] }
        let origin = jail.devices?.rulesOrigin ?? jail.cgroup.children.origin
        let tree = jail.devices == nil ? DeviceTree() : facts.deviceTree
        return attach(.loadDeviceProgram(for: tree, into: .deviceProgram), .deviceProgram(tree), origin)
    }

    private func attachDeviceProgram(_ rules: Located<[DeviceRule]>) -> [Step] {
        if DeviceRule.allowsAll(rules.value) { return [] }
        let instructions = DeviceProgram.instructions(rules.value)
        return attach(
            .loadDeviceProgram(instructions, into: .deviceProgram), .deviceProgram(facts.deviceTree), rules.origin)
    }

    private func attach(_ load: SystemCall, _ purpose: Purpose, _ origin: Origin) -> [Step] {
        [
            host(load, purpose, origin, "load the device program"),
            host(
                .attachDeviceProgram(.deviceProgram, to: .cgroup), purpose, origin,
                "attach the device program to the cgroup"),
            host(.close(.deviceProgram), purpose, origin, "close the device program"),
        ]
    }
}

/// What shows that a cgroup belongs to jailrun, whatever happened to its records: an attribute whose value is the
/// jail's name.
package enum CgroupMark: String, Sendable, Codable {
    /// Only the host's root can set it, and no cgroup of another program has it.
    case trusted
    /// In another user namespace there is only what its root can set.
    case user

    var attribute: String { "\(rawValue).jailrun" }
    /// The value for a cgroup that was made on the way down to the jails'. No jail has this name.
    static let level = "/"
    /// The mode says the same, by the sticky bit, from the first moment: mkdir(2) and setxattr(2) are two calls, and whoever dies or
    /// fails between them would leave a cgroup that nobody takes away.
    static let levelMode: UInt32 = 0o1755
    /// The cgroup below a jail's in which its own processes are once there may be other jails beside them: one that holds
    /// processes gives no controllers to those below it. No jail has this name.
    package static let leaf = ".processes"
}

extension Slot {
    static let controllerFile = Slot("controller-file")
    static let settingFile = Slot("cgroup-file")
    static let deviceProgram = Slot("device-program")
}

extension SystemCall {
    /// BPF_PROG_LOAD of the device program of a `/dev`.
    static func loadDeviceProgram(for tree: DeviceTree, into slot: Slot) -> Self {
        loadDeviceProgram(
            DeviceProgram.instructions(allowing: tree.nodes, hasTerminals: tree.hasTerminals), into: slot)
    }

    static func loadDeviceProgram(_ instructions: [UInt8], into slot: Slot) -> Self {
        let count = instructions.count / 8
        let license = Array(DeviceProgram.license.utf8) + [0]
        return control(.load(instructionCount: count), spelled: "BPF_PROG_LOAD", into: slot) { field in
            switch field {
            case .instructions(let offset): .pointer(offset: offset, bytes: instructions)
            case .license(let offset): .pointer(offset: offset, bytes: license)
            case .cgroup, .program: nil
            }
        } spelling: {
            "{prog_type=BPF_PROG_TYPE_CGROUP_DEVICE, insn_cnt=\(count), prog_name=\"\(DeviceProgram.name)\"}"
        }
    }

    static func attachDeviceProgram(_ program: Slot, to cgroup: Slot) -> Self {
        control(.attach(), spelled: "BPF_PROG_ATTACH", into: nil) { field in
            switch field {
            case .cgroup(let offset): .slot(offset: offset, size: 4, cgroup)
            case .program(let offset): .slot(offset: offset, size: 4, program)
            case .instructions, .license: nil
            }
        } spelling: {
            "{target_fd=\(cgroup), attach_bpf_fd=\(program), attach_type=BPF_CGROUP_DEVICE, attach_flags=BPF_F_ALLOW_MULTI}"
        }
    }

    private static func control(
        _ attributes: BPFAttributes, spelled: String, into slot: Slot?,
        patch: (BPFAttributes.Field) -> Structure.Patch?, spelling: () -> String
    ) -> Self {
        let structure = Structure(
            bytes: attributes.bytes, patches: attributes.fields.compactMap(patch), spelling: .text(spelling()))
        return Self(
            "bpf", cns_number_bpf,
            [
                .integer(Int64(attributes.command), spelled: .text(spelled)), .structure(structure),
                .integer(attributes.bytes.count),
            ], into: slot)
    }
}
