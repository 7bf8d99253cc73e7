import Glibc
import JailCore
import SystemPackage

/// Called as `jail`: FreeBSD's jail(8), its flags, messages and statuses.
enum JailLink {
    private struct Request {
        var isCreate = false
        var isRemove = false
        /// -R: without the configured commands.
        var isForced = false
        var separator: String?
        var file = "/etc/jail.conf"
        var isFileGiven = false
        var isQuiet = false
        var isVerbose = false
        var isIdentityOnly = false
        var operands: [String] = []
    }

    private static let usage = """
        usage: jail [-c] [-iqv] [-f file] [jail]
               jail [-rc] [-iqv] [-f file] [jail]
               jail [-rR] [-qv] ['*' | jail ...]
               jail [-f file] -e separator
        """

    static func run(_ arguments: [String]) -> Int32 {
        guard let request = parse(arguments) else {
            write(2, usage + "\n")
            return 1
        }
        if let separator = request.separator { return list(request.file, separator) }
        do {
            let isVerbose = request.isVerbose
            let host = try Host(
                stateDirectory: nil, cgroupRoot: nil, signals: try SignalSource.takeProcess(),
                observe: isVerbose ? { @Sendable step, microseconds in Output.step(step, microseconds) } : nil,
                warn: { write(2, "jail: \($0)\n") })
            var status: Int32 = 0
            if request.isRemove { status = remove(request, host) }
            if request.isCreate { status = max(status, create(request, host)) }
            return status
        } catch {
            write(2, "jail: \(error.message)\n")
            return 1
        }
    }

    private static func parse(_ arguments: [String]) -> Request? {
        var request = Request()
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-"), word != "-" {
            rest.removeFirst()
            if word == "--" { break }
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                func value() -> String? {
                    if !letters.isEmpty {
                        defer { letters = "" }
                        return String(letters)
                    }
                    return rest.popFirst()
                }
                switch letter {
                case "c": request.isCreate = true
                case "r": request.isRemove = true
                case "R": (request.isRemove, request.isForced) = (true, true)
                case "q": request.isQuiet = true
                case "v": request.isVerbose = true
                case "i": (request.isIdentityOnly, request.isQuiet) = (true, true)
                case "f":
                    guard let file = value() else { return nil }
                    (request.file, request.isFileGiven) = (file, true)
                case "e":
                    guard let separator = value() else { return nil }
                    request.separator = separator
                default: return nil
                }
            }
        }
        request.operands = Array(rest)
        let hasOperation = request.isCreate || request.isRemove
        if request.separator != nil { return hasOperation || !request.operands.isEmpty ? nil : request }
        if request.isRemove && !request.isCreate && request.operands.isEmpty { return nil }
        if request.isCreate && (request.operands.count > 1 || request.operands.contains { $0.contains("=") }) {
            return nil
        }
        return hasOperation ? request : nil
    }

    private static func list(_ file: String, _ separator: String) -> Int32 {
        let listing: ConfigurationListing
        do { listing = ConfigurationListing(try Configuration(path: file), separator: Array(separator.utf8)) } catch {
            listing = ConfigurationListing(error)
        }
        writeBytes(2, listing.errors)
        writeBytes(1, listing.output)
        return listing.status
    }

    private static func create(_ request: Request, _ host: Host) -> Int32 {
        let specs: [JailSpec]
        do { specs = try Configuration(path: request.file).specs(of: request.operands) } catch {
            for diagnostic in error.jailDiagnostics { writeBytes(2, diagnostic.jailLine) }
            return 1
        }
        let running = JailLookup(host: host).running().map(\.name)
        // Starting all treats running ones as done; naming a running one is an error.
        if let named = request.operands.first,
            let spec = specs.first(where: { $0.label == named || $0.name.value == named }),
            running.contains(spec.name.value)
        {
            write(2, "jail: \"\(named)\" already exists\n")
            return 1
        }
        let wanted = specs.filter { !running.contains($0.name.value) }
        let isQuiet = request.isQuiet
        let isIdentityOnly = request.isIdentityOnly
        var keepers = JailKeepers(
            specs: wanted, host: host, mode: .detached, configuration: Descriptors.absolute(request.file),
            running: running, report: { write(2, "jail: \($0.message)\n") },
            announce: {
                if isIdentityOnly { write(1, "\($0.identity.jid)\n") }
                if !isQuiet { write(1, "\($0.spec.label): created\n") }
            })
        guard let results = try? keepers.run() else { return 1 }
        for result in results where result.isSkipped { write(2, "jail: \(result.jail): skipped\n") }
        return results.contains { $0.status != 0 } ? 1 : 0
    }

    private static func remove(_ request: Request, _ host: Host) -> Int32 {
        let lookup = JailLookup(host: host)
        let running = lookup.running()
        var names: [String] = []
        var status: Int32 = 0
        for operand in request.operands.isEmpty ? ["*"] : request.operands {
            if operand == "*" {
                names += running.reversed().map(\.name)
            } else if let name = lookup.name(operand) {
                names.append(name)
            } else if !request.isCreate {
                write(2, "jail: \"\(operand)\" not found\n")
                status = 1
            }
        }
        let stop = JailStop(host: host, terminals: Descriptors.terminals, isForced: request.isForced)
        for name in lookup.withDependents(names) {
            let label = running.first { $0.name == name }?.spec.label ?? name
            do {
                try stop.run(name)
                if !request.isQuiet { write(1, "\(label): removed\n") }
            } catch {
                write(2, "jail: \(error.message)\n")
                status = 1
            }
        }
        return status
    }

    private static func write(_ descriptor: Int32, _ text: String) { writeBytes(descriptor, Array(text.utf8)) }

    private static func writeBytes(_ descriptor: Int32, _ bytes: [UInt8]) {
        bytes.withUnsafeBytes { _ = Glibc.write(descriptor, $0.baseAddress, $0.count) }
    }
}

/// Called as `jls`: the basic form of FreeBSD's jls(8).
enum JlsLink {
    static func run(_ arguments: [String]) -> Int32 {
        var byName = false
        var wanted: String?
        var rest = arguments[...]
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word.count > 1 else { return usage() }
            var letters = word.dropFirst()
            while let letter = letters.popFirst() {
                switch letter {
                case "N": byName = true
                case "d", "q": break
                case "j":
                    guard let name = letters.isEmpty ? rest.popFirst() : String(letters) else { return usage() }
                    (wanted, letters) = (name, "")
                default: return usage()
                }
            }
        }
        do {
            let host = try Host(
                stateDirectory: nil, cgroupRoot: nil, signals: try SignalSource.takeProcess(),
                warn: { fail("jls: \($0)") })
            let lookup = JailLookup(host: host)
            guard let wanted else {
                print(JailTable.text(lookup.running(), byName: byName))
                return 0
            }
            guard let record = lookup.record(wanted) else {
                fail("jls: jail \"\(Terminal.escaped(wanted))\" not found")
                return 1
            }
            print(JailTable.text([record], byName: byName))
            return 0
        } catch {
            fail("jls: \(error.message)")
            return 1
        }
    }

    private static func usage() -> Int32 {
        fail("usage: jls [-dNq] [-j jail]")
        return 1
    }
}

/// Called as `jexec`: the basic form of FreeBSD's jexec(8).
enum JexecLink {
    static func run(_ arguments: [String]) -> Int32 {
        var user: String?
        var isHostUser = false
        var directory: String?
        var rest = arguments[...]
        while let word = rest.first, word.hasPrefix("-"), word.count > 1 {
            rest.removeFirst()
            if word == "--" { break }
            switch word {
            case "-l", "-n": break  // the environment is always a clean one here
            case "-u", "-U":
                guard user == nil, let name = rest.popFirst() else { return usage() }
                (user, isHostUser) = (name, word == "-u")
            case "-d":
                guard let name = rest.popFirst() else { return usage() }
                directory = name
            default: return usage()
            }
        }
        guard let jail = rest.popFirst() else { return usage() }
        return enter(jail, Array(rest), user: user, isHostUser: isHostUser, directory: directory)
    }

    private static func enter(_ jail: String, _ command: [String], user: String?, isHostUser: Bool, directory: String?)
        -> Int32
    {
        do {
            let host = try Host(
                stateDirectory: nil, cgroupRoot: nil, signals: try SignalSource.takeProcess(),
                warn: { fail("jexec: \($0)") })
            guard let record = JailLookup(host: host).record(jail) else { throw RuntimeError.notFound(jail: jail) }
            let line = JailCommand(
                text: command.joined(separator: " "), arguments: command.isEmpty ? ["/bin/sh", "-i"] : command,
                isBackground: false)
            let outcome = try JailEntry(record: record, host: host, terminals: Descriptors.terminals).run(
                line, parameter: "jexec", origin: .commandLine, user: user, isHostUser: isHostUser, directory: directory
            )
            if case .notExecuted(let errno) = outcome {
                fail("jexec: execvp: \(Terminal.escaped(line.arguments[0])): \(errno.description)")
                return 1
            }
            return outcome.exitStatus
        } catch let error as RuntimeError {
            if case .notFound = error {
                fail("jexec: jail \"\(Terminal.escaped(jail))\" not found")
            } else {
                fail("jexec: \(error.message)")
            }
            return 1
        } catch { return 1 }
    }

    private static func usage() -> Int32 {
        fail("usage: jexec [-ln] [-d directory] [-u username | -U username] jail [command ...]")
        return 1
    }
}

private func fail(_ text: String) {
    let bytes = Array((text + "\n").utf8)
    bytes.withUnsafeBytes { _ = Glibc.write(2, $0.baseAddress, $0.count) }
}
