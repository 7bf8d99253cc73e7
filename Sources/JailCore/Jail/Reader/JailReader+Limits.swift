extension JailReader {
    private static let controllers = ["cpu", "cpuset", "io", "memory", "pids", "hugetlb", "rdma", "misc", "dmem"]
    /// The core files that decide who is in the cgroup and what it is: jailrun's own.
    /// Core files that can be written, without their first word.
    private static let settable = ["max.depth", "max.descendants", "pressure"]
    /// Last words of files that are only read.
    private static let told = ["stat", "current", "events", "local", "peak", "effective", "numa_stat", "rsvd_current"]
    private static let own = ["procs", "threads", "kill", "freeze", "type", "subtree_control"]

    /// `cgroup.FILE = VALUE`, and the default limit of processes.
    mutating func cgroup() -> [CgroupSetting] {
        var settings: [CgroupSetting] = []
        for (file, parameter) in family("cgroup.") { settings += self.settings(of: file, parameter) }
        if !settings.contains(where: { $0.file == "pids.max" }) {
            settings.append(CgroupSetting(file: "pids.max", value: "4096", origin: .standard("cgroup.pids.max = max")))
        }
        for limit in nestedCgroups() {
            guard let own = settings.first(where: { $0.file == limit.file }) else {
                settings.append(limit)
                continue
            }
            guard own.value == "0", let parameter = jail.parameter("cgroup.\(own.file)") else { continue }
            error(
                parameter, "0 leaves no room for the cgroup of the jail's own processes",
                at: parameter.location,
                hint: "at least 1 with children.max, which sets \(limit.value) by itself")
        }
        return settings
    }

    /// Paths of cgroups, whose names root inside chooses, stay shorter than PATH_MAX: they are to be removed.
    private static let deepestJails = 8

    /// `children.max`, as the kernel holds to it: each jail is a cgroup, with a leaf if it has jails itself.
    private func nestedCgroups() -> [CgroupSetting] {
        guard let value = jail.parameter("children.max")?.lastValue,
            let maximum = DigitsOnly.value(value.bytes, in: 1...Self.mostJails)
        else { return [] }
        let limits = [
            (CgroupSetting.nestedCount, 2 * maximum + 1),
            (CgroupSetting.nestedDepth, min(maximum, Self.deepestJails) + 1),
        ]
        return limits.map { CgroupSetting(file: $0, value: String($1), origin: .configuration(value.location)) }
    }

    private mutating func settings(of file: String, _ parameter: EffectiveParameter) -> [CgroupSetting] {
        guard isUsable(file, parameter) else { return [] }
        guard !parameter.values.isEmpty else {
            error(parameter, "a value is missing", at: parameter.location)
            return []
        }
        // Files with one line for each device take all values, others the last.
        let isKeyed =
            file.hasPrefix("io.") || file.hasPrefix("rdma.") || file.hasPrefix("misc.") || file.hasPrefix("dmem.")
        return (isKeyed ? parameter.values : parameter.values.suffix(1)).compactMap { value in
            self.value(value, file, parameter).map {
                CgroupSetting(file: file, value: $0, origin: .configuration(value.location))
            }
        }
    }

    private mutating func isUsable(_ file: String, _ parameter: EffectiveParameter) -> Bool {
        let parts = file.split(separator: ".", omittingEmptySubsequences: false).map { String($0) }
        let isClean = file.utf8.allSatisfy { $0.isLetter || $0.isDigit || $0 == .dot || $0 == UInt8(ascii: "_") }
        let isCore = parts[0] == "cgroup" || parts.count == 1
        if !isClean || parts.contains(where: \.isEmpty) {
            error(parameter, "the name of a cgroup file has letters, digits, _ and single dots", at: parameter.location)
        } else if isCore, Self.own.contains(parts[parts.count - 1]) {
            error(parameter, "jailrun itself writes to this file", at: parameter.location)
        } else if isCore, parts.count > 1, !Self.settable.contains(parts.dropFirst().joined(separator: ".")) {
            error(
                parameter, "\(file) is not a file that can be set", at: parameter.location,
                hint: Self.settable.map { "cgroup.cgroup.\($0)" }.joined(separator: ", "))
        } else if let last = parts.last, parts.count > 1, Self.told.contains(last) {
            error(parameter, "\(file) is read-only: the kernel accepts no value for it", at: parameter.location)
        } else if parts.count == 1 || parts[0] != "cgroup" && !Self.controllers.contains(parts[0]) {
            let near = Spelling(parts[0]).closest(in: Self.controllers).map { "did you mean \($0)?" }
            error(
                parameter, "\(file) is not a file of a cgroup controller", at: parameter.location,
                hint: near ?? "CONTROLLER.FILE; controllers are \(Self.controllers.joined(separator: ", "))")
        } else {
            return true
        }
        return false
    }

    private mutating func value(_ value: ParameterValue, _ file: String, _ parameter: EffectiveParameter) -> String? {
        guard let text = value.bytes.text, !text.isEmpty, value.bytes.allSatisfy({ $0 >= 0x20 && $0 < 0x7f }) else {
            error(parameter, "the value is empty, or not one line of ASCII", at: value.location)
            return nil
        }
        if file == "pids.max" {
            return bounded(text, value, parameter, hint: "a number, or max") { DigitsOnly.value($0, in: 1...Int.max) }
        }
        if let form = CgroupValue(file) {
            if form.accepts(text) { return text }
            error(parameter, "\"\(text)\" is not a valid value", at: value.location, hint: form.hint)
            return nil
        }
        guard Self.isSize(file) else { return text }
        return bounded(text, value, parameter, hint: "bytes, with K, M, G or T, or max", Self.byteCount)
    }

    private mutating func bounded(
        _ text: String, _ value: ParameterValue, _ parameter: EffectiveParameter, hint: String, _ read: (Bytes) -> Int?
    ) -> String? {
        if text == "max" { return text }
        if let number = read(value.bytes) { return String(number) }
        error(parameter, "\"\(text)\" is not a valid value", at: value.location, hint: hint)
        return nil
    }

    private static func isSize(_ file: String) -> Bool {
        let files = [
            "memory.max", "memory.high", "memory.low", "memory.min", "memory.swap.max", "memory.swap.high",
            "memory.zswap.max",
        ]
        return files.contains(file) || file.hasPrefix("hugetlb.") && file.hasSuffix(".max")
    }

    /// Digits and a binary unit.
    static func byteCount(_ bytes: Bytes) -> Int? {
        let units = Bytes("kmgt".utf8)
        let unit = bytes.last.flatMap { units.firstIndex(of: $0 | 0x20) }
        guard let number = DigitsOnly.value(unit == nil ? bytes[...] : bytes.dropLast(), in: 0...Int.max) else {
            return nil
        }
        let (product, hasOverflown) = number.multipliedReportingOverflow(by: 1 << (10 * (unit.map { $0 + 1 } ?? 0)))
        return hasOverflown ? nil : product
    }
}
