internal import Glibc
internal import SystemPackage

/// What the kernel's out-of-memory killer did to a jail.
struct MemoryKill {
    /// memory.max, nil when the machine's memory ran out.
    var maximumBytes: Int?
    var peakBytes: Int?
    /// The name of the process that was killed. Chosen by the process: to be escaped.
    var process: String?

    init(_ cgroup: Cgroup, mountPoint: String) {
        func number(_ file: String) -> Int? { (try? cgroup.value(of: file)).flatMap { Int($0.trimmed) } }
        maximumBytes = number("memory.max")
        peakBytes = number("memory.peak")
        process = Self.victim(in: Self.kernelMessages(), cgroup: String(cgroup.path.dropFirst(mountPoint.utf8.count)))
    }

    init(maximumBytes: Int?, peakBytes: Int?, process: String?) {
        (self.maximumBytes, self.peakBytes, self.process) = (maximumBytes, peakBytes, process)
    }

    /// `killed by the kernel: memory.max 256M, peak 256M, process postgres`
    var words: String {
        let parts = [
            maximumBytes.map { "memory.max \(ByteCount.text($0))" } ?? "the machine's memory ran out",
            peakBytes.map { "peak \(ByteCount.text($0))" }, process.map { "process \($0)" },
        ]
        return "killed by the kernel: " + parts.compactMap { $0 }.joined(separator: ", ")
    }

    /// What the kernel's killer did to a jail of which a command ended by SIGKILL, or by a shell whose command did so.
    /// - Parameter before: how many processes it had killed when the command began.
    /// - Returns: nil when it did nothing; and nothing is looked at after any other end.
    static func explanation(of outcome: CommandOutcome, _ record: JailRecord, before: Int = 0) -> String? {
        guard outcome == .signalled(SIGKILL) || outcome == .exited(128 + SIGKILL), count(of: record) > before else {
            return nil
        }
        let words = MemoryKill(Cgroup(path: record.cgroup), mountPoint: mountPoint ?? "").words
        let limit = record.spec.cgroup.last { $0.file == "memory.max" }
        return RuntimeError.unsuitable(
            jail: record.spec.label, origin: limit?.origin ?? .standard(""), Terminal.escaped(words), hint: nil
        ).message
    }

    /// How many processes of a jail it has killed; 0 without a controller.
    static func count(of record: JailRecord) -> Int {
        (try? Files.text("\(record.cgroup)/memory.events")).flatMap(count) ?? 0
    }

    /// All of this is words about a jail that has ended: what cannot be looked at is left out of them.
    fileprivate static var mountPoint: String? { (try? Cgroup.mountPoint()) ?? nil }

    /// `oom_kill` of memory.events.
    static func count(in events: String) -> Int? { JailStatistics.value("oom_kill", in: events) }

    /// The task of the last message `oom-kill:…,task_memcg=/jailrun/db,task=postgres,pid=7,uid=0` of that cgroup. The kernel
    /// names cgroups from its own root, which may lie above what this process sees.
    static func victim(in messages: [String], cgroup: String) -> String? {
        for message in messages.reversed() {
            guard let start = message.firstPlace(of: ",task_memcg="),
                let end = message[start.upperBound...].firstPlace(of: ",task="),
                let pid = message[end.upperBound...].lastPlace(of: ",pid=")
            else { continue }
            let place = message[start.upperBound..<end.lowerBound]
            if place.hasSuffix(cgroup) || place.holds("\(cgroup)/") {
                return String(message[end.upperBound..<pid.lowerBound])
            }
        }
        return nil
    }

    /// The records of /dev/kmsg that tell of such kills; none when this process may not read them.
    private static func kernelMessages() -> [String] {
        guard let file = try? Files.open("/dev/kmsg", O_RDONLY | O_NONBLOCK) else { return [] }
        var messages: [String] = []
        var record = [UInt8](repeating: 0, count: 8192)
        while true {
            let count = unsafe read(file.number, &record, record.count)
            // EPIPE: the oldest records were overwritten while we read; the next read goes on behind them.
            if count < 0 && (errno == EPIPE || errno == EINTR) { continue }
            if count <= 0 { return messages }
            let text = String(decoding: record[..<count], as: UTF8.self)
            if text.holds("oom-kill:") { messages.append(String(text.prefix { $0 != "\n" })) }
        }
    }
}

extension Supervisor {
    /// Opens what tells of the next kill; kills from before an adoption are not told again.
    func watchMemory(_ service: Service) {
        guard let cgroup = service.record?.cgroup, let file = try? Files.open("\(cgroup)/memory.events") else { return }
        service.memoryEvents = file.release()
        service.memoryKillsBefore = Self.memoryKills(service) ?? 0
    }

    private static func memoryKills(_ service: Service) -> Int? {
        guard service.memoryEvents >= 0 else { return nil }
        lseek(service.memoryEvents, 0, SEEK_SET)
        return (try? Files.readOnce(service.memoryEvents)).flatMap { MemoryKill.count(in: $0) }
    }

    /// Why a jail ended a moment after a kill.
    func recentMemoryKill(_ service: Service) -> String? {
        let age = Clock.milliseconds() - service.memoryKillMilliseconds
        return service.memoryKillMilliseconds > 0 && age < 2000 ? service.lastMemoryKill : nil
    }

    /// Looks whether there is a new one.
    func memoryKill(_ service: Service) {
        guard let record = service.record, let kills = Self.memoryKills(service), kills > service.memoryKillsBefore
        else {
            return
        }
        service.memoryKills += kills - service.memoryKillsBefore
        service.memoryKillsBefore = kills
        let words = MemoryKill(Cgroup(path: record.cgroup), mountPoint: MemoryKill.mountPoint ?? host.cgroupTop).words
        service.lastMemoryKill = words
        service.memoryKillMilliseconds = Clock.milliseconds()
        service.log?.note(words)
        service.journal?.note(words, of: service.name)
    }
}
