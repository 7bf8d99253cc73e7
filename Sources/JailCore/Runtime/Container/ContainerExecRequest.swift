internal import SystemPackage

/// The process of an `exec`.
package struct ContainerExecRequest: Sendable {
    /// A file with the whole of it.
    package var file: String?
    package var arguments: [String] = []
    package var directory: String?
    package var environment: [String] = []
    /// `UID[:GID]`.
    package var user: String?
    package var capabilities: [String] = []
    package var groups: [String] = []
    package var isTerminal = false
    package var keepsPrivileges = false
    package init() {}
}

extension ContainerDirectory {
    /// - Throws: `.file` for what is wrong in the file, `.host` for what is wrong in the words.
    package func process(_ request: ContainerExecRequest) throws(RuntimeError) -> ContainerProcess {
        _ = try read()
        if let file = request.file {
            let bytes = try ContainerFile.bytes(file)
            do throws(Diagnostic) { return try ContainerProcess(bytes, file: file) } catch {
                throw .file(jail: nil, error)
            }
        }
        guard var process = try configuration().process else {
            throw .host("\(id): config.json has no process", hint: "exec --process FILE gives one")
        }
        if request.arguments.isEmpty { throw .host("exec: no command", hint: nil) }
        process.arguments = request.arguments
        process.argumentsOrigin = .commandLine
        process.isTerminal = request.isTerminal
        if let directory = request.directory { process.directory = Located(directory, .commandLine) }
        for variable in request.environment { process.set(variable) }
        if request.keepsPrivileges { process.gainsPrivileges = false }
        if let user = request.user { try process.become(user) }
        for text in request.groups { process.groups.append(try Self.id(text)) }
        for name in request.capabilities {
            guard let capability = Capability(name: name) else {
                throw .host("unknown capability \"\(Terminal.escaped(name))\"", hint: nil)
            }
            process.capabilities.add(capability)
        }
        return process
    }

    fileprivate static func id(_ text: String) throws(RuntimeError) -> UInt32 {
        if let id = UInt32(text) { return id }
        throw .host("\"\(Terminal.escaped(text))\" is not the number of a user or group", hint: nil)
    }
}

extension ContainerProcess {
    /// - Parameter variable: `NAME=VALUE`, in place of one of that name.
    mutating func set(_ variable: String) {
        let name = variable.prefix { $0 != "=" } + "="
        environment.removeAll { $0.hasPrefix(name) }
        environment.append(variable)
    }

    fileprivate mutating func become(_ text: String) throws(RuntimeError) {
        let parts = text.split(separator: ":", maxSplits: 1).map(String.init)
        user = try ContainerDirectory.id(parts.first ?? "")
        if parts.count == 2 { group = try ContainerDirectory.id(parts[1]) }
        userOrigin = .commandLine
    }
}

extension CapabilitySets {
    fileprivate mutating func add(_ capability: Capability) {
        let one = CapabilitySet([capability])
        bounding.formUnion(one)
        effective.formUnion(one)
        permitted.formUnion(one)
    }
}
