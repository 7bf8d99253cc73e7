/// In the form that the compiler's `init(from:)` reads.
extension JailDetails {
    /// - Throws: what the encoder throws.
    func json() throws -> [UInt8] {
        var json = JSONWriter()
        try json.object { json in
            json.field("generation", Int(generation))
            json.key("spec")
            try json.object(spec.write)
            try json.field("networkUndo", rare: networkUndo)
            json.field("createdSeconds", createdSeconds)
            json.field("configuration", configuration)
            json.field("filter", filter)
            try json.field("networkChange", rare: networkChange)
        }
        return RecordForm.sealed(json.bytes)
    }
}

extension ConfiguredJail {
    fileprivate func write(to json: inout JSONWriter) throws {
        json.field("name", name)
        json.field("label", label)
        json.field("jid", jid)
        json.field("path", path)
        json.field("hostname", hostname)
        json.key("host")
        try json.object(host.write)
        json.field("isPersistent", isPersistent)
        json.key("root")
        json.object(root.write)
        json.key("commands")
        try json.object(commands.write)
        try json.field("mounts", rare: mounts)
        json.key("pseudoFilesystems")
        json.object(pseudoFilesystems.write)
        json.key("network")
        try json.object(network.write)
        json.key("cgroup")
        json.array(cgroup) { json, setting in json.object(setting.write) }
        json.key("privileges")
        try json.object(privileges.write)
        json.key("process")
        try json.object(process.write)
        json.key("metadata")
        json.object(metadata.write)
        json.field("depend", depend)
        try json.field("health", rare: health)
        json.key("restart")
        json.object(restart.write)
        json.key("log")
        json.object(log.write)
        json.field("parent", parent)
        try json.field("names", rare: names)
        json.field("instance", instance)
        json.key("parameters")
        json.object(parameters.write)
    }
}

extension HostSpec {
    fileprivate func write(to json: inout JSONWriter) throws {
        json.field("isInherited", isInherited)
        json.field("domainName", domainName)
        json.field("uuid", uuid)
        try json.field("id", rare: id)
    }
}

extension RootSpec {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("isReadOnly", isReadOnly)
        json.field("isEphemeral", isEphemeral)
        if let unmasked { json.field("unmasked", unmasked) }
    }
}

extension CommandSpec {
    fileprivate func write(to json: inout JSONWriter) throws {
        json.field("prepare", prepare)
        json.field("prestart", prestart)
        json.field("created", created)
        json.field("start", start)
        json.field("command", command)
        try json.field("commandVector", rare: commandVector)
        json.field("awaitsCommand", awaitsCommand)
        json.field("poststart", poststart)
        json.field("prestop", prestop)
        json.field("stop", stop)
        json.field("poststop", poststop)
        json.field("release", release)
        json.field("isClean", isClean)
        json.field("jailUser", jailUser)
        json.field("isJailUserOfHost", isJailUserOfHost)
        json.field("systemUser", systemUser)
        json.field("timeoutSeconds", timeoutSeconds)
        json.field("consoleLog", consoleLog)
        json.field("stopTimeoutSeconds", stopTimeoutSeconds)
    }
}

extension PseudoFilesystemSpec {
    fileprivate func write(to json: inout JSONWriter) {
        func field(_ name: String, _ presence: Located<Presence>) {
            json.located(name, presence.origin) { $0.value(presence.value.rawValue) }
        }
        field("devfs", devfs)
        json.field("devfsRuleset", devfsRuleset)
        field("fdescfs", fdescfs)
        field("procfs", procfs)
        field("sysfs", sysfs)
    }
}

extension NetworkSpec {
    fileprivate func write(to json: inout JSONWriter) throws {
        json.located("mode", mode.origin) { $0.value(mode.value.rawValue) }
        json.key("addresses")
        json.array(addresses) { json, address in json.object(address.write) }
        json.field("interfaces", interfaces)
        json.field("lookup", lookup)
        if let gateways { json.field("gateways", gateways) }
        try json.field("ports", rare: ports)
        json.field("masquerade", masquerade)
        json.field("leavesFirewall", leavesFirewall)
        json.field("allowsSpoofing", allowsSpoofing)
    }
}

extension AddressSpec {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("family", family.rawValue)
        json.field("address", address)
        if let prefixLength { json.field("prefixLength", prefixLength) }
        json.field("interface", interface)
        json.field("origin", origin.description)
    }
}

extension CgroupSetting {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("file", file)
        json.field("value", value)
        json.field("origin", origin.description)
    }
}

extension PrivilegeSpec {
    fileprivate func write(to json: inout JSONWriter) throws {
        json.field("capAdd", capAdd)
        json.field("capDrop", capDrop)
        json.located("seccomp", seccomp.origin) { $0.object(seccomp.value.write) }
        json.located("userNamespace", userNamespace.origin) { $0.object(userNamespace.value.write) }
        json.field("allowsRawSockets", allowsRawSockets)
        try json.field("granted", rare: granted)
        try json.field("withdrawn", rare: withdrawn)
        json.field("securityLevel", securityLevel)
        json.field("ownsNetwork", ownsNetwork)
        json.field("childrenMaximum", childrenMaximum)
        json.field("sharesInterprocess", sharesInterprocess)
    }
}

extension PrivilegeSpec.Seccomp {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .standard: json.key("standard")
        case .none: json.key("none")
        case .profile: json.key("profile")
        }
        json.object { if case .profile(let path) = self { $0.field("_0", path) } }
    }
}

extension PrivilegeSpec.UserNamespace {
    fileprivate func write(to json: inout JSONWriter) {
        switch self {
        case .private: json.key("private")
        case .host: json.key("host")
        case .range: json.key("range")
        }
        json.object {
            guard case .range(let first, let count) = self else { return }
            $0.field("first", Int(first))
            $0.field("count", Int(count))
        }
    }
}

extension ProcessSettings {
    fileprivate func write(to json: inout JSONWriter) throws {
        try json.field("limits", rare: limits)
        json.field("oomScore", oomScore)
        json.located("umask", umask.origin) { $0.value(umask.value) }
        try json.field("settings", rare: settings)
    }
}

extension MetadataSpec {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("meta", meta)
        json.field("environment", environment)
    }
}

extension ConfiguredJail.Restart {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("policy", policy.rawValue)
        json.field("maximum", maximum)
        json.field("delaySeconds", delaySeconds)
    }
}

extension ConfiguredJail.Log {
    fileprivate func write(to json: inout JSONWriter) {
        json.field("file", file)
        json.field("maximumBytes", maximumBytes)
        json.field("kept", kept)
        json.field("hasTimestamps", hasTimestamps)
        json.field("journal", journal)
    }
}

extension JailParameters {
    fileprivate func write(to json: inout JSONWriter) {
        json.key("settings")
        json.array(settings) { json, setting in
            json.object {
                $0.field("name", setting.name)
                $0.field("values", setting.values)
                $0.field("location", setting.location.description)
            }
        }
    }
}
