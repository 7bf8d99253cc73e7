import Foundation
import Glibc
import Testing

extension Kernel {
    /// SIGKILL of each process in each state: nothing is left, and nobody has to ask.
    @Suite struct KillTests {
        /// How jails are run.
        enum Mode: String, CaseIterable { case run, services, detached }

        /// Whom the kernel kills.
        enum Victim: String, CaseIterable { case front, supervisor, worker, first, command }

        /// What the jail is doing then. What hangs says so in a file first.
        enum State: String, CaseIterable {
            case prestart, start, health, up, prestop, stop, term, poststop, restarting

            func parameters(_ mark: String) -> String {
                let lasting = "exec.start = \"sleep 4242 &\";"
                let hanging = "touch \(mark); setsid sleep 4242 & sleep 4242"
                switch self {
                case .prestart: return "exec.prestart = \"\(hanging)\"; persist;"
                case .start: return "exec.start = \"touch /var/at; sleep 4242\";"
                case .health: return "\(lasting) health.command = \"touch /var/at; false\"; health.start = 1000;"
                case .up: return "\(lasting) exec.poststart = \"touch \(mark)\";"
                case .prestop: return "\(lasting) exec.prestop = \"\(hanging)\";"
                case .stop: return "\(lasting) exec.stop = \"touch /var/at; sleep 4242\";"
                case .term: return "exec.start = \"/bin/deaf &\"; stop.timeout = 100;"
                case .poststop: return "\(lasting) exec.poststop = \"\(hanging)\";"
                case .restarting:
                    return "exec.start = \"(sleep 2; exit 1) &\"; restart = always; restart.delay = 1000;"
                }
            }

            var isOfStop: Bool { [.prestop, .stop, .term, .poststop].contains(self) }
            /// A process of its own works on the jail, where there is a supervisor.
            var hasWorker: Bool { self == .prestart || self == .start || isOfStop }
            /// What is killed there is what the state waits for, and its end that of the jail.
            var endsWithCommand: Bool { self == .prestart || self == .start || self == .up }
        }

        struct Case: CustomTestStringConvertible {
            var mode: Mode
            var state: State
            var victim: Victim
            var testDescription: String { "\(mode.rawValue), \(state.rawValue), \(victim.rawValue)" }

            /// There is such a process, and it is not meant that the jail goes on without it.
            var isOne: Bool {
                if state == .restarting { return mode == .services && [.front, .supervisor].contains(victim) }
                // Of a plain run somebody else's stop is another test.
                if mode == .run && state == .health { return false }
                switch victim {
                case .front: return mode != .detached || !state.isOfStop && state != .up
                case .supervisor: return mode != .run && !(mode == .detached && state == .poststop)
                case .worker: return mode == .services && state.hasWorker
                case .first: return state != .prestart && state != .poststop && !(mode == .detached && state.isOfStop)
                case .command: return state.endsWithCommand
                }
            }

            static let all: [Case] = Mode.allCases.flatMap { mode in
                State.allCases.flatMap { state in
                    Victim.allCases.map { Case(mode: mode, state: state, victim: $0) }.filter(\.isOne)
                }
            }
        }

        @Test("SIGKILL of each process in each state leaves nothing", arguments: Laboratory.some(Case.all))
        func killed(one: Case) throws {
            try Machine.with { machine in
                let mark = "\(machine.directory)/at"
                machine.script("deaf", "trap 'touch /var/at' TERM; touch /var/deaf; while :; do sleep 0.1; done")
                machine.configure(one.state.parameters(mark))
                let isAt = { access(mark, F_OK) == 0 || machine.has("var/at") }
                let running =
                    switch one.mode {
                    case .run: machine.start("run", machine.conf)
                    case .services: machine.start("-q", machine.conf, "--", "sleep", "4343")
                    case .detached: machine.start("start", machine.conf)
                    }
                let stopping = one.state.isOfStop ? try stop(machine, running, one) : nil
                if one.state == .restarting {
                    try #require(eventually { machine.state() == "restarting" })
                } else {
                    try #require(eventually(seconds: 15, isAt), "\(running.output)--\n\(running.errors)")
                }
                // Nothing else is left of a run that lasts; nor does one that is over within that time leave more than its record.
                usleep(300_000)
                let victims = processes(one, running, stopping)
                try #require(!victims.isEmpty, "no \(one.victim) among \(tree())")
                for pid in victims { kill(pid, SIGKILL) }
                // The command beside the jails goes on, and is told.
                if one.mode == .services && !one.state.isOfStop { running.signal(SIGTERM) }
                if one.mode == .detached {
                    _ = machine.jailrun("list")
                    _ = machine.jailrun("stop", "-f", "t", seconds: 15)
                }
                #expect(eventually(seconds: 2) { left(running).isEmpty }, "\(one.testDescription): \(left(running))")
            }
        }

        /// Asks for the jail's end when it is up.
        private func stop(_ machine: Machine, _ running: Running, _ one: Case) throws -> Running? {
            let isUp = {
                self.tree().contains { $0.words == "sleep 4343" }
                    || one.mode != .services && (machine.has("var/deaf") || self.hasCommand)
            }
            try #require(eventually(seconds: 15, isUp), "\(running.errors)")
            // A signal that comes before the start is over breaks that off.
            if one.mode == .run { usleep(500_000) }
            guard one.mode == .detached else {
                running.signal(SIGTERM)
                return nil
            }
            _ = running.wait(seconds: 15)
            return machine.start("stop", "t")
        }

        private var hasCommand: Bool { tree().contains { $0.words == "sleep 4242" } }

        // MARK: Processes

        struct Process: CustomStringConvertible {
            var pid: pid_t
            var parent: pid_t
            var isProgram: Bool
            var words: String
            var description: String { "\(pid)<\(parent) \(words)" }
        }

        /// jailrun's own, the jails', and what they have started.
        private func tree() -> [Process] {
            let pids = ((try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []).compactMap { pid_t($0) }
            return pids.compactMap { pid in
                let status = (try? String(contentsOfFile: "/proc/\(pid)/stat", encoding: .utf8)) ?? ""
                guard let end = status.lastIndex(of: ")") else { return nil }
                let fields = status[end...].split(separator: " ")
                guard fields.count > 2, fields[1] != "Z", let parent = pid_t(fields[2]) else { return nil }
                let program = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/\(pid)/exe")
                let line = (try? String(contentsOfFile: "/proc/\(pid)/cmdline", encoding: .utf8)) ?? ""
                let words = line.split(separator: "\0").joined(separator: " ")
                let isProgram = program == Laboratory.program
                let isOurs =
                    isProgram || words.hasPrefix("jailrun-") || words.hasSuffix("sleep 4242") || words == "sleep 4343"
                    || words.hasSuffix("/bin/deaf")
                return isOurs ? Process(pid: pid, parent: parent, isProgram: isProgram, words: words) : nil
            }
        }

        private func processes(_ one: Case, _ running: Running, _ stopping: Running?) -> [pid_t] {
            let all = tree()
            let front = stopping?.pid ?? running.pid
            let supervisors = all.filter {
                $0.isProgram && ($0.parent == running.pid || $0.parent == 1) && $0.pid != front
            }
            switch one.victim {
            case .front: return [one.mode == .detached && one.state.isOfStop ? front : running.pid]
            case .supervisor: return supervisors.map(\.pid)
            case .worker:
                return all.filter { process in
                    process.isProgram && supervisors.contains { $0.pid == process.parent }
                }.map(\.pid)
            case .first: return all.filter { $0.words.hasPrefix("jailrun-init") }.map(\.pid)
            case .command: return all.filter { $0.words == "sleep 4242" }.map(\.pid)
            }
        }

        private func left(_ running: Running) -> [String] {
            var paths: [String] = []
            for root in [Remains.cgroupRoot, "/run/jailrun/jails"] {
                let below = FileManager.default.enumerator(atPath: root)?.compactMap { $0 as? String } ?? []
                paths += below.map { "\(root)/\($0)" }.filter { path in
                    var isDirectory: ObjCBool = false
                    let exists = FileManager.default.fileExists(atPath: path, isDirectory: &isDirectory)
                    return exists && (isDirectory.boolValue || root.hasPrefix("/run"))
                }
            }
            _ = running.hasEnded
            return tree().map(\.description) + paths
        }
    }
}
