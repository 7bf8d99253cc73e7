import Foundation
import Glibc
import Testing

@testable import JailCore

/// Made from text, as every jail is.
private func spec(_ parameters: String) throws -> ConfiguredJail {
    let text = "t { path = /j; persist; \(parameters) }\n"
    return try #require(try Configuration(path: "t.conf", source: TextSource(files: ["t.conf": text])).specs().first)
}

@Suite("The life of a supervised jail")
struct ServiceLifeTests {
    private static func life(_ parameters: String) throws -> ServiceLife {
        var life = ServiceLife(try spec(parameters), now: 0)
        life.begin(0)
        return life
    }

    @Test("without a health command it is up when it has started") func up() throws {
        var life = try Self.life("")
        #expect(life.state == .starting && !life.state.isReady)
        life.started(5)
        #expect(life.state == .up && life.state.isReady && life.deadline == nil)
    }

    @Test("its health is asked often at first, then each interval") func pace() throws {
        var life = try Self.life("health.command = true; health.interval = 7;")
        life.started(0)
        var times: [Int] = []
        var now = 0
        while times.count < 12 {
            now = try #require(life.deadline)
            #expect(life.due(now) == .check && life.due(now) == nil)
            times.append(now)
            life.checked(isHealthy: false, now)
        }
        let pauses = zip(times.dropFirst(), times).map { $0 - $1 }
        #expect(pauses[0] == 50 && pauses.max() == 1000 && pauses.sorted() == pauses)
        life.checked(isHealthy: true, now)
        #expect(life.state == .healthy && life.deadline == now + 7000)
    }

    @Test("failures do not count within health.start, and retries of them make it unhealthy after it") func grace()
        throws
    {
        var life = try Self.life("health.command = false; health.start = 10; health.retries = 2; restart = failure;")
        life.started(0)
        for now in [0, 5000, 9999] { life.checked(isHealthy: false, now) }
        #expect(life.state == .starting && life.failuresInARow == 0 && life.checks == 3)
        life.checked(isHealthy: false, 10000)
        #expect(life.state == .starting)
        life.checked(isHealthy: false, 10500)
        #expect(life.state == .unhealthy && life.due(10500) == .stop)
    }

    @Test("one success begins the count of failures anew") func success() throws {
        var life = try Self.life("health.command = x; health.retries = 2;")
        life.started(0)
        for isHealthy in [true, false, true, false] { life.checked(isHealthy: isHealthy, 0) }
        #expect(life.state == .healthy && life.failuresInARow == 1)
        life.checked(isHealthy: false, 0)
        #expect(life.state == .unhealthy)
        // Without restart it is asked on.
        #expect(life.due(10000) == .check)
    }

    @Test("each delay is twice as long, up to five minutes, and the limit ends it") func delays() throws {
        var life = try Self.life("restart = failure; restart.delay = 1; restart.max = 12;")
        life.started(0)
        var now = 0
        var delays: [Int] = []
        while true {
            life.ended(isFailure: true, now)
            guard life.state == .restarting, let next = life.deadline else { break }
            delays.append((next - now) / 1000)
            now = next
            #expect(life.due(now) == .start)
            life.started(now)
        }
        #expect(delays == [1, 2, 4, 8, 16, 32, 64, 128, 256, 300, 300, 300])
        #expect(life.state == .failed && life.restarts == 12)
    }

    @Test("a minute of good health begins the count of restarts anew") func steady() throws {
        var life = try Self.life("restart = failure; restart.max = 1;")
        life.started(0)
        life.ended(isFailure: true, 100)
        #expect(life.due(1100) == .start)
        life.started(1100)
        life.ended(isFailure: true, 61_100)
        #expect(life.state == .restarting && life.restartsInARow == 0 && life.restarts == 1)
    }

    @Test(
        "which ends are followed by a restart",
        arguments: [
            ("no", true, ServiceState.failed), ("no", false, .ended), ("failure", true, .restarting),
            ("failure", false, .ended), ("always", true, .restarting), ("always", false, .restarting),
        ])
    func policy(policy: String, isFailure: Bool, state: ServiceState) throws {
        var life = try Self.life("restart = \(policy);")
        life.started(0)
        life.ended(isFailure: isFailure, 1)
        #expect(life.state == state)
    }

    @Test("a first start that fails is not repeated, a later one is") func firstStart() throws {
        var first = try Self.life("restart = always;")
        first.startFailed(0)
        #expect(first.state == .failed)
        var later = try Self.life("restart = always;")
        later.started(0)
        later.ended(isFailure: true, 0)
        #expect(later.due(1000) == .start)
        later.startFailed(1000)
        #expect(later.state == .restarting)
    }

    @Test("where somebody waits for the answer, a first start that never was healthy is not repeated")
    func firstIsFinal() throws {
        let spec = try spec("health.command = x; health.start = 0; health.retries = 1; restart = failure;")
        for isFinal in [true, false] {
            var life = ServiceLife(spec, now: 0, isFirstFinal: isFinal)
            life.begin(0)
            life.started(0)
            life.checked(isHealthy: false, 0)
            #expect(life.due(0) == .stop)
            life.ended(isFailure: false, 1)
            #expect(life.state == (isFinal ? .failed : .restarting))
        }
        var good = ServiceLife(spec, now: 0, isFirstFinal: true)
        good.begin(0)
        good.started(0)
        good.checked(isHealthy: true, 0)
        good.ended(isFailure: true, 1)
        #expect(good.state == .restarting)
    }

    @Test("there a jail that crashes in its first second has not started either, and later it has")
    func firstSecond() throws {
        let spec = try spec("restart = always;")
        for (milliseconds, isFailure, state) in [
            (999, true, ServiceState.failed), (1000, true, .restarting), (5, false, .restarting),
        ] {
            var life = ServiceLife(spec, now: 0, isFirstFinal: true)
            life.begin(0)
            life.started(0)
            life.ended(isFailure: isFailure, milliseconds)
            #expect(life.state == state, "\(milliseconds)")
        }
    }

    @Test(
        "a health command that cannot be executed is the end at once, whatever restart says",
        arguments: ["no", "always"])
    func unanswerable(policy: String) throws {
        var life = try Self.life("health.command = x; restart = \(policy);")
        life.started(0)
        life.cannotCheck(0)
        #expect(life.state == .unhealthy && life.due(0) == .stop)
        life.ended(isFailure: false, 1)
        #expect(life.state == .failed && life.deadline == nil)
        // One that could be before is a failure as any other.
        var healthy = try Self.life("health.command = x; restart = \(policy);")
        healthy.started(0)
        healthy.checked(isHealthy: true, 0)
        healthy.cannotCheck(1)
        #expect(healthy.state == .healthy && healthy.failuresInARow == 1)
    }

    @Test("a jail that ended well before it was healthy has not done what it is for") func endedUnhealthy() throws {
        var life = try Self.life("health.command = x;")
        life.started(0)
        life.ended(isFailure: false, 1)
        #expect(life.state == .failed)
    }

    @Test(
        "a jail that persists is replaced for its main program's end as restart says, and stays otherwise",
        arguments: [("no", true, false), ("failure", true, true), ("failure", false, false), ("always", false, true)])
    func mainProgram(policy: String, isFailure: Bool, isReplaced: Bool) throws {
        var life = try Self.life("restart = \(policy);")
        life.started(0)
        life.mainProgramEnded(isFailure: isFailure, 5000)
        #expect(life.due(5000) == (isReplaced ? .stop : nil))
        if !isReplaced { return #expect(life.state == .up) }
        life.ended(isFailure: false, 5001)
        #expect(life.state == .restarting)
    }

    @Test("what was asked to stop is never started again") func stop() throws {
        var life = try Self.life("restart = always;")
        life.started(0)
        life.askToStop(0)
        #expect(life.state == .stopping)
        life.ended(isFailure: true, 1)
        #expect(life.state == .ended && life.deadline == nil)
        var waiting = try Self.life("restart = always;")
        waiting.started(0)
        waiting.ended(isFailure: true, 0)
        waiting.askToStop(1)
        #expect(waiting.state == .ended && waiting.due(10000) == nil)
    }

    @Test("a start that succeeds although it was to stop is stopped") func lateStart() throws {
        var life = try Self.life("restart = always;")
        life.askToStop(0)
        life.started(1)
        #expect(life.state == .stopping && life.deadline == nil)
        life.ended(isFailure: false, 2)
        #expect(life.state == .ended)
    }

    @Test("one that is adopted goes on where it was") func adoption() throws {
        var healthy = try Self.life("health.command = x; restart = always;")
        healthy.started(0)
        healthy.checked(isHealthy: true, 0)
        var dead = healthy
        healthy.adopted(isAlive: true, 5)
        #expect(healthy.state == .healthy && healthy.due(5) == .check)
        dead.adopted(isAlive: false, 5)
        #expect(dead.state == .restarting && dead.due(1005) == .start)
        // A restart that its supervisor did not live to begin, or to end.
        var restarting = try Self.life("restart = always;")
        restarting.started(0)
        restarting.ended(isFailure: true, 0)
        restarting.adopted(isAlive: false, 9)
        #expect(restarting.due(1000) == .start)
    }
}

@Suite("What a jail writes, as a person sees it")
struct ConsoleTextTests {
    @Test(
        "colours are left out, tabs stay, all else is spelled out",
        arguments: [
            ("plain", "plain"), ("a\tb", "a\tb"), ("\u{1b}[1;31mred\u{1b}[0m", "red"), ("x\r", "x"),
            ("\u{1b}]0;title\u{7}", "\\x1b]0;title\\x07"), ("\u{1b}[2J\u{1b}[31", "\\x1b[2J\\x1b[31"),
            ("a\rb", "a\\x0db"), ("\u{9b}31m", "\\x9b31m"), ("\u{202e}x", "\\u{202e}x"), ("é ü", "é ü"), ("", ""),
            ("\u{1b}", "\\x1b"), ("\u{1b}[", "\\x1b["), ("\u{1b}\u{1b}[mx[m", "\\x1bx[m"),
        ])
    func safe(line: String, shown: String) { #expect(ConsoleText.safe(line) == shown) }

    @Test("sizes are as people write them")
    func sizes() {
        let sizes = [0, 1023, 1024, 1536, 268_435_456, 1_073_741_823, 1 << 40].map(ByteCount.text)
        #expect(sizes == ["0", "1023", "1K", "1.5K", "256M", "1024M", "1T"])
    }

    @Test("a moment is an age or a time, or the beginning of one")
    func moments() {
        #expect(LogMoment.text("10m", nowSeconds: 1_700_000_600) == "2023-11-14T22:13:20.000000Z")
        #expect(
            LogMoment.text("2026-11-24") == "2026-11-24" && LogMoment.text("2026-11-24T12:00Z") == "2026-11-24T12:00")
        #expect(LogMoment.text("2024-02-29T23:59:59.5") == "2024-02-29T23:59:59.5")
        let nonsenses = [
            "", "m", "10", "yesterday", "2026-1-1", "-5m", "2026-11-24 12:00", "2026-13-45", "2026-00-01", "2026-02-30",
            "2026-11-24T24:00", "2026-11-24T23:60",
        ]
        for nonsense in nonsenses {
            #expect(LogMoment.text(nonsense) == nil, "\(nonsense)")
        }
    }
}

@Suite("What a command beside jails is told")
struct ServiceEnvironmentTests {
    @Test("a name becomes a word of the shell, and two that become the same are found")
    func names() throws {
        #expect(ServiceEnvironment.word("web-1.example") == "WEB_1_EXAMPLE")
        var other = try spec("ip6.addr = 2001:db8::7; ip4.addr = 10.0.0.7;")
        other.name.value = "a-b"
        #expect(
            ServiceEnvironment.variables(of: [other])
                == ["JAILRUN_A_B_NAME=a-b", "JAILRUN_A_B_IP=10.0.0.7", "JAILRUN_A_B_IP6=2001:db8::7"])
        var clashing = other
        clashing.name.value = "a.b"
        #expect(ServiceEnvironment.clash(of: [other, clashing])?.0 == "a-b")
        #expect(ServiceEnvironment.clash(of: [other]) == nil)
    }
}

@Suite("What a jail uses")
struct JailStatisticsTests {
    @Test("the kernel's files are read as it writes them")
    func files() {
        #expect(JailStatistics.value("usage_usec", in: "usage_usec 12\nuser_usec 7\n") == 12)
        #expect(JailStatistics.value("oom_kill", in: "oom 1\noom_kill 3\noom_group_kill 9\n") == 3)
        #expect(JailStatistics.value("oom_kill", in: "") == nil)
        let io = "8:0 rbytes=10 wbytes=1 rios=5 wios=5 dbytes=0 dios=0\n253:0 rbytes=20 wbytes=2\n"
        #expect(JailStatistics.sum("rbytes", in: io) == 30 && JailStatistics.sum("wbytes", in: io) == 3)
        let pressure =
            "some avg10=1.50 avg60=0.00 avg300=0.00 total=1\nfull avg10=9.00 avg60=0.00 avg300=0.00 total=0\n"
        #expect(JailStatistics.share(in: pressure) == 1.5 && JailStatistics.share(in: "") == nil)
        let links = """
            Inter-|   Receive                                                |  Transmit
             face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
                lo:     500       5    0    0    0     0          0         0      500       5    0    0    0     0       0          0
              eth0:      70       1    0    0    0     0          0         0       30       1    0    0    0     0       0          0
              eth1:1       1    0    0    0     0          0         0       2       1    0    0    0     0       0          0

            """
        let traffic = JailStatistics.traffic(in: links)
        #expect(traffic.received == 71 && traffic.sent == 32)
    }

    @Test("the kernel's message names the process of this jail, not of one whose name ends alike")
    func victim() {
        func message(_ cgroup: String, _ task: String) -> String {
            "3,1,1,-;oom-kill:constraint=CONSTRAINT_MEMCG,nodemask=(null),cpuset=/,mems_allowed=0,oom_memcg=\(cgroup),"
                + "task_memcg=\(cgroup),task=\(task),pid=7,uid=0"
        }
        let messages = [
            message("/jailrun/db", "first"), message("/lab/jailrun/db", "postgres"),
            message("/jailrun/old-db", "other"),
            message("/jailrun/db2", "another"),
        ]
        #expect(MemoryKill.victim(in: messages, cgroup: "/jailrun/db") == "postgres")
        #expect(MemoryKill.victim(in: [message("/jailrun/db/inner", "x,pid=1")], cgroup: "/jailrun/db") == "x,pid=1")
        #expect(MemoryKill.victim(in: messages, cgroup: "/jailrun/web") == nil)
        let told = MemoryKill(maximumBytes: 256 << 20, peakBytes: 256 << 20, process: "postgres").words
        #expect(told == "killed by the kernel: memory.max 256M, peak 256M, process postgres")
    }
}

@Suite("The records of supervised jails")
struct ServiceRegistryTests {
    private static func record(_ name: String, supervisor: Int32 = getpid()) throws -> ServiceRecord {
        var spec = try spec("restart = always;")
        spec.name.value = name
        return ServiceRecord(
            spec: spec, configuration: "t.conf", supervisor: supervisor,
            supervisorStartTime: try ProcessTable.startTime(of: supervisor) ?? 0, isTransient: false,
            life: ServiceLife(spec, now: 0))
    }

    private static func with(_ body: (ServiceRegistry) throws -> Void) throws {
        var name = Array("/tmp/jailrun-state.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        let path = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        defer { try? FileManager.default.removeItem(atPath: path) }
        let state = StateDirectory(path: path)
        try state.prepare()
        try body(ServiceRegistry(state: state))
    }

    @Test("what a stop has taken away is not written again by who tells of it at the same time") func withdrawn() throws
    {
        try Self.with { registry in
            let record = try Self.record("t")
            let isOver = DispatchSemaphore(value: 0)
            let hasEnded = DispatchSemaphore(value: 0)
            Thread.detachNewThread {
                while isOver.wait(timeout: .now()) == .timedOut { try? registry.update(record) }
                hasEnded.signal()
            }
            for round in 0..<200 {
                try registry.claim(record, isAgain: false)
                usleep(UInt32.random(in: 0...500))
                if round.isMultiple(of: 2) { registry.withdraw("t") } else { registry.remove("t") }
                usleep(500)
                #expect(try registry.names() == [], "round \(round)")
            }
            isOver.signal()
            hasEnded.wait()
        }
    }

    @Test("a start that was called off does not go on, and one that is called again is not begun") func calledOff()
        throws
    {
        try Self.with { registry in
            let record = try Self.record("t")
            try registry.claim(record, isAgain: false)
            try registry.checkClaim(record)
            registry.remove("t")
            #expect(throws: RuntimeError.self) { try registry.checkClaim(record) }
            #expect(throws: RuntimeError.self) { try registry.claim(record, isAgain: true) }
            #expect(try registry.names() == [])
        }
    }

    @Test("a supervisor changes and removes its own records alone") func others() throws {
        try Self.with { registry in
            let others = try Self.record("t", supervisor: getppid())
            var own = try Self.record("t")
            try registry.claim(others, isAgain: false)
            #expect(throws: RuntimeError.self) { try registry.claim(own, isAgain: false) }
            own.detail = "own"
            try registry.update(own)
            registry.remove(own: own)
            #expect(try registry.record(of: "t")?.detail == nil && registry.names() == ["t"])
            registry.remove(own: others)
            #expect(try registry.names() == [])
        }
    }

    /// One that was up, of a supervisor that is gone.
    private static func orphan(_ parameters: String, isOver: Bool) throws -> ServiceRecord {
        var spec = try spec(parameters)
        spec.name.value = "t"
        var life = ServiceLife(spec, now: 0)
        life.begin(0)
        life.started(0)
        if isOver { life.ended(isFailure: true, 1) }
        return ServiceRecord(
            spec: spec, configuration: "t.conf", supervisor: getpid(), supervisorStartTime: 1, isTransient: false,
            life: life, exitStatus: isOver ? 7 : nil, remembersEnd: true)
    }

    @Test("what ended is kept by whoever repairs, holds no name, and goes when all is pruned") func ended() throws {
        try Self.with { registry in
            try registry.claim(try Self.orphan("restart = no;", isOver: true), isAgain: false)
            #expect(try registry.removeAbandoned() == [] && registry.record(of: "t")?.exitStatus == 7)
            let next = try Self.record("t")
            try registry.claim(next, isAgain: false)
            #expect(try registry.record(of: "t")?.isEnded == false)
            try registry.forgetEnd(of: "t")
            #expect(try registry.names() == ["t"])
            registry.remove("t")
            try registry.claim(try Self.orphan("restart = no;", isOver: true), isAgain: false)
            #expect(try registry.removeAbandoned(all: true) == ["t"] && registry.names() == [])
        }
    }

    @Test("a jail that is down, and that was up when its supervisor was killed, ended unseen") func unseen() throws {
        try Self.with { registry in
            try registry.claim(try Self.orphan("restart = no;", isOver: false), isAgain: false)
            #expect(try registry.removeAbandoned() == [])
            let record = try #require(try registry.record(of: "t"))
            #expect(record.isEnded && record.exitStatus == nil && record.detail == ServiceRecord.unseenEnd)
            #expect(ServiceStatus(record).state == .ended)
            registry.remove("t")
            try registry.claim(try Self.orphan("restart = no;", isOver: false), isAgain: false)
            #expect(try registry.removeAbandoned(all: true) == ["t"] && registry.names() == [])
            // One that is to be started again has not ended.
            try registry.claim(try Self.orphan("restart = failure;", isOver: false), isAgain: false)
            #expect(try registry.removeAbandoned() == [] && registry.record(of: "t")?.state == .up)
        }
    }
}
