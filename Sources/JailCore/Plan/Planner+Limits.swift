/// `ulimit.NAME`, `oom.score`, `sysctl.NAME`: getrlimit(2), proc(5).
extension Planner {
    /// The limits that the caller has and a jail must not, as far as the file names no other.
    var inheritedLimits: [StartFacts.ResourceLimit] {
        facts.limits.filter { limit in
            !limits.contains { $0.resource.number == limit.resource }
        }
    }

    /// The file's, and what `allow.mlock` means.
    private var limits: [ProcessSettings.Limit] {
        guard let mlock = jail.privileges.granted.first(where: { $0.value == .mlock }),
            !jail.process.limits.contains(where: { $0.resource == .memlock })
        else { return jail.process.limits }
        let unlimited = ProcessSettings.Limit(resource: .memlock, soft: .max, hard: .max, origin: mlock.origin)
        return jail.process.limits + [unlimited]
    }

    /// prlimit(2) of the child: in its own user namespace it could only lower them.
    func limitProcess() -> [Step] {
        limitResources()
            + (oomScore.map { score in
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
        if limits.isEmpty { return [] }
        let steps = limits.map { limit in
            host(Self.call(limit, of: .childProcess), .processLimit(limit), limit.origin, "set \(limit.resource.name)")
        }
        return ownNamespace(true) + steps + ownNamespace(false)
    }

    /// Nil when jailrun's own, which a process inherits, is as good: 0, unless the file says otherwise.
    var oomScore: Located<Int>? {
        let score = jail.process.oomScore ?? Located(0, .standard("oom.score = SCORE"))
        return jail.process.oomScore == nil && facts.ownOomScore == 0 ? nil : score
    }

    /// The same for a command that joins the jail later, before it does.
    func limitEntry() -> [Step] {
        limits.map { limit in
            child(Self.call(limit, of: nil), .processLimit(limit), limit.origin, "set \(limit.resource.name)")
        }
    }

    /// By the stage, before it joins: the score is that of all who share a process's memory, and jailrun's child does.
    func scoreEntry() -> [Step] {
        oomScore.map {
            set("/proc/self/oom_score_adj", to: String($0.value), $0.origin, .oomScore($0.value))
        } ?? []
    }

    private static func call(_ limit: ProcessSettings.Limit, of process: Slot?) -> SystemCall {
        .setLimit(
            limit.resource.number, name: limit.resource.name, soft: limit.soft, hard: limit.hard, of: process)
    }

    /// By the child: /proc/sys shows whoever opens it the parameters of its own namespaces.
    func setKernelParameters() -> [Step] {
        letPing()
            + jail.process.settings.flatMap { setting in
                set(
                    "/proc/sys/\(setting.path)", to: setting.value, setting.origin,
                    .kernelParameter(path: setting.path, value: setting.value))
            }
    }

    /// Every group inside may send ICMP echo requests, icmp(7): then ping needs no raw socket. A network that others have made has
    /// their groups.
    private func letPing() -> [Step] {
        let path = "net/ipv4/ping_group_range"
        guard jail.network.mode.value == .own, facts.networkHolder == nil,
            !jail.process.settings.contains(where: { $0.path == path })
        else { return [] }
        let last = identity.idRange.map { $0.count - 1 } ?? UInt32(Int32.max)
        let origin = Origin.standard("sysctl.net.ipv4.ping_group_range = \"1 0\"")
        return set("/proc/sys/\(path)", to: "0 \(last)", origin, .kernelParameter(path: path, value: "0 \(last)"))
    }

    private func set(_ path: String, to value: String, _ origin: Origin, _ purpose: Purpose) -> [Step] {
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
