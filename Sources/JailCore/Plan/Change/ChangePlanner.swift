internal import CNamespaces

/// Turns a change of a jail that runs into steps, `jail -m`: only what changes has any, and each carries its undo.
package struct ChangePlanner {
    let old: ConfiguredJail
    let new: ConfiguredJail
    let identity: JailIdentity
    let facts: ChangeFacts

    package init(from old: ConfiguredJail, to new: ConfiguredJail, identity: JailIdentity, facts: ChangeFacts) {
        self.old = old
        self.new = new
        self.identity = identity
        self.facts = facts
    }

    /// - Throws: what is wrong with the new addresses or ports.
    package func plan() throws(NetworkPlanError) -> ChangePlan {
        let network = try changeNetwork()
        let steps =
            reachFirstProcess()  // first: a jail that is gone is left alone
            + nameHost()
            + shareEnvironment()
            + setLimits()
            + network.steps  // late: others see a link that goes, even if it comes again
            + rename()
        return ChangePlan(
            steps: steps,
            last: setPersistence()  // not before: a jail that ends at once needs its record
                + steps.compactMap(close),  // not before: what is taken back needs them
            networkUndo: network.undo)
    }

    /// One that fails later closes what it has opened.
    private func open(_ call: SystemCall, _ purpose: Purpose, _ origin: Origin, _ words: Phrase) -> Step {
        step(call, purpose, origin, words, undo: call.result.map { [.close($0)] } ?? [])
    }

    private func step(
        _ call: SystemCall, _ purpose: Purpose, _ origin: Origin, _ words: Phrase, undo: [SystemCall] = []
    ) -> Step {
        Step(
            operation: .call(call), side: .host, purpose: purpose, origin: origin, words: words,
            undo: undo.map(Operation.call))
    }

    /// Closes what a step has opened for those behind it.
    private func close(_ opening: Step) -> Step? {
        guard case .call(let call) = opening.operation, let close = call.result.map(SystemCall.close),
            opening.undo == [.call(close)]
        else { return nil }
        return step(close, opening.purpose, opening.origin, "close what was opened")
    }

    // MARK: persist

    private var persistence: Purpose { .persistence(new.isPersistent.value || facts.hasJails) }

    private func reachFirstProcess() -> [Step] {
        if new.isPersistent.value == old.isPersistent.value { return [] }
        return [
            open(
                .openProcess(facts.process, into: .joined), persistence, new.isPersistent.origin,
                "reach the jail's first process")
        ]
    }

    private func setPersistence() -> [Step] {
        guard new.isPersistent.value != old.isPersistent.value, case .persistence(let isOn) = persistence else {
            return []
        }
        let signal = isOn ? CNS_SIGNAL_PERSIST.rawValue : CNS_SIGNAL_NO_PERSIST.rawValue
        return [
            step(
                .signal(.joined, Int(signal)), persistence, new.isPersistent.origin,
                "tell the jail's first process when to end")
        ]
    }

    // MARK: host.hostname

    /// jailrun's only thread goes to the jail's UTS namespace for that call. Nothing of the jail's can see it there: it stays in
    /// the host's pid and mount namespaces.
    private func nameHost() -> [Step] {
        let (name, origin) = (new.hostname.value, new.hostname.origin)
        if name == old.hostname.value { return [] }
        let (enter, leave) = (
            SystemCall.joinNamespaces(.jailNames, .uts), SystemCall.joinNamespaces(.hostNames, .uts)
        )
        let files = [("/proc/\(facts.process)/ns/uts", Slot.jailNames), ("/proc/thread-self/ns/uts", .hostNames)]
        func part(_ call: SystemCall, _ words: Phrase, undo: SystemCall) -> Step {
            step(call, .hostname(name), origin, words, undo: [undo])
        }
        return files.map { open(.open($0.0, [.closeOnExec], into: $0.1), .hostname(name), origin, "open \($0.0)") } + [
            part(enter, "enter the jail's UTS namespace", undo: leave),
            part(.setHostName(name), "set the hostname to \(name)", undo: .setHostName(old.hostname.value)),
            part(leave, "leave the jail's UTS namespace", undo: enter),
        ]
    }

    // MARK: env

    /// `/dev/jail/env` is replaced whole. /dev is root's inside, who may put another folder there, or, with `children.max`,
    /// another mount. The folder that is written to is on a tmpfs and belongs to jailrun's own user; nobody inside can make or
    /// change one such.
    private func shareEnvironment() -> [Step] {
        let (before, after) = (old.metadata.environment?.value ?? "", new.metadata.environment?.value ?? "")
        if before == after { return [] }
        let (purpose, origin) = (Purpose.environmentFile(after), new.metadata.environment?.origin ?? .commandLine)
        func part(_ operation: Operation, undo: [SystemCall] = []) -> Step {
            Step(
                operation: operation, side: .host, purpose: purpose, origin: origin, words: "write /dev/jail/env",
                undo: undo.map(Operation.call))
        }
        func enter(_ path: String, _ slot: Slot) -> Step {
            part(
                .call(
                    .openInRoot(
                        path, root: .root, [.directory, .closeOnExec], resolve: Planner.inside, into: slot)),
                undo: [.close(slot)])
        }
        let replacement = Self.replace(with: after)
        let back = before.isEmpty ? [.remove("env", at: .jailDirectory)] : Self.replace(with: before)
        return [
            part(.call(.openDirectory("/proc/\(facts.process)/root", into: .root)), undo: [.close(.root)]),
            enter("dev", .devices), part(.check(.devices, .isOnTmpfs)),
            part(.call(.makeDirectory("jail", at: .devices, mode: 0o755, allowing: cns_error_exists))),
            enter("dev/jail", .jailDirectory), part(.check(.jailDirectory, .belongs(to: facts.owner))),
            part(.check(.jailDirectory, .isOnTmpfs)),
        ] + replacement.dropLast().map { part(.call($0)) }
            + replacement.suffix(1).map { part(.call($0), undo: back) }
    }

    /// Whoever reads it meets the old text or the new one.
    private static func replace(with text: String) -> [SystemCall] {
        [
            .remove("env.new", at: .jailDirectory),
            .makeNode("env.new", at: .jailDirectory, type: .regular, mode: 0o444, major: 0, minor: 0),
            .open("env.new", at: .jailDirectory, [.writeOnly, .noFollow, .closeOnExec], into: .file),
            .write(text + "\n", to: .file), .close(.file),
            .rename("env.new", to: "env", at: .jailDirectory),
        ]
    }

    // MARK: cgroup.*

    /// Written and read back by the steps of a start. A controller that was enabled stays: others may use it by now.
    private func setLimits() -> [Step] {
        let changed = new.cgroup(unlike: old)
        guard let first = changed.first else { return [] }
        return facts.cgroupLevels.flatMap { $0.steps(for: new.cgroup, mark: facts.mark) } + [
            open(
                .openDirectory(facts.cgroup, flags: [.directory, .closeOnExec], into: .cgroup),
                .cgroupValue(file: first.file, value: first.value), first.origin, "open the jail's cgroup")
        ] + changed.flatMap { Planner.set($0, undo: reset($0.file)) }
    }

    private func reset(_ file: String) -> [Operation] {
        let lines = facts.limits.first { $0.file == file }?.value.split(separator: "\n").map(String.init)
        return (lines ?? [Self.untouched(file)].compactMap { $0 }).flatMap { line -> [Operation] in
            [
                .call(.open(file, at: .cgroup, [.writeOnly, .closeOnExec], into: .settingFile)),
                .call(.write(line, to: .settingFile)), .call(.close(.settingFile)),
            ]
        }
    }

    /// What a file has when its controller comes: cgroups(7) and the kernel's cgroup-v2.rst.
    private static func untouched(_ file: String) -> String? {
        switch file.split(separator: ".").last {
        case "max", "high": "max"
        case "min", "low": "0"
        case "weight": "100"
        default: nil
        }
    }

    // MARK: name

    /// The cgroup's own name stays, for the kernel renames none.
    private func rename() -> [Step] {
        let (name, former) = (new.name.value, old.name.value)
        if name == former { return [] }
        let mark = facts.mark.attribute
        return [
            step(
                .setAttribute(mark, to: name, ofPath: facts.cgroup), .cgroup(name, below: facts.cgroup),
                new.name.origin, "mark the cgroup as belonging to \(name)",
                undo: [.setAttribute(mark, to: former, ofPath: facts.cgroup)])
        ]
    }
}

extension ConfiguredJail {
    /// Limits that another jail has not, or has otherwise.
    func cgroup(unlike other: ConfiguredJail) -> [CgroupSetting] {
        cgroup.filter { setting in !other.cgroup.contains { $0.file == setting.file && $0.value == setting.value } }
    }
}

extension Slot {
    /// UTS namespaces.
    static let jailNames = Slot("jail-uts")
    static let hostNames = Slot("host-uts")
    /// `/dev/jail`.
    static let jailDirectory = Slot("dev-jail")
}

extension SystemCall {
    static func openProcess(_ pid: Int32, into slot: Slot) -> Self {
        Self("pidfd_open", cns_number_pidfd_open, [.integer(Int(pid)), .integer(0)], into: slot)
    }

    /// One of the signals that no process of the jail can forge: their sender is the host.
    static func signal(_ pidfd: Slot, _ number: Int) -> Self {
        Self(
            "pidfd_send_signal", cns_number_pidfd_send_signal,
            [.descriptor(pidfd), .integer(Int64(number), spelled: "SIGRT_\(number - 32)"), .null, .integer(0)])
    }
}
