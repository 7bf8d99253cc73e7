import Glibc
import JailCore

/// jail -c: starts jails, those that do not depend on each other at once.
struct JailCreation {
    let request: JailRequest
    let host: Host
    let output: LinkOutput
    /// Names of those that are left to another command that was a moment earlier.
    let yields: Set<String>

    private var isConfigured: Bool { request.form != .parameters }

    /// - Parameter jails: none of them runs.
    /// - Returns: the exit status.
    func run(_ jails: [CheckedJail]) throws -> Int32 {
        var jails = jails
        for index in jails.indices {
            try jails[index].spec.assumeName(on: host)
            jails[index].spec.commands.awaitsCommand = true
        }
        if !isConfigured, try !isSupported(jails[0].spec) { return 1 }
        if !request.isQuiet { output.errors(jails.flatMap(\.warnings)) }
        if request.cleansUp { for jail in jails { try JailCleanup(of: jail.spec, host: host).run() } }
        let jidFile = try openJidFile()
        var keepers = keepers(for: jails, jidFile)
        let results = try keepers.run()
        for result in results where result.isSkipped && !request.isQuiet { output.error("\(result.jail): skipped") }
        if let signal = keepers.interruption {
            output.error("interrupted by \(CommandOutcome.signalName(signal))")
            return 1
        }
        let yielded = Set(results.filter(\.isYielded).map(\.jail))
        for jail in jails where !yielded.contains(jail.spec.label) {
            try JailSettling(of: jail.spec.name.value, host: host).run()
        }
        return results.contains { $0.status != 0 } ? 1 : 0
    }

    private func keepers(for jails: [CheckedJail], _ jidFile: Int32?) -> JailKeepers {
        let (output, isConfigured, printsNumbers) = (output, isConfigured, request.printsNumbers)
        let prefix = request.isOldStyle ? "" : "jid="
        let lines = jails.map { ($0.spec.name.value, jidLine(of: $0)) }
        var keepers = JailKeepers(
            specs: jails.map(\.spec), host: host, mode: .detached,
            configuration: isConfigured ? Descriptors.absolute(request.file) : ParameterWords.place,
            report: { output.error($0.jailMessage(isNamed: isConfigured)) },
            announce: { record in
                guard let jidFile, let line = lines.first(where: { $0.0 == record.name })?.1 else { return }
                LinkOutput.write(jidFile, Array("\(prefix)\(record.identity.jid)\t\(line)\n".utf8))
            })
        keepers.starts.created = { spec, identity in
            if output.isVerbose {
                output.note("jail_set(JAIL_CREATE)\(spec.kernelWords())", of: isConfigured ? spec.label : nil)
            }
            if printsNumbers { LinkOutput.write(1, Array("\(identity.jid)\n".utf8)) }
            output.note("created", of: isConfigured ? spec.label : nil)
        }
        keepers.keepsStarted = true
        keepers.starts.yields = yields
        keepers.starts.removed = { spec in output.note("removed", of: isConfigured ? spec.label : nil) }
        // The terminal is a jail's that has its parameters on the command line.
        if !request.isQuiet && isConfigured { keepers.awaiting = { WaitLine.show($0, as: output.program) } }
        keepers.starts.limit = request.limit
        keepers.starts.isInteractive = !isConfigured
        return keepers
    }

    /// What a jail of the command line needs of those that run.
    private func isSupported(_ spec: ConfiguredJail) throws(RuntimeError) -> Bool {
        let names = try JailLookup(host: host).running().map(\.name)
        let missing = spec.depend.map(\.value).filter { !names.contains($0) }
        for name in missing { output.error("depends on nonexistent jail \"\(Terminal.escaped(name))\"") }
        if let parent = JailName.parent(of: spec.name.value), !names.contains(parent) {
            output.error("jail \"\(parent)\" not found")
            return false
        }
        return missing.isEmpty
    }

    // MARK: -J

    private func openJidFile() throws -> Int32? {
        guard let path = request.jidFile else { return nil }
        let descriptor = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_APPEND | O_CLOEXEC, 0o644)
        if descriptor >= 0 { return descriptor }
        throw RuntimeError.host("open \(path): \(String(cString: strerror(errno)))", hint: nil)
    }

    /// What stands behind the jail's number.
    private func jidLine(of jail: CheckedJail) -> String {
        if !request.isOldStyle {
            let bytes = ConfigurationListing.parameters(of: jail.parameters, separator: [UInt8(ascii: "\t")])
            return String(decoding: bytes, as: UTF8.self)
        }
        let addresses = jail.spec.network.addresses.map(\.address).joined(separator: ",")
        let command = request.words.command?.joined(separator: " ") ?? ""
        return [jail.spec.path.value, jail.spec.hostname.value, addresses, command].joined(separator: "\t")
    }
}

extension ConfiguredJail {
    /// The parameters that FreeBSD's kernel would be given, each with a blank before it.
    /// - Parameter isUpdate: without those that only a new jail is given.
    func kernelWords(isUpdate: Bool = false) -> String {
        parameters.settings.filter { setting in
            KernelParameters.contains(setting.baseName)
                && !(isUpdate && KernelParameters.isCreateOnly(setting.baseName))
        }.map { setting in
            let value = ConfigurationListing.quoted(Bytes(setting.values.joined(separator: ",").utf8))
            let shown = setting.values.isEmpty ? "" : "=\(String(decoding: value, as: UTF8.self))"
            return " \(Terminal.escaped(setting.name + shown))"
        }.joined()
    }
}
