import Foundation
import Glibc

/// Faults at the system calls of one command of jailrun's, one at a time, beside a jail that has nothing to do with it.
final class Sweep {
    enum Subject: String, CaseIterable {
        case run, start, exec, stop, restart

        var needsJail: Bool { self != .run && self != .start }
    }

    /// What must not be, by its word in the report.
    enum Kind: String, CaseIterable {
        /// Less isolation than a good run's, and status 0, or a jail that is said to be up.
        case weaker
        case hung, crashed, left
        /// A status other than 0, and no word why; or status 0, and it is not so.
        case silent, untrue
        /// The jail beside, or one that was only entered, is no longer up.
        case harmed
    }

    struct Finding: CustomStringConvertible {
        var kind: Kind
        var words: String
        var description: String { "\(kind.rawValue): \(words)" }
    }

    /// On a quiet machine each command takes a fraction of a second.
    private static let patienceSeconds = 20
    private static let neighbour = "n"

    let machine: Machine
    let subject: Subject
    private let notes: String
    /// Without the jail, and with it.
    private var (down, up) = (Remains.now(), Remains.now())
    /// What a jail of a good start says of itself, inside and on the host.
    private var (inside, outside): ([String], [String]) = ([], [])
    private var output: [String] = []
    private var neighbourLink = ""
    private(set) var points: [SweepPoint] = []

    init(_ subject: Subject, _ machine: Machine) {
        (self.machine, self.subject, notes) = (machine, subject, "\(machine.directory)/notes")
        let standard = "root.ephemeral; mount.devfs; ip4.addr = 10.77.0.99; port = \"8099:80\";"
        machine.configure(
            standard
                + (subject == .run ? "command = \"/bin/probe isolation\";" : "exec.start = \"sleep 1000 &\"; persist;"))
        machine.write(
            "\(Self.neighbour) { path = \"\(machine.root)\"; ip4.addr = 10.77.0.98; exec.start = \"sleep 1000 &\"; persist; }\n",
            to: neighbourConf)
    }

    private var neighbourConf: String { "\(machine.directory)/n.conf" }

    /// Starts the jail beside, runs the command once without a fault, and counts its calls.
    func prepare() -> Bool {
        guard machine.jailrun("start", neighbourConf).status == 0 else { return false }
        down = Self.calm()
        neighbourLink = Command.shell("ip -o link | grep -o 'vjail[0-9]*' | head -n 1").run().lines.first ?? "none"
        if subject == .run {
            output = Self.words(machine.jailrun("run", machine.conf).output)
        } else {
            _ = machine.jailrun("start", machine.conf)
            (inside, outside, up) = (isolation(), hostSide(), Self.calm())
            if !subject.needsJail { machine.stop() }
        }
        let counted = fault("count", "-")
        points = machine.read(notes).split(separator: "\n").flatMap(SweepPoint.all)
        if subject != .exec { machine.stop() }
        return counted.status == 0 && !points.isEmpty
    }

    func end() {
        machine.stop()
        machine.stop(Self.neighbour)
    }

    // MARK: One point

    /// - Returns: nil when the command came to no such call.
    func findings(at point: SweepPoint) -> [Finding]? {
        if subject.needsJail && !isUp { restore() }
        let outcome = fault(point.fault.word, point.place)
        let noted = machine.read(notes)
        guard noted.contains("hit") else {
            // All went well, and the next point needs the jail as it was before.
            if subject == .start { _ = takeBack(state().jail) }
            return nil
        }
        var findings = failures(outcome, noted, point)
        let listed = settledState(after: point)
        if listed.neighbour != "up" {
            findings.append(Finding(kind: .harmed, words: "\(Self.neighbour) is \(listed.neighbour)"))
        }
        findings += lies(outcome, listed.jail, point)
        findings += subject == .exec ? afterEntry(listed.jail) : takeBack(listed.jail)
        if !findings.isEmpty { clean() }
        return findings.map { Finding(kind: $0.kind, words: "\($0.words)\n\(outcome)") }
    }

    private func failures(_ outcome: Outcome, _ noted: String, _ point: SweepPoint) -> [Finding] {
        var findings: [Finding] = []
        let lines = noted.split(separator: "\n").filter { $0 != "hit" }.joined(separator: "; ")
        if noted.contains("hung") { findings.append(Finding(kind: .hung, words: lines)) }
        if noted.contains("crash") { findings.append(Finding(kind: .crashed, words: lines)) }
        if outcome.status != 0 && point.fault != .kill && Self.said(outcome).isEmpty {
            findings.append(Finding(kind: .silent, words: "status \(outcome.status)"))
        }
        return findings
    }

    /// Status 0 means that it is so; and whatever is said to be up is as isolated as ever.
    private func lies(_ outcome: Outcome, _ state: String, _ point: SweepPoint) -> [Finding] {
        var findings: [Finding] = []
        let isUp = Self.isUp(state)
        if outcome.status == 0 {
            // A jail whose first process was killed was up, and is said to have ended.
            let isKilled = point.fault == .kill && state == "ended"
            let isSo = subject == .run || isKilled || isUp == (subject != .stop)
            if !isSo { findings.append(Finding(kind: .untrue, words: "the jail is \(state)")) }
            if subject == .run || subject == .exec {
                findings += compare(Self.words(outcome.output), subject == .run ? output : inside)
            }
            if isUp && subject != .exec { findings += compare(hostSide(), outside) }
        }
        return isUp && subject != .run ? findings + compare(isolation(), inside) : findings
    }

    private func compare(_ words: [String], _ good: [String]) -> [Finding] {
        let difference = Set(words).symmetricDifference(good).sorted()
        return difference.isEmpty ? [] : [Finding(kind: .weaker, words: difference.joined(separator: "\n"))]
    }

    private func afterEntry(_ state: String) -> [Finding] {
        var findings = !Self.isUp(state) ? [Finding(kind: .harmed, words: "the jail that was entered is down")] : []
        findings += remains(beside: up)
        return findings
    }

    /// One command, and nothing is left.
    private func takeBack(_ state: String) -> [Finding] {
        let next = Self.isUp(state) ? machine.jailrun("stop", "t") : machine.jailrun("prune")
        let findings = next.status == 0 ? [] : [Finding(kind: .left, words: "the next command: \(next)")]
        return findings + remains(beside: down)
    }

    private func remains(beside good: Remains) -> [Finding] {
        var left: [String] = []
        eventually(seconds: 1) {
            left = Remains.now().additions(to: good)
            return left.isEmpty
        }
        return left.isEmpty ? [] : [Finding(kind: .left, words: left.joined(separator: "\n"))]
    }

    /// So that the next point has what it needs.
    private func clean() {
        _ = machine.jailrun("stop", "-f", "t")
        _ = machine.jailrun("prune")
        if state().neighbour != "up" || !Remains.now().additions(to: down).isEmpty {
            machine.stop(Self.neighbour)
            Remains.sweep()
            _ = machine.jailrun("start", neighbourConf)
            down = Self.calm()
        }
    }

    /// Whoever has started a jail may go on for a moment after it was told.
    private static func calm() -> Remains {
        var last = Remains.now()
        eventually(seconds: 5) {
            usleep(50_000)
            let now = Remains.now()
            defer { last = now }
            return now.additions(to: last).isEmpty
        }
        return last
    }

    private var isUp: Bool { Self.isUp(state().jail) }
    private static func isUp(_ state: String) -> Bool { !["down", "ended", "failed"].contains(state) }

    private func restore() {
        _ = machine.jailrun("start", machine.conf)
        up = Self.calm()
    }

    // MARK: Questions

    private func fault(_ what: String, _ place: String) -> Outcome {
        unlink(notes)
        let command =
            switch subject {
            case .run, .start: [subject.rawValue, machine.conf]
            case .exec: ["exec", "t", "/bin/probe", "isolation"]
            case .stop, .restart: [subject.rawValue, "t"]
            }
        return Command(
            [Laboratory.probe, "fault", notes, "\(Self.patienceSeconds)", what, place, supervisor, Laboratory.program]
                + command
        ).run(seconds: Double(Self.patienceSeconds) * 2)
    }

    /// Of the jail that is stopped or restarted: its calls count, too.
    private var supervisor: String {
        guard subject == .stop || subject == .restart else { return "-" }
        let processes = (try? FileManager.default.contentsOfDirectory(atPath: "/proc")) ?? []
        let keepers = processes.filter { pid in
            Int32(pid) != nil && machine.read("/proc/\(pid)/cmdline").contains("start\0\(machine.conf)\0")
        }
        return keepers.first ?? "-"
    }

    private func state() -> (jail: String, neighbour: String) {
        let lines = machine.jailrun("list").lines.map { $0.split(separator: " ") }
        func state(_ name: String) -> String {
            lines.first { $0.count > 2 && $0[1] == name }.map { String($0[2]) } ?? "down"
        }
        return (state("t"), state(Self.neighbour))
    }

    /// Who was killed is missed a moment later, and what it began is taken back then.
    private func settledState(after point: SweepPoint) -> (jail: String, neighbour: String) {
        var now = state()
        guard point.fault == .kill, Self.isUp(now.jail) else { return now }
        eventually(seconds: 5) {
            let before = now.jail
            usleep(50_000)
            now = state()
            return now.jail == before && !["waiting", "starting", "stopping", "restarting"].contains(before)
        }
        return now
    }

    private func isolation() -> [String] {
        Self.words(machine.jailrun("exec", "t", "/bin/probe", "isolation").output)
    }

    /// Rules, links, routes, and the program that decides on devices. The jail's link has another number in each start.
    private func hostSide() -> [String] {
        let script = """
            { nft list ruleset; ip -o link | sed 's/^[0-9]*: //; s/@.*//'; ip route; } |
                sed 's/\(neighbourLink)\\b/neighbour/g; s/vjail[0-9]*/vjail/g'
            '\(Laboratory.probe)' device_programs '\(Remains.cgroupRoot)/t'
            """
        return Command.shell(script).run().lines
    }

    /// Pipes, namespaces and ids have other numbers in each start; what counts is that no namespace is the host's, and no id
    /// root's or a user's.
    private static func words(_ output: String) -> [String] {
        output.replacing(/([ug]id)=1[89]\d{8}/, with: { "\($0.1)=own" }).split(separator: "\n").map { line in
            guard let bracket = line.range(of: ":[") else { return String(line) }
            let name = line[..<bracket.lowerBound].split(separator: " ").last ?? ""
            let hosts = try? FileManager.default.destinationOfSymbolicLink(atPath: "/proc/self/ns/\(name)")
            return "\(line[..<bracket.lowerBound]) \(hosts.map { line.hasSuffix($0) } == true ? "of the host" : "own")"
        }
    }

    /// Without what is said of every start on a machine without the controller.
    private static func said(_ outcome: Outcome) -> [Substring] {
        outcome.errors.split(separator: "\n").filter { !$0.contains("without the default") }
    }
}
