/// What a start finds out as it gives mounts the jail's ids: whether their file systems can show them, mount_setattr(2).
extension Planner {
    /// For each of these mounts, the steps that open it, and last the one that gives it the ids. Nothing is attached. Of a disk
    /// nothing is known before it is mounted.
    var idmapTrials: [[Step]] {
        if !isIdmapped { return [] }
        let opening = openRoot() + openMountSources()
        return mapRoot().filter { $0.givesIDs && !isOfDisk($0) }.map { opening.leading(to: $0) + [$0] }
    }

    private func isOfDisk(_ step: Step) -> Bool {
        guard case .restrictSource(let source, _, _) = step.purpose else { return false }
        return jail.mounts.contains { mount in
            if case .disk = mount.source { mount.number == source.number } else { false }
        }
    }
}

extension Step {
    /// MOUNT_ATTR_IDMAP.
    var givesIDs: Bool {
        guard case .call(let call) = operation else { return false }
        return call.setsIdmap
    }

    fileprivate var needed: [Slot] {
        guard case .call(let call) = operation else { return [] }
        return call.arguments.compactMap { if case .descriptor(let slot) = $0 { slot } else { nil } }
    }

    /// What it opens.
    var opened: Slot? { if case .call(let call) = operation { call.result } else { nil } }
}

extension [Step] {
    /// Those without which a step would lack a descriptor, in their order.
    fileprivate func leading(to step: Step) -> [Step] {
        var needed = Set(step.needed)
        var found: [Step] = []
        for step in reversed() {
            guard let slot = step.opened, needed.remove(slot) != nil else { continue }
            found.append(step)
            needed.formUnion(step.needed)
        }
        return found.reversed()
    }
}
