import Foundation
import Glibc
import Testing

extension Kernel {
    @Suite struct CrashTests {
        /// Every process that runs the program: a keeper too, whose parent may be gone, and one that is forked meanwhile.
        private func killAll() {
            while true {
                let programs = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap {
                    Int32($0)
                }
                .filter { pid in
                    (try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe"))
                        == Laboratory.program
                }
                if programs.isEmpty { return }
                for pid in programs { kill(pid, SIGKILL) }
                usleep(1000)
            }
        }

        /// How long a whole start takes here, in microseconds.
        private func startMicroseconds(_ machine: Machine) -> UInt32 {
            let begin = Date()
            _ = machine.jailrun("start", machine.conf)
            let time = Date().timeIntervalSince(begin)
            machine.stop()
            return UInt32(time * 1_000_000)
        }

        /// What list says, exec must confirm.
        private func tellsTheTruth(_ machine: Machine) -> Bool {
            let list = machine.jailrun("list")
            let isListed = list.output.contains(machine.root)
            return list.status == 0 && (machine.jailrun("exec", "t", "true").status == 0) == isListed
        }

        @Test(
            "SIGKILL at any moment of a detached start: list is right, and stop or prune leaves nothing",
            arguments: 0..<10)
        func detached(round: Int) throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist;")
                let whole = startMicroseconds(machine)
                let running = machine.start("start", machine.conf)
                usleep(UInt32.random(in: 0...whole))
                killAll()
                _ = running.wait(seconds: 5)
                #expect(tellsTheTruth(machine))
                if round % 2 == 0 { machine.stop() }
                // stop of a jail that is not there is an error; prune removes what is left of it.
                let isUp = machine.jailrun("list").output.contains(machine.root)
                let prune = machine.jailrun("prune")
                #expect(prune.status == 0 && prune.errors == "", "\(prune)")
                #expect(machine.jailrun("list").output.contains(machine.root) == isUp)
                guard isUp else { return }
                let stop = machine.jailrun("stop", "t")
                #expect(stop.status == 0 && stop.errors == "", "\(stop)")
            }
        }

        @Test("SIGKILL at any moment of a foreground run takes its jail with it", arguments: 0..<10)
        func foreground(round: Int) throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; command = \"sleep 1000\";")
                let running = machine.start("run", machine.conf)
                usleep(UInt32.random(in: 0...60000))
                running.signal(SIGKILL)
                _ = running.wait(seconds: 5)
                #expect(eventually(seconds: 3) { !machine.jailrun("list").output.contains(machine.root) })
                #expect(machine.jailrun("prune").status == 0)
            }
        }

        @Test("a detached jail outlives its keeper, is listed, entered and stopped") func orphaned() throws {
            try Machine.with { machine in
                machine.configure("exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                killAll()
                usleep(100_000)
                #expect(machine.jailrun("list").output.contains(machine.root))
                #expect(machine.jailrun("exec", "t", "true").status == 0)
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }

        @Test("a jail whose starter died before it wrote the record is not up, and prune removes it")
        func unrecorded() throws {
            try Machine.with { machine in
                machine.configure("ip4.addr = 10.77.0.99; exec.start = \"sleep 1000 &\"; persist;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                killAll()
                try FileManager.default.removeItem(atPath: "/run/jailrun/jails/t.json")
                #expect(machine.jailrun("prune").status == 0)
                #expect(machine.jailrun("exec", "t", "true").status == 125)
                // prune forgets what no supervisor keeps; one that was still dying then leaves that to a stop.
                #expect([0, 125].contains(machine.jailrun("stop", "t").status))
                #expect(!machine.jailrun("list").output.contains(machine.root))
            }
        }

        @Test("eight workers that create and remove one name for 20 s: never two up, none hung, the name usable")
        func race() throws {
            try Machine.with { machine in
                // The lock is held by a process of the jail: two that are up at once would both want it.
                machine.script(
                    "hold",
                    """
                    /bin/probe lock /var/lock >/dev/null || { echo twice >>/var/twice; exit 1; }
                    echo up >>/var/count
                    """)
                machine.configure("exec.start = \"/bin/hold\"; persist;")
                let worker = """
                    end=$(($(date +%s) + 20))
                    while [ "$(date +%s)" -lt $end ]; do
                        timeout -s KILL 30 "$0" start "$1" t 2>/dev/null; echo "start $?"
                        timeout -s KILL 30 "$0" stop t 2>/dev/null; echo "stop $?"
                    done
                    """
                let clock = ContinuousClock()
                let alone = (0..<3).map { _ in
                    clock.measure {
                        #expect(machine.jailrun("start", machine.conf).status == 0)
                        #expect(machine.jailrun("stop", "t").status == 0)
                    }
                }.min()!
                let workers = (0..<8).map { _ in
                    Command(["/bin/sh", "-c", worker, Laboratory.program, machine.conf]).start()
                }
                let outcomes = workers.map { $0.wait(seconds: 90) }
                let statuses = outcomes.flatMap(\.lines)
                #expect(statuses.filter { !["start 0", "start 125", "stop 0", "stop 125"].contains($0) } == [])
                // Who wins a round is the kernel's choice, but every worker has its turns, and wins are shared out. A turn is
                // two lines, and each has at least half of an eighth of the turns that one alone has on this machine.
                let turns = Int(.seconds(20) / alone) / 8
                for outcome in outcomes { #expect(outcome.lines.count >= turns && turns > 0, "\(turns) in \(alone)") }
                #expect(outcomes.count { $0.lines.contains("start 0") } > 1)
                #expect(!machine.has("var/twice"))
                let ups = machine.read("\(machine.root)/var/count").split(separator: "\n").count
                #expect(ups >= statuses.filter { $0 == "start 0" }.count)
                // Seven of eight attempts lose and cost as much: one worker's share of what it does alone is there at least.
                #expect(alone * (ups - 3) * 8 > .seconds(20), "\(ups - 3) rounds, one alone takes \(alone)")
                _ = machine.jailrun("stop", "t")
                let last = machine.jailrun("start", machine.conf)
                #expect(last.status == 0, "\(last)")
                #expect(machine.jailrun("stop", "t").status == 0)
            }
        }
    }
}
