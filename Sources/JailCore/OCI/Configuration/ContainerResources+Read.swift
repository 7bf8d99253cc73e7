/// `linux.resources`: config-linux.md, "Control groups". Values of cgroup v1 become those of v2 as the specification of runc and
/// crun has it.
extension ContainerResources {
    /// - Parameter bytes: what `update --resources` is given.
    package init(_ bytes: [UInt8], file: String) throws(Diagnostic) {
        try self.init(ConfigurationNode(try JSONDocument(bytes, file: file)))
    }

    init(_ node: ConfigurationNode) throws(Diagnostic) {
        devicesOrigin = try node["devices"]?.origin ?? node.origin
        for rule in try node["devices"]?.elements ?? [] { devices.append(try DeviceRule(rule)) }
        try node["memory"].map { (node) throws(Diagnostic) in try readMemory(node) }
        try node["cpu"].map { (node) throws(Diagnostic) in try readProcessor(node) }
        try node["pids"]?["limit"].map { (node) throws(Diagnostic) in
            add("pids.max", Self.limit(try node.integer()), node)
        }
        try node["blockIO"].map { (node) throws(Diagnostic) in try readBlocks(node) }
        for limit in try node["hugepageLimits"]?.elements ?? [] {
            let size = try limit.required("pageSize").string
            let bytes: UInt64 = try limit.required("limit").integer()
            add("hugetlb.\(size).max", "\(bytes)", limit)
        }
        for (device, limit) in try node["rdma"]?.members ?? [] {
            var parts = [device]
            for (key, word) in [("hcaHandles", "hca_handle"), ("hcaObjects", "hca_object")] {
                if let node = try limit[key] { parts.append("\(word)=\(try node.integer(UInt32.self))") }
            }
            add("rdma.max", parts.joined(separator: " "), limit)
        }
        for (file, value) in try node["unified"]?.members ?? [] {
            if file.utf8.contains(.slash) || !file.utf8.contains(.dot) { throw value.wrong("not a file of a cgroup") }
            add(file, try value.string, value)
        }
    }

    private mutating func add(_ file: String, _ value: String, _ node: ConfigurationNode) {
        settings.append(CgroupSetting(file: file, value: value, origin: node.origin))
    }

    /// -1 is none.
    private static func limit(_ number: Int64) -> String { number < 0 ? "max" : "\(number)" }

    private mutating func readMemory(_ node: ConfigurationNode) throws(Diagnostic) {
        let limit: Int64? = try node["limit"]?.integer()
        if let swap = try node["swap"] {
            let total: Int64 = try swap.integer()
            // Version 1 counts memory and swap together.
            if total < 0 {
                add("memory.swap.max", "max", swap)
            } else if total > 0 {
                guard let limit, limit > 0 else { throw swap.wrong("needs a limit of the memory") }
                if total < limit { throw swap.wrong("\(total) is less than the limit of the memory, \(limit)") }
                add("memory.swap.max", "\(total - limit)", swap)
            }
        }
        if let limit, limit != 0, let node = try node["limit"] { add("memory.max", Self.limit(limit), node) }
        if let node = try node["reservation"] {
            let reservation: Int64 = try node.integer()
            if reservation != 0 { add("memory.low", Self.limit(reservation), node) }
        }
    }

    private mutating func readProcessor(_ node: ConfigurationNode) throws(Diagnostic) {
        if let node = try node["shares"] {
            let shares: UInt64 = try node.integer()
            // 2 to 262144 there, 1 to 10000 here.
            if shares != 0 { add("cpu.weight", "\(1 + (min(max(shares, 2), 262_144) - 2) * 9999 / 262_142)", node) }
        }
        let (quota, period) = (try node["quota"], try node["period"])
        if let place = quota ?? period {
            let quota: Int64 = try quota?.integer() ?? 0
            let period: UInt64 = try period?.integer() ?? 0
            if quota != 0 || period != 0 {
                add("cpu.max", "\(quota > 0 ? "\(quota)" : "max") \(period == 0 ? 100_000 : period)", place)
            }
        }
        if let node = try node["burst"] { add("cpu.max.burst", "\(try node.integer(UInt64.self))", node) }
        if let node = try node["idle"] { add("cpu.idle", "\(try node.integer(Int64.self))", node) }
        for (key, file) in [("cpus", "cpuset.cpus"), ("mems", "cpuset.mems")] {
            if let node = try node[key], try !node.string.isEmpty { add(file, try node.string, node) }
        }
        for field in ["realtimeRuntime", "realtimePeriod"] {
            if let node = try node[field], try node.integer(Int64.self) != 0 {
                throw node.wrong("cgroup v2 has no limit of real-time processes")
            }
        }
    }

    private mutating func readBlocks(_ node: ConfigurationNode) throws(Diagnostic) {
        if let node = try node["weight"] {
            let weight: UInt64 = try node.integer()
            // 10 to 1000 there, 1 to 10000 here.
            if weight != 0 { add("io.weight", "default \(1 + (min(max(weight, 10), 1000) - 10) * 9999 / 990)", node) }
        }
        let throttles = [
            ("throttleReadBpsDevice", "rbps"), ("throttleWriteBpsDevice", "wbps"),
            ("throttleReadIOPSDevice", "riops"), ("throttleWriteIOPSDevice", "wiops"),
        ]
        for (key, word) in throttles {
            for device in try node[key]?.elements ?? [] {
                let (major, minor): (UInt32, UInt32) = (
                    try device.required("major").integer(), try device.required("minor").integer()
                )
                let rate: UInt64 = try device.required("rate").integer()
                add("io.max", "\(major):\(minor) \(word)=\(rate == 0 ? "max" : "\(rate)")", device)
            }
        }
    }
}

extension DeviceRule {
    init(_ node: ConfigurationNode) throws(Diagnostic) {
        let type = try node["type"]
        let text = try type?.string ?? "a"
        let kind: DeviceNode.Kind?
        switch text {
        case "a", "": kind = nil
        case "c", "u": kind = .character
        case "b": kind = .block
        default: throw (type ?? node).wrong("\"\(shown(text))\": expected a, b or c")
        }
        /// -1, and none: all.
        func number(_ key: String) throws(Diagnostic) -> UInt32? {
            guard let node = try node[key], try node.integer(Int64.self) >= 0 else { return nil }
            return try node.integer()
        }
        let access = try node["access"]
        var allowed: Access = []
        for letter in try access?.string ?? "rwm" {
            switch letter {
            case "r": allowed.insert(.read)
            case "w": allowed.insert(.write)
            case "m": allowed.insert(.make)
            default: throw (access ?? node).wrong("\"\(letter)\": expected r, w or m")
            }
        }
        self.init(
            isAllowed: try node.required("allow").bool, kind: kind, major: try number("major"),
            minor: try number("minor"), access: allowed.isEmpty ? .all : allowed)
    }

    /// What every container may use, whatever its rules say: config-linux.md, "Default Devices".
    static let defaults: [DeviceRule] =
        [
            DeviceRule(isAllowed: true, kind: .character, access: .make),
            DeviceRule(isAllowed: true, kind: .block, access: .make),
        ]
        + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map {
            DeviceRule(isAllowed: true, kind: .character, major: $0.0, minor: $0.1)
        } + [DeviceRule(isAllowed: true, kind: .character, major: 136)]
}
