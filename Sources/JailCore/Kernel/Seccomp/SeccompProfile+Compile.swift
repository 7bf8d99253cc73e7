internal import CNamespaces
internal import SystemPackage

extension SeccompProfile {
    /// What moby's `includes` and `excludes` ask about.
    struct Conditions: Equatable, CustomStringConvertible {
        var capabilities: CapabilitySet
        /// Go's word for the machine: `amd64`, `arm64`.
        var architecture: String
        /// libseccomp's: `SCMP_ARCH_X86_64`.
        var nativeArchitecture: String
        /// Major and minor version.
        var kernel: KernelVersion

        var description: String { "\(capabilities.procDescription) \(architecture) \(kernel)" }

        static func thisMachine(with capabilities: CapabilitySet) throws(SeccompError) -> Conditions {
            #if arch(arm64)
            let (architecture, native) = ("arm64", "SCMP_ARCH_AARCH64")
            #else
            let (architecture, native) = ("amd64", "SCMP_ARCH_X86_64")
            #endif
            return Conditions(
                capabilities: capabilities, architecture: architecture, nativeArchitecture: native,
                kernel: try KernelVersion.running())
        }
    }

    /// The rules that hold under `conditions`, as a program.
    func compile(under conditions: Conditions) throws(SeccompError) -> SeccompFilter {
        let builder = try SeccompBuilder(defaultAction, data: data(of: defaultAction, defaultErrnoRet))
        for name in architectures(under: conditions) { try builder.addArchitecture(name) }
        for rule in syscalls ?? [] where conditions.admit(rule) {
            // A name that neither libseccomp nor jailrun knows cannot be called on this machine either.
            for name in rule.allNames {
                try builder.add(rule, data: data(of: rule.action, rule.errnoRet), to: name)
            }
        }
        return SeccompFilter(bytes: try builder.export(), flags: (flags ?? []).reduce(0) { $0 | $1.bit })
    }

    private func architectures(under conditions: Conditions) -> [String] {
        guard let archMap else { return architectures ?? [] }
        return archMap.filter { $0.architecture == conditions.nativeArchitecture }
            .flatMap { [$0.architecture] + ($0.subArchitectures ?? []) }
    }

    /// EPERM is what a refusal returns when the profile names no number.
    private func data(of action: Action, _ number: UInt32?) -> UInt32 {
        switch action {
        case .errno, .trace: number ?? UInt32(Errno.notPermitted.rawValue)
        case .allow, .kill, .killThread, .killProcess, .trap, .log, .notify: 0
        }
    }
}

extension SeccompProfile.Conditions {
    /// moby's meaning: every capability of `includes`, none of `excludes`.
    func admit(_ rule: SeccompProfile.Rule) -> Bool {
        if let includes = rule.includes {
            guard includes.caps?.allSatisfy(has) ?? true, includes.arches.isEmptyOr(containing: architecture),
                includes.minKernel.map(reaches) ?? true
            else { return false }
        }
        if let excludes = rule.excludes {
            guard excludes.caps?.contains(where: has) != true, excludes.arches?.contains(architecture) != true,
                excludes.minKernel.map(reaches) != true
            else { return false }
        }
        return true
    }

    private func has(_ name: String) -> Bool { Capability(name: name).map(capabilities.contains) ?? false }

    /// A version that cannot be read is one that no kernel reaches.
    private func reaches(_ version: String) -> Bool { KernelVersion(version).map { kernel >= $0 } ?? false }
}

extension [String]? {
    fileprivate func isEmptyOr(containing word: String) -> Bool {
        guard let self, !self.isEmpty else { return true }
        return self.contains(word)
    }
}

/// The first two numbers of a kernel's release.
struct KernelVersion: Comparable, CustomStringConvertible {
    var major: Int
    var minor: Int

    /// Takes `4.8`, and `6.1.0-37-amd64`.
    init?(_ release: some StringProtocol) {
        let parts = release.split(separator: ".", maxSplits: 2, omittingEmptySubsequences: false)
        guard parts.count >= 2, let major = Int(parts[0]) else { return nil }
        let digits = parts[1].prefix { "0"..."9" ~= $0 }
        guard let minor = Int(digits) else { return nil }
        (self.major, self.minor) = (major, minor)
    }

    /// The running kernel's; 0.0 when it does not say, which admits no rule that asks for a newer one.
    /// - Throws: when it cannot be asked: a rule that refuses would be left out.
    static func running() throws(SeccompError) -> KernelVersion {
        let text: String
        do throws(Errno) { text = try Files.text("/proc/sys/kernel/osrelease") } catch {
            throw .refused("/proc/sys/kernel/osrelease", error.description)
        }
        return KernelVersion(text) ?? KernelVersion("0.0")!
    }

    static func < (left: Self, right: Self) -> Bool { (left.major, left.minor) < (right.major, right.minor) }

    var description: String { "\(major).\(minor)" }
}

/// libseccomp's filter context, released when it goes out of use.
@safe private struct SeccompBuilder: ~Copyable {
    private let filter: OpaquePointer

    init(_ action: SeccompProfile.Action, data: UInt32) throws(SeccompError) {
        var filter: OpaquePointer?
        let result = unsafe cns_seccomp_create(action.code, data, &filter)
        guard result == 0, let created = unsafe filter else {
            throw .compilation("default action \(action.rawValue)", Errno(rawValue: -result))
        }
        unsafe self.filter = created
    }

    deinit { unsafe cns_seccomp_destroy(filter) }

    func addArchitecture(_ name: String) throws(SeccompError) {
        let result = unsafe cns_seccomp_add_architecture(filter, name)
        guard result == 0 else { throw .compilation("architecture \(name)", Errno(rawValue: -result)) }
    }

    func add(_ rule: SeccompProfile.Rule, data: UInt32, to name: String) throws(SeccompError) {
        let comparisons = (rule.args ?? []).map { argument in
            cns_seccomp_comparison(
                value: argument.value, second_value: argument.valueTwo ?? 0, argument: argument.index,
                comparison: argument.op.code)
        }
        let result = unsafe cns_seccomp_add_rule(
            filter, name, rule.action.code, data, comparisons, UInt32(comparisons.count))
        guard result >= 0 else { throw .compilation("rule for \(name)", Errno(rawValue: -result)) }
    }

    func export() throws(SeccompError) -> [UInt8] {
        try unsafe SeccompFilter.collect { out, capacity, length in
            unsafe cns_seccomp_export(filter, out, capacity, length)
        }
    }
}

extension SeccompProfile.Action {
    /// `enum cns_seccomp_action`. OCI's KILL is the thread, as libseccomp's was when the word was chosen.
    fileprivate var code: UInt32 {
        switch self {
        case .allow: CNS_ACTION_ALLOW.rawValue
        case .errno: CNS_ACTION_ERRNO.rawValue
        case .killProcess: CNS_ACTION_KILL_PROCESS.rawValue
        case .kill, .killThread: CNS_ACTION_KILL_THREAD.rawValue
        case .trap: CNS_ACTION_TRAP.rawValue
        case .trace: CNS_ACTION_TRACE.rawValue
        case .log: CNS_ACTION_LOG.rawValue
        case .notify: CNS_ACTION_NOTIFY.rawValue
        }
    }
}

extension SeccompProfile.Operator {
    /// `enum cns_seccomp_operator`.
    fileprivate var code: UInt32 {
        switch self {
        case .notEqual: CNS_COMPARE_NE.rawValue
        case .less: CNS_COMPARE_LT.rawValue
        case .lessOrEqual: CNS_COMPARE_LE.rawValue
        case .equal: CNS_COMPARE_EQ.rawValue
        case .greaterOrEqual: CNS_COMPARE_GE.rawValue
        case .greater: CNS_COMPARE_GT.rawValue
        case .maskedEqual: CNS_COMPARE_MASKED_EQ.rawValue
        }
    }
}

extension SeccompProfile.Flag {
    /// SECCOMP_FILTER_FLAG_* of seccomp(2).
    fileprivate var bit: UInt32 {
        switch self {
        case .synchronizeThreads: 1 << 0
        case .log: 1 << 1
        case .allowSpeculation: 1 << 2
        case .killableWait: 1 << 5
        }
    }
}
