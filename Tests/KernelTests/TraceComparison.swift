import Foundation

/// A line of strace(1)'s output, put together when another process's lines came between.
struct TracedCall {
    var pid: Int
    var name: String
    var arguments: [String]
    var result: String

    static func all(in text: String) -> [TracedCall] {
        var begun: [Substring: String] = [:]
        return text.split(separator: "\n").compactMap { line in
            let pid = line.prefix { $0 != " " }
            var call = String(line.dropFirst(pid.count).drop { $0 == " " })
            if call.hasSuffix("<unfinished ...>") {
                begun[pid] = String(call.dropLast("<unfinished ...>".count))
                return nil
            }
            if call.hasPrefix("<... "), let end = call.range(of: "resumed>") {
                call = (begun.removeValue(forKey: pid) ?? "") + call[end.upperBound...]
            }
            return TracedCall(pid: Int(pid) ?? 0, call)
        }
    }

    init?(pid: Int, _ text: String) {
        guard let open = text.firstIndex(of: "("), let close = text.range(of: ")", options: .backwards) else {
            return nil
        }
        var end = close.lowerBound
        // "= -1 EPERM (Operation not permitted)" and "= 3" both follow the call's own parenthesis.
        if let equals = text.range(of: #"\)\s+= "#, options: [.regularExpression, .backwards]) {
            end = equals.lowerBound
        }
        self.pid = pid
        name = String(text[..<open])
        guard !name.isEmpty, name.allSatisfy({ $0.isLetter || $0.isNumber || $0 == "_" }) else { return nil }
        arguments = Self.split(text[text.index(after: open)..<end])
        result = text[end...].range(of: "= ").map { String(text[$0.upperBound...].prefix { $0 != " " }) } ?? ""
    }

    /// At commas that are in no bracket and no string.
    static func split(_ text: some StringProtocol) -> [String] {
        var parts: [String] = []
        var part = ""
        var depth = 0
        var isQuoted = false
        var isEscaped = false
        for character in text {
            if isQuoted {
                if isEscaped {
                    isEscaped = false
                } else if character == "\\" {
                    isEscaped = true
                } else if character == "\"" {
                    isQuoted = false
                }
            } else if character == "\"" {
                isQuoted = true
            } else if "([{".contains(character) {
                depth += 1
            } else if ")]}".contains(character) {
                depth -= 1
            } else if character == ",", depth == 0 {
                parts.append(part)
                part = ""
                continue
            }
            part.append(character)
        }
        if !part.allSatisfy(\.isWhitespace) { parts.append(part) }
        return parts.map { $0.trimmingCharacters(in: .whitespaces) }
    }
}

/// Looks for each step of a dry run in a trace, in order, on the process that must perform it. A slot's name stands for the
/// descriptor that the call before it returned.
struct TraceComparison {
    private enum Side: Int { case host, child, command }

    private let calls: [TracedCall]
    /// Where the search ends.
    private var end: Int
    private var side = Side.host
    private var pids: [Int]
    /// For each process: the place in `calls` after the last step that was found, and what the slots are.
    private var cursors: [Int: Int] = [:]
    private var slots: [Int: [String: String]] = [:]
    private var found: Set<Int> = []
    /// Of commands, each a process of its own.
    private var past: [Int] = []
    private(set) var missing: [String] = []
    /// Of a command that joins a jail: its process runs the stage, which forks the command.
    private let isEntry: Bool
    private var entersNetwork = false
    /// The command of the host's that the lines are about, until it is executed.
    private var hook: Int?

    init(_ calls: [TracedCall], isEntry: Bool = false) {
        self.calls = calls
        end = calls.count
        self.isEntry = isEntry
        pids = [calls.first?.pid ?? 0]
        found = [0]
        let isStage = { (call: TracedCall) in call.name == "clone3" && call.arguments.contains { $0.contains("PIDFD") }
        }
        guard isEntry, let index = calls.firstIndex(where: isStage) else { return }
        begin(calls[index].result, knowing: [:])
        side = .child
    }

    /// From what becomes the stage to the stage, which finds its descriptors at numbers of its own; then to its command.
    mutating func enterStage() { slots = [:] }
    mutating func enterCommand() { enter(.command) }

    mutating func find(_ line: String) {
        if let place = NetworkLine(line) { return find(place, line) }
        guard let step = TracedCall(pid: 0, line) ?? TracedCall(pid: 0, line + " = 0") else {
            return missing.append(line)
        }
        // The child's first step: from here on the two go on side by side.
        if line == "close(supervisor-control)", side == .host { enter(.child) }
        let isHook = step.name == "clone3" && !line.contains("CLONE_NEW")
        let pid = isHook ? pids[0] : hook ?? (side.rawValue < pids.count ? pids[side.rawValue] : -1)
        let from = cursors[pid] ?? 0
        for index in calls.indices.prefix(end).dropFirst(from)
        where calls[index].pid == pid && calls[index].name == step.name {
            var known = slots[pid] ?? [:]
            guard Self.match(step, calls[index], &known) else { continue }
            if !step.result.isEmpty, step.result != "0" { known[step.result] = calls[index].result }
            slots[pid] = known
            cursors[pid] = index + 1
            found.insert(index)
            if isHook || hook != nil {
                hook = isHook ? Int(calls[index].result) : step.name == "execve" ? nil : hook
                return
            }
            if step.name == "clone3" { begin(calls[index].result, knowing: known) }
            // What init forks for a command is a process of its own, after init itself or the command before it.
            if step.name == "execve" || step.name == "execveat" && !isEntry { enter(.command) }
            return
        }
        missing.append(line)
    }

    /// Whether this process has made the step, which it need not, before the first call that is meant.
    mutating func finds(_ line: String, before isMeant: (TracedCall) -> Bool) -> Bool {
        let count = missing.count
        end = calls.firstIndex(where: isMeant) ?? calls.count
        find(line)
        end = calls.count
        if missing.count == count { return true }
        missing.removeLast()
        return false
    }

    private mutating func find(_ step: NetworkLine, _ line: String) {
        entersNetwork = entersNetwork || step.isInside
        for index in calls.indices.prefix(end).dropFirst(cursors[pids[0]] ?? 0) where calls[index].pid == pids[0] {
            guard let end = step.end(at: index, in: calls) else { continue }
            found.formUnion([index, end])
            cursors[pids[0]] = end + 1
            return
        }
        missing.append(line)
    }

    private mutating func begin(_ result: String, knowing known: [String: String]) {
        let child = Int(result) ?? 0
        pids.append(child)
        slots[child] = known
    }

    /// Programs of the host that jailrun starts, and a copy of its own that watches over the run.
    private var hooks: [Int] {
        calls.filter { $0.pid == pids[0] && ["clone3", "clone", "fork"].contains($0.name) }.compactMap {
            Int($0.result)
        }
    }

    private mutating func enter(_ next: Side) {
        side = next
        guard next == .command else { return }
        let known = Set(pids + past + hooks)
        let pid = calls.first { !known.contains($0.pid) }?.pid ?? -1
        if pids.count > 2 { pids[2] = pid } else { pids.append(pid) }
        if pid > 0 { past.append(pid) }
    }

    /// Calls of the kinds that a plan is about, up to the last command, that no step asked for.
    var extra: [String] {
        calls.indices.prefix { !isEnd($0) }
            .filter {
                !found.contains($0) && !isPayload($0) && !isVisit($0) && !isConfinement($0)
                    && Self.isIsolation(calls[$0])
            }
            .map { "\(calls[$0].pid) \(calls[$0].name)(\(calls[$0].arguments.joined(separator: ", ")))" }
    }

    /// What follows the end of the first process is no part of a start.
    private func isEnd(_ index: Int) -> Bool {
        pids.count > 1 && calls[index].pid == pids[0] && calls[index].name == "waitid"
            && calls[index].arguments.contains { $0.contains("si_pid=\(pids[1]),") }
    }

    /// What a command does once it is executed is its own business, and so is what its children do.
    private func isPayload(_ index: Int) -> Bool {
        let pid = calls[index].pid
        if past.contains(pid) { return index >= cursors[pid] ?? 0 }
        guard !pids.contains(pid), !hooks.contains(pid), let first = past.compactMap({ cursors[$0] }).min() else {
            return false
        }
        return calls.firstIndex { $0.pid == pid } ?? 0 > first
    }

    /// What the stage does to itself when the last command runs: it is no step, for it is the same in each jail.
    private func isConfinement(_ index: Int) -> Bool {
        let call = calls[index]
        guard pids.count > 1, call.pid == pids[1], index >= cursors[pids[1]] ?? 0 else { return false }
        return call.name == "seccomp" || call.arguments.first == "PR_SET_NO_NEW_PRIVS"
            || call.name == "capset"
                && call.arguments.last?.hasPrefix("{effective=1<<CAP_KILL, permitted=1<<CAP_KILL,") == true
    }

    /// To work in the jail's network namespace, jailrun goes there and comes back.
    private func isVisit(_ index: Int) -> Bool {
        entersNetwork && calls[index].pid == pids[0] && calls[index].name == "setns"
            && calls[index].arguments.last == "CLONE_NEWNET"
    }

    private static let kinds: Set<String> = [
        "mount", "umount2", "fsopen", "fsconfig", "fsmount", "fspick", "move_mount", "open_tree", "open_tree_attr",
        "mount_setattr", "pivot_root", "chroot", "setns", "unshare", "setuid", "setgid", "setreuid", "setregid",
        "setresuid", "setresgid", "setgroups", "setfsuid", "setfsgid", "capset", "seccomp", "sethostname",
        "setdomainname",
        "mknod", "mknodat", "keyctl", "bpf", "clone3", "execve", "execveat", "swapon", "personality",
    ]

    static func isIsolation(_ call: TracedCall) -> Bool {
        if call.name == "prctl" {
            // A question.
            if call.arguments.first == "PR_CAPBSET_READ" { return false }
            return ["NO_NEW_PRIVS", "CAPBSET", "CAP_AMBIENT", "SECUREBITS", "SECCOMP"].contains {
                call.arguments.first?.contains("PR_SET_\($0)") == true
                    || call.arguments.first?.contains("PR_\($0)") == true
            }
        }
        // A question.
        if call.name == "personality" { return call.arguments.first != "0xffffffff" }
        if call.name == "sendmsg" || call.name == "sendto" { return NetworkLine.changes(call) }
        if call.name == "clone3" || call.name == "clone" { return call.arguments.contains { $0.contains("CLONE_NEW") } }
        return kinds.contains(call.name)
    }

    // MARK: Spellings

    private static func match(_ step: TracedCall, _ call: TracedCall, _ known: inout [String: String]) -> Bool {
        if call.result == "-1" && !["mkdirat", "unlinkat", "close"].contains(step.name) { return false }
        if step.name == "recvmsg" || step.name == "sendmsg" { return matchMessage(step, call, &known) }
        var wanted = step.arguments
        // strace(1) leaves out a mode or device that the call does not look at.
        while wanted.count > call.arguments.count, ["0", "makedev(0x0, 0x0)"].contains(wanted.last) {
            wanted.removeLast()
        }
        guard wanted.count == call.arguments.count else { return false }
        return zip(wanted, call.arguments).allSatisfy { isSame($0, $1, &known) }
    }

    /// What matters of a message is where it goes and which descriptors it carries.
    private static func matchMessage(_ step: TracedCall, _ call: TracedCall, _ known: inout [String: String]) -> Bool {
        let message = call.arguments.count > 1 ? call.arguments[1] : ""
        let carried =
            message.range(of: "cmsg_data=[").map { start in
                message[start.upperBound...].prefix { $0 != "]" }.components(separatedBy: ", ")
            } ?? []
        if step.name == "recvmsg" {
            guard carried.count == step.arguments.count - 1 else { return false }
            for (slot, descriptor) in zip(step.arguments.dropFirst(), carried) { known[slot] = descriptor }
            return true
        }
        guard let control = step.arguments.first, let socket = call.arguments.first, isSame(control, socket, &known)
        else {
            return false
        }
        // A release carries a list; a pty goes alone, after what kind of message it is.
        let list = step.arguments[1].range(of: "[").map { start in
            step.arguments[1][start.upperBound...].prefix { $0 != "]" }.components(separatedBy: ", ")
        }
        let wanted = list ?? Array(step.arguments.dropFirst(2))
        return wanted.count == carried.count && zip(wanted, carried).allSatisfy { isSame($0, $1, &known) }
    }

    private static func isSame(_ wanted: String, _ real: String, _ known: inout [String: String]) -> Bool {
        if wanted == real || wanted == "…" { return true }
        let real = real.components(separatedBy: " => ")[0].trimmingCharacters(in: .whitespaces)
        if wanted.hasPrefix("{"), real.hasPrefix("{") { return isSameStructure(wanted, real, &known) }
        if wanted.hasPrefix("["), real.hasPrefix("[") {
            let (left, right) = (
                TracedCall.split(wanted.dropFirst().dropLast()), TracedCall.split(real.dropFirst().dropLast())
            )
            return left.count == right.count && zip(left, right).allSatisfy { isSame($0, $1, &known) }
        }
        // The candidates of execvp(3): one of them is executed.
        if wanted.hasPrefix("["), real.hasPrefix("\"") {
            return TracedCall.split(wanted.dropFirst().dropLast()).contains(real)
        }
        if wanted == "\"/proc/self/fd/N\"" {
            return real.range(of: #"^"/proc/self/fd/[0-9]+"$"#, options: .regularExpression) != nil
        }
        if wanted.hasPrefix("\"/proc/PID") {
            return real.range(of: #"^"/proc/[0-9]+"#, options: .regularExpression) != nil
        }
        if wanted.range(of: "^[a-z][a-z0-9-]*$", options: .regularExpression) != nil {
            guard Int(real) != nil else { return false }
            if let number = known[wanted] { return number == real }
            known[wanted] = real
            return true
        }
        if wanted.hasPrefix("\"") || real.hasPrefix("\"") { return false }
        // strace(1) does not know that TIOCGPTPEER takes the flags of open(2).
        if real == "0x80102" { return flags(wanted) == ["O_RDWR", "O_NOCTTY", "O_CLOEXEC"] }
        return flags(wanted) == flags(real)
    }

    private static func isSameStructure(_ wanted: String, _ real: String, _ known: inout [String: String]) -> Bool {
        let fields = TracedCall.split(real.dropFirst().dropLast())
        return TracedCall.split(wanted.dropFirst().dropLast()).allSatisfy { field in
            guard let equals = field.firstIndex(of: "=") else { return fields.contains(field) }
            let key = field[...equals]
            guard let other = fields.first(where: { $0.hasPrefix(key) }) else { return false }
            return isSame(String(field[field.index(after: equals)...]), String(other.dropFirst(key.count)), &known)
        }
    }

    /// The order of flags is nobody's business, O_RDONLY is 0, and so is a set of nothing.
    private static func flags(_ text: String) -> Set<String> {
        let parts = text.replacingOccurrences(of: "0x0)", with: "0)").replacingOccurrences(of: "1<<", with: "")
            .split(whereSeparator: { $0 == "|" || $0 == " " }).map(String.init)
        return Set(parts.filter { $0 != "O_RDONLY" && !$0.allSatisfy { $0 == "0" } })
    }
}
