extension RuntimeConfiguration {
    /// - Parameter file: its name in messages.
    /// - Throws: what is wrong, and where.
    package init(_ bytes: [UInt8], file: String) throws(Diagnostic) {
        let node = ConfigurationNode(try JSONDocument(bytes, file: file))
        let linux = try node["linux"]
        version = try Self.version(try node.required("ociVersion"))
        let root = try node.required("root")
        self.root = try root.required("path").located
        if self.root.value.isEmpty { throw try root.required("path").wrong("empty") }
        isReadOnly = Located(try root["readonly"]?.bool ?? false, try root["readonly"]?.origin ?? root.origin)
        hostname = try node["hostname"].map { (node) throws(Diagnostic) in try node.located }
        domainName = try node["domainname"].map { (node) throws(Diagnostic) in try node.located }
        process = try node["process"].map { (node) throws(Diagnostic) in try ContainerProcess(node) }
        mounts = []
        for mount in try node["mounts"]?.elements ?? [] { mounts.append(try ContainerMount(mount)) }
        hooks = ContainerHooks()
        if let node = try node["hooks"] { hooks = try ContainerHooks(node) }
        annotations = []
        for (key, value) in try node["annotations"]?.members ?? [] {
            if key.isEmpty { throw value.wrong("an annotation without a name") }
            annotations.append(JSONValue.Member(key, JSONValue(.string(try value.string))))
        }
        (namespaces, users, groups, mapsOrigin) = ([], [], [], linux?.origin ?? node.origin)
        (devices, resources, settings, masked, readOnly) = ([], ContainerResources(), [], [], [])
        (propagation, attributes, warnings) = (.unchanged, [], [])
        if let linux { try read(linux) }
        warnings += process?.warnings ?? []
        try check(node)
    }

    /// Semantic Versioning; the specification keeps what it has within a major version.
    private static func version(_ node: ConfigurationNode) throws(Diagnostic) -> String {
        let text = try node.string
        let numbers = text.prefix { $0 != "-" && $0 != "+" }.split(separator: ".", omittingEmptySubsequences: false)
        guard numbers.count == 3, numbers.allSatisfy({ UInt32($0) != nil }) else {
            throw node.wrong("\"\(shown(text))\" is not a version of three numbers")
        }
        if numbers[0] != "1" { throw node.wrong("version \(text) of the specification is not known; 1 is") }
        return text
    }

    private mutating func read(_ linux: ConfigurationNode) throws(Diagnostic) {
        for field in Self.refused {
            if let node = try linux[field] { throw node.wrong("not supported by this runtime") }
        }
        for node in try linux["namespaces"]?.elements ?? [] { try add(node) }
        users = try Self.maps(try linux["uidMappings"])
        groups = try Self.maps(try linux["gidMappings"])
        mapsOrigin = try linux["uidMappings"]?.origin ?? linux.origin
        for node in try linux["devices"]?.elements ?? [] { devices.append(try ContainerDevice(node)) }
        cgroupsPath = try linux["cgroupsPath"].map { (node) throws(Diagnostic) in try node.located }
        if let node = try linux["resources"] { resources = try ContainerResources(node) }
        for (name, value) in try linux["sysctl"]?.members ?? [] {
            settings.append(
                ProcessSettings.Setting(
                    path: Self.path(ofParameter: name), value: try value.string, origin: value.origin))
        }
        attributes = try ProcessAttribute.ofContainer(linux)
        if let node = try linux["seccomp"] { seccomp = try ContainerFilter(node) }
        for node in try linux["maskedPaths"]?.elements ?? [] { masked.append(Self.relative(try node.absolutePath)) }
        for node in try linux["readonlyPaths"]?.elements ?? [] { readOnly.append(Self.relative(try node.absolutePath)) }
        if let node = try linux["rootfsPropagation"], try !node.string.isEmpty {
            propagation = try node.word([
                ("private", .private), ("rprivate", .private), ("slave", .slave), ("rslave", .slave),
                ("shared", .shared), ("rshared", .shared), ("unbindable", .unbindable), ("runbindable", .unbindable),
            ])
        }
    }

    private static let refused = ["timeOffsets", "netDevices", "intelRdt"]

    static func relative(_ path: String) -> String { path.split(separator: "/").joined(separator: "/") }

    /// `net.ipv4.ip_forward`; with slashes, dots are part of names: `net/ipv4/conf/eth0.1/forwarding`.
    private static func path(ofParameter name: String) -> String {
        name.utf8.contains(.slash) ? name : name.split(separator: ".").joined(separator: "/")
    }

    private mutating func add(_ node: ConfigurationNode) throws(Diagnostic) {
        let type = try node.required("type")
        let kind = try type.word([
            ("pid", NamespaceFlags.pid), ("network", .network), ("mount", .mount), ("ipc", .ipc), ("uts", .uts),
            ("user", .user), ("cgroup", .cgroup), ("time", []),
        ])
        if kind.isEmpty { throw type.wrong("time namespaces are not supported by this runtime") }
        if namespaces.contains(where: { $0.kind == kind }) {
            throw type.wrong("there is a namespace of this type already")
        }
        let path = try node["path"].map { (node) throws(Diagnostic) in try node.string }
        let given = path.flatMap { $0.isEmpty ? nil : $0 }
        if given?.hasPrefix("/") == false { throw try node.required("path").wrong("is not an absolute path") }
        if given != nil, kind == .mount { throw try node.required("path").wrong("a mount namespace cannot be joined") }
        namespaces.append(ContainerNamespace(kind: kind, path: given, origin: type.origin))
    }

    static func maps(_ node: ConfigurationNode?) throws(Diagnostic) -> [IDMapping] {
        var maps: [IDMapping] = []
        for map in try node?.elements ?? [] {
            maps.append(
                IDMapping(
                    inside: try map.required("containerID").integer(), outside: try map.required("hostID").integer(),
                    count: try map.required("size").integer()))
        }
        return maps
    }

    // MARK: What does not go together

    private func check(_ node: ConfigurationNode) throws(Diagnostic) {
        func has(_ kind: NamespaceFlags) -> Bool { namespaces.contains { $0.kind == kind } }
        func own(_ kind: NamespaceFlags) -> Bool { namespaces.contains { $0.kind == kind && $0.path == nil } }
        if !own(.mount) {
            throw node.wrong("linux.namespaces has no mount namespace, without which no root can be given")
        }
        if hostname != nil, !has(.uts) {
            throw try node.required("hostname").wrong("needs a uts namespace: this one would be the host's name")
        }
        if domainName != nil, !has(.uts) {
            throw try node.required("domainname").wrong("needs a uts namespace: this one would be the host's name")
        }
        guard let linux = try node["linux"] else { return }
        if !users.isEmpty || !groups.isEmpty, !has(.user) {
            throw try linux.required(users.isEmpty ? "gidMappings" : "uidMappings").wrong("needs a user namespace")
        }
        if own(.user), users.isEmpty || groups.isEmpty {
            throw linux.wrong("a new user namespace needs uidMappings and gidMappings")
        }
        for setting in settings {
            if setting.path == "kernel/hostname"
                || setting.path == "kernel/domainname"
                    && ![nil, setting.value].contains(domainName?.value)
            {
                let field = setting.path == "kernel/hostname" ? "hostname" : "domainname"
                throw linux.wrong("sysctl: \(setting.path) is what \(field) sets")
            }
            guard let kind = Self.namespace(of: setting.path) else {
                throw linux.wrong("sysctl: \(setting.path) is the whole host's, and not a namespace's")
            }
            if !has(kind) { throw linux.wrong("sysctl: \(setting.path) needs a namespace of its own") }
        }
    }

    /// Which namespace has a kernel parameter to itself; nil for one of the host's.
    private static func namespace(of parameter: String) -> NamespaceFlags? {
        let ipc = [
            "kernel/msgmax", "kernel/msgmnb", "kernel/msgmni", "kernel/sem", "kernel/shmall", "kernel/shmmax",
            "kernel/shmmni", "kernel/shm_rmid_forced",
        ]
        if parameter.hasPrefix("net/") { return .network }
        if parameter.hasPrefix("fs/mqueue/") || ipc.contains(parameter) { return .ipc }
        if parameter == "kernel/hostname" || parameter == "kernel/domainname" { return .uts }
        return parameter.hasPrefix("user/") ? .user : nil
    }
}
