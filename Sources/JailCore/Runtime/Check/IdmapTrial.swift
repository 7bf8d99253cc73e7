internal import CNamespaces
internal import Glibc

/// Whether mounts can show their files with a jail's ids: which file systems can, nobody knows but the kernel. It is asked with
/// the steps of the start; the mounts are attached nowhere, and gone with the question. Each is asked about once.
final class IdmapTrial {
    /// Whose ids these are does not matter. Negative where none can be made.
    private lazy var namespace =
        geteuid() == 0 ? cns_user_namespace(IdentityRegistry.firstRange, IdentityRegistry.rangeCount) : -1
    private var answers: [String: Bool] = [:]
    private var isAsked = false

    deinit { if isAsked, namespace >= 0 { close(namespace) } }

    /// What the start would say that performs these steps, the last of which gives the ids.
    func objection(to steps: [Step], of jail: ConfiguredJail) -> RuntimeError? {
        guard let step = steps.last, let path = step.idmappedPath(in: jail) else { return nil }
        let key = steps.map(\.operation.spelling).joined()
        let isRefused = answers[key] ?? isRefused(steps, path)
        answers[key] = isRefused
        return isRefused ? .notIdmapped(path, step, jail) : nil
    }

    private func isRefused(_ steps: [Step], _ path: String) -> Bool {
        isAsked = true
        if namespace < 0 { return MountTable.filesystems(of: path).contains(where: Self.never.contains) }
        let plan = KernelPlan(steps: steps)
        plan.set(.userNamespace, to: namespace)
        defer {
            for slot in Set(steps.compactMap(\.opened)) {
                if let descriptor = plan.descriptor(in: slot), descriptor >= 0 { close(descriptor) }
            }
        }
        // What cannot be opened is told as such.
        do { try plan.perform(0..<steps.count) } catch {
            return error.index == steps.count - 1 && error.meansNoIdmap
        }
        return false
    }

    /// For who may not ask the kernel.
    private static let never = [
        "proc", "sysfs", "devtmpfs", "devpts", "cgroup", "cgroup2", "mqueue", "debugfs", "tracefs", "securityfs", "bpf",
        "pstore", "configfs", "binfmt_misc",
    ]
}

extension StepFailure {
    /// mount_setattr(2): of a file system, or a mount, that cannot have it.
    var meansNoIdmap: Bool { [EINVAL, EPERM].contains(errno) }
}

extension RuntimeError {
    static func notIdmapped(_ path: String, _ step: Step, _ jail: ConfiguredJail) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: step.origin,
            "\(Terminal.escaped(path)) cannot be idmapped: \(MountTable.filesystem(of: path)) does not support it",
            hint: "to use the host's ids in the jail: userns = host")
    }
}

extension Step {
    /// The path that MOUNT_ATTR_IDMAP was meant for, if this step is that.
    func idmappedPath(in jail: ConfiguredJail) -> String? {
        guard givesIDs else { return nil }
        return jail.mounts.first { $0.origin == origin && $0.kind.isPrepared }?.source ?? jail.path.value
    }
}

extension HostCheck {
    /// A command of the host's may still mount something there.
    mutating func checkIdmaps() {
        guard let start = preparedStart, host.assumed == nil else { return }
        let planner = Planner(jail: start.spec, identity: start.identity, facts: start.facts)
        for steps in planner.idmapTrials {
            if let error = idmaps.objection(to: steps, of: start.spec) { say(error, isAbsent: true) }
        }
    }
}
