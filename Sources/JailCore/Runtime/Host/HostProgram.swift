internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// A program of the host that runs beside jails: it has the caller's terminal, descriptors 0 to 2, directory and
/// environment. When jailrun dies it gets SIGTERM; if it does not react, the supervisor kills it, with everything that
/// it has started.
package struct HostProgram: ~Copyable {
    private let child: Descriptor
    private let control: Descriptor

    let pid: Int32

    /// Readable when it has ended.
    package var pidfd: Int32 { child.number }

    /// - Parameters:
    ///   - arguments: its name, looked for along PATH, and what follows.
    ///   - environment: `NAME=VALUE`, instead of the caller's of that name.
    /// - Throws: the errno of clone3(2).
    package init(_ arguments: [String], environment: [String], signals: SignalSource) throws(RuntimeError) {
        let own = environment + [RunMark(of: getpid()).variable]
        let names = own.map { $0.prefix { $0 != "=" } }
        let all = FactFinder.environment.filter { !names.contains($0.prefix { $0 != "=" }) } + own
        let name = arguments.first ?? ""
        let calls: [SystemCall] = [
            .dieWithParent(SIGTERM, spelled: "SIGTERM"), .clearSignalMask(), .closeRange(from: 3, onExec: true),
            .execute(arguments, environment: all, shown: .environment(all)),
        ]
        let command = JailCommand(text: arguments.joined(separator: " "), arguments: arguments, isBackground: false)
        let plan = KernelPlan(
            steps: calls.map {
                Step(
                    operation: .call($0), side: .child, purpose: .hostCommand(command, parameter: nil),
                    origin: .commandLine,
                    words: "run \(name)")
            })
        let pair = try attempt("cannot run \(name)") { () throws(Errno) in try ControlPair() }
        signals.restoreCallersProcess()
        let spawned = try attempt("cannot run \(name)") { () throws(Errno) in
            try plan.spawn(0..<calls.count, flags: [], cgroup: -1, control: pair.childs.number)
        }
        pid = spawned.pid
        child = Descriptor(spawned.pidfd)
        control = Descriptor(dup(pair.ours.number))
    }

    package func signal(_ number: Int32) { _ = cns_pidfd_signal(child.number, number) }

    /// To what it has started, too.
    package func signalAll(_ number: Int32) {
        signal(number)
        for process in RunMark(of: getpid()).processes where process != pid { kill(process, number) }
    }

    /// How long the processes that it has left may run on before they are killed.
    package func endRest(withinMilliseconds milliseconds: Int) {
        let (mark, deadline) = (RunMark(of: getpid()), Clock.milliseconds() + milliseconds)
        while !mark.hasNone, Clock.milliseconds() < deadline { usleep(50000) }
        for process in mark.processes { kill(process, SIGKILL) }
    }

    /// Waits for its end.
    package func outcome() -> CommandOutcome {
        let status = cns_wait(child.number, -1)
        var report = cns_report()
        let count = unsafe cns_receive(control.number, &report, nil, 0, 0)
        if count == 0, UInt32(bitPattern: report.kind) == CNS_FAILED.rawValue {
            return .notExecuted(Errno(Int32(truncatingIfNeeded: report.value)))
        }
        return CommandOutcome(waitStatus: status)
    }
}

/// What a command beside jails learns about them.
package enum ServiceEnvironment {
    /// `JAILRUN_DB_NAME=db`, `JAILRUN_DB_IP=10.0.0.2`, and `_IP6`: the first address of each family. For published
    /// ports, `JAILRUN_DB_PORT=5432` is the first one's number on the host, and `JAILRUN_DB_PORT_5432_TCP` that of the
    /// jail's 5432.
    package static func variables(of specs: [ConfiguredJail]) -> [String] {
        specs.flatMap { (spec: ConfiguredJail) -> [String] in
            let prefix = "JAILRUN_\(word(spec.nameInFile))"
            let ipv4 = spec.network.addresses.first { $0.family == .ipv4 }?.address
            let ipv6 = spec.network.addresses.first { $0.family == .ipv6 }?.address
            let own = spec.network.mode.value == .inherit ? "127.0.0.1" : nil
            var variables = ["\(prefix)_NAME=\(spec.name.value)"]
            if let address = ipv4 ?? ipv6 ?? own { variables.append("\(prefix)_IP=\(address)") }
            if let ipv6 { variables.append("\(prefix)_IP6=\(ipv6)") }
            return variables + ports(of: spec, prefix)
        }
    }

    /// Of a range, the first.
    private static func ports(of spec: ConfiguredJail, _ prefix: String) -> [String] {
        let ports = spec.network.ports
        var result = ports.prefix(1).map { "\(prefix)_PORT=\($0.hostPort)" }
        var seen: [String] = []
        for port in ports {
            let name = "\(prefix)_PORT_\(port.jailPort)_\(port.transport.rawValue.uppercased())"
            if seen.contains(name) { continue }
            seen.append(name)
            result.append("\(name)=\(port.hostPort)")
        }
        return result
    }

    /// Two jails whose variables would be the same; nil if there are none.
    package static func clash(of specs: [ConfiguredJail]) -> (String, String)? {
        for (index, spec) in specs.enumerated() {
            let other = specs[..<index].first { word($0.nameInFile) == word(spec.nameInFile) }
            if let other { return (other.name.value, spec.name.value) }
        }
        return nil
    }

    /// Upper case; whatever is no letter, digit or _ becomes _.
    static func word(_ name: String) -> String {
        String(
            decoding: name.utf8.map { byte in
                switch byte {
                case UInt8(ascii: "a")...UInt8(ascii: "z"): byte - 32
                case UInt8(ascii: "A")...UInt8(ascii: "Z"), UInt8(ascii: "0")...UInt8(ascii: "9"): byte
                default: UInt8(ascii: "_")
                }
            }, as: UTF8.self)
    }
}

extension ConfiguredJail {
    /// Without the instance: a command beside jails finds the same variables in each.
    var nameInFile: String {
        String(name.value.dropFirst(instance.map { $0.count + 1 } ?? 0))
    }
}

/// What a person looks at.
package enum Screen {
    /// Columns and rows of a terminal; nil if it is not a terminal.
    package static func size(of terminal: Int32) -> (columns: Int, rows: Int)? {
        var (columns, rows): (Int32, Int32) = (0, 0)
        guard unsafe cns_window_size(terminal, &columns, &rows) == 0, columns > 0, rows > 0 else { return nil }
        return (Int(columns), Int(rows))
    }

    /// CLOCK_MONOTONIC.
    package static func milliseconds() -> Int { Clock.milliseconds() }
}
