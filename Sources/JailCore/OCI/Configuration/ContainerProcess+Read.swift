extension ContainerProcess {
    /// - Parameter node: `process` of config.json, or the whole of what `exec --process` is given.
    package init(_ bytes: [UInt8], file: String) throws(Diagnostic) {
        try self.init(ConfigurationNode(try JSONDocument(bytes, file: file)))
    }

    init(_ node: ConfigurationNode) throws(Diagnostic) {
        if let label = try node["selinuxLabel"], try !label.string.isEmpty {
            throw label.wrong("not supported by this runtime")
        }
        let profile = try node["apparmorProfile"].map { (node) throws(Diagnostic) in try node.located }
        self.profile = profile.flatMap { $0.value.isEmpty ? nil : $0 }
        origin = node.origin
        isTerminal = try node["terminal"]?.bool ?? false
        if let size = try node["consoleSize"] {
            consoleSize = (try size.required("height").integer(), try size.required("width").integer())
        }
        let user = try node["user"]
        self.user = try user?["uid"]?.integer() ?? 0
        group = try user?["gid"]?.integer() ?? 0
        groups = []
        for gid in try user?["additionalGids"]?.elements ?? [] { groups.append(try gid.integer()) }
        userOrigin = user?.origin ?? node.origin
        let mask = try user?["umask"]
        umask = Located(try mask?.integer() ?? 0o022, mask?.origin ?? userOrigin)
        let arguments = try node.required("args")
        self.arguments = try arguments.strings
        if self.arguments.isEmpty { throw arguments.wrong("empty") }
        argumentsOrigin = arguments.origin
        environment = try node["env"]?.strings ?? []
        let directory = try node.required("cwd")
        self.directory = Located(try directory.absolutePath, directory.origin)
        capabilities = try Self.capabilities(try node["capabilities"])
        limits = []
        for limit in try node["rlimits"]?.elements ?? [] {
            let new = try Self.limit(limit)
            if limits.contains(where: { $0.resource == new.resource }) {
                throw try limit.required("type").wrong("there is a limit of this type already")
            }
            limits.append(new)
        }
        gainsPrivileges = try !(node["noNewPrivileges"]?.bool ?? false)
        oomScore = try node["oomScoreAdj"].map { (node) throws(Diagnostic) in
            let score: Int = try node.integer()
            if !(-1000...1000).contains(score) { throw node.wrong("\(score): not from -1000 to 1000") }
            return Located(score, node.origin)
        }
        attributes = try ProcessAttribute.ofProcess(node)
        joining = try ProcessAttribute.ofEntry(node)
        warnings = []
    }

    /// A name that is not known is left out: the specification has runtimes say so, and go on.
    private static func capabilities(_ node: ConfigurationNode?) throws(Diagnostic) -> CapabilitySets {
        func set(_ key: String) throws(Diagnostic) -> CapabilitySet {
            CapabilitySet((try node?[key]?.strings ?? []).compactMap { Capability(name: $0) })
        }
        let (permitted, inheritable) = (try set("permitted"), try set("inheritable"))
        // Those that are not both are none: prctl(2), PR_CAP_AMBIENT.
        return CapabilitySets(
            bounding: try set("bounding"), effective: try set("effective"), permitted: permitted,
            inheritable: inheritable, ambient: try set("ambient").intersection(permitted).intersection(inheritable))
    }

    private static func limit(_ node: ConfigurationNode) throws(Diagnostic) -> ProcessSettings.Limit {
        let resource = try node.required("type").word(ResourceLimitName.allCases.map { ($0.name, $0) })
        let (soft, hard): (UInt64, UInt64) = (try node.required("soft").integer(), try node.required("hard").integer())
        if soft > hard { throw try node.required("soft").wrong("\(soft) is more than the hard limit, \(hard)") }
        return ProcessSettings.Limit(resource: resource, soft: soft, hard: hard, origin: node.origin)
    }
}
