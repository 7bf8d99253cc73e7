/// `ulimit.NAME`, `oom.score`, `sysctl.NAME`: getrlimit(2), proc(5).
extension Planner {
    /// The limits that the caller has and a jail must not, as far as the file names no other.
    var inheritedLimits: [StartFacts.ResourceLimit] {
        facts.limits.filter { limit in
            !jail.process.limits.contains { $0.resource.number == limit.resource }
        }
    }

    /// prlimit(2) of the child: in its own user namespace it could only lower them.
    func limitProcess() -> [Step] {
        limitResources() + attributes.filter { !$0.value.isOwn }.map { set($0, of: .childProcess) }
            + (jail.process.oomScore.map { score in
                [
                    host(
                        .open("oom_score_adj", at: .child, [.writeOnly, .closeOnExec], into: .file),
                        .oomScore(score.value),
                        score.origin, "open oom_score_adj"),
                    host(
                        .write(String(score.value), to: .file), .oomScore(score.value), score.origin,
                        "set oom_score_adj"),
                    host(.close(.file), .oomScore(score.value), score.origin, "close oom_score_adj"),
                ]
            } ?? [])
    }

    /// As the owner of its user namespace: root has CAP_SYS_RESOURCE over others' processes, but not in every container.
    private func limitResources() -> [Step] {
        if jail.process.limits.isEmpty { return [] }
        let steps = jail.process.limits.map { limit in
            host(Self.call(limit, of: .childProcess), .processLimit(limit), limit.origin, "set \(limit.resource.name)")
        }
        return ownNamespace(true) + steps + ownNamespace(false)
    }

    private var attributes: [Located<ProcessAttribute>] { jail.process.attributes }

    private func set(_ attribute: Located<ProcessAttribute>, of process: Slot?) -> Step {
        let call = SystemCall.set(attribute.value, of: process)
        let purpose = Purpose.processAttribute(attribute.value)
        let words: Phrase = "set the \(attribute.value.name)"
        return process == nil
            ? child(call, purpose, attribute.origin, words) : host(call, purpose, attribute.origin, words)
    }

    /// By the process itself, in its namespaces.
    func setOwnAttributes() -> [Step] { attributes.filter(\.value.isOwn).map { set($0, of: nil) } }

    /// The same for a command that joins the jail later, before it does.
    func limitEntry() -> [Step] {
        jail.process.limits.map { limit in
            child(Self.call(limit, of: nil), .processLimit(limit), limit.origin, "set \(limit.resource.name)")
        } + attributes.filter { !$0.value.isOwn }.map { set($0, of: nil) }
    }

    /// When it has joined.
    func setJoinedAttributes() -> [Step] { jail.process.joinedAttributes.map { set($0, of: nil) } }

    /// By the stage, before it joins: the score is that of all who share a process's memory, and jailrun's child does.
    func scoreEntry() -> [Step] {
        jail.process.oomScore.map {
            set("/proc/self/oom_score_adj", to: String($0.value), $0.origin, .oomScore($0.value))
        } ?? []
    }

    private static func call(_ limit: ProcessSettings.Limit, of process: Slot?) -> SystemCall {
        .setLimit(
            limit.resource.number, name: limit.resource.name, soft: limit.soft, hard: limit.hard, of: process)
    }

    /// By the child: /proc/sys shows whoever opens it the parameters of its own namespaces.
    func setKernelParameters() -> [Step] {
        jail.kernelParameters.flatMap { setting in
            set(
                "/proc/sys/\(setting.path)", to: setting.value, setting.origin,
                .kernelParameter(path: setting.path, value: setting.value))
        }
    }

    func set(_ path: String, to value: String, _ origin: Origin, _ purpose: Purpose) -> [Step] {
        [
            child(
                .openDirectory(path, flags: [.writeOnly, .closeOnExec], into: .file), purpose, origin,
                "open \(path)"),
            child(.write(value, to: .file), purpose, origin, "set \(path) to \(value)"),
            child(.close(.file), purpose, origin, "close \(path)"),
        ]
    }
}

extension Slot {
    /// The pid of the jail's first process, in the host's pid namespace.
    static let childProcess = Slot("child-pid")
    /// A file that is written at once.
    static let file = Slot("file")
}
