extension ContainerMount {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        target = try node.required("destination").string
        type = try node["type"]?.string ?? ""
        source = try node["source"]?.string ?? ""
        options = MountOptions(try node["options"]?.strings ?? [])
        origin = node.origin
        if type == "bind", options.bind == nil { options.bind = .single }
        users = try RuntimeConfiguration.maps(try node["uidMappings"])
        groups = try RuntimeConfiguration.maps(try node["gidMappings"])
        if users.isEmpty != groups.isEmpty { throw node.wrong("uidMappings and gidMappings go together") }
        if !users.isEmpty, options.bind == nil { throw node.wrong("only bind mounts show other ids") }
        if !users.isEmpty, options.idmap == nil { options.idmap = .single }
        if options.bind != nil, source.isEmpty { throw node.wrong("a bind mount needs a source") }
        if options.bind == nil, type.isEmpty { throw node.wrong("needs a type, or the option bind") }
        if let word = options.data.first, options.bind != nil, !MountOptions.superblockFlags.contains(word) {
            let near = Spelling(word).closest(in: MountOptions.names).map { " (did you mean \"\($0)\"?)" } ?? ""
            throw node.wrong("\"\(shown(word))\": not an option of bind mounts\(near)")
        }
    }
}

extension ContainerDevice {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        let kind = try node.required("type")
        self.kind = try kind.word([("c", .character), ("u", .character), ("b", .block), ("p", .fifo)])
        let path = try node.required("path")
        self.path = try path.absolutePath
        if !self.path.hasPrefix("/dev/") { throw path.wrong("devices lie in /dev") }
        if self.kind == .fifo { throw kind.wrong("FIFOs are not supported by this runtime") }
        major = try node.required("major").integer()
        minor = try node.required("minor").integer()
        mode = try node["fileMode"]?.integer(UInt16.self) ?? 0o666
        mode &= 0o7777
        uid = try node["uid"]?.integer() ?? 0
        gid = try node["gid"]?.integer() ?? 0
        origin = node.origin
    }
}

extension ContainerFilter {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        if let listener = try node["listenerPath"], try !listener.string.isEmpty {
            throw listener.wrong("not supported by this runtime")
        }
        json = node.value.bytes
        origin = node.origin
        profile = try SeccompProfile(of: node.document, at: node.path)
    }
}

extension ContainerHooks {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        if let inside = try node["startContainer"], let first = try inside.elements.first {
            throw first.wrong("hooks that run inside the container are not supported by this runtime")
        }
        for moment in Moment.allCases {
            for hook in try node[moment.rawValue]?.elements ?? [] { all.append((moment, try Hook(hook))) }
        }
    }
}

extension ContainerHooks.Hook {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        path = try node.required("path").absolutePath
        arguments = try node["args"]?.strings ?? []
        if arguments.isEmpty { arguments = [path] }
        environment = try node["env"]?.strings
        timeoutSeconds = 0
        if let timeout = try node["timeout"] {
            timeoutSeconds = try timeout.integer()
            if timeoutSeconds <= 0 { throw timeout.wrong("\(timeoutSeconds): a timeout is more than 0 seconds") }
        }
        origin = node.origin
    }
}
