internal import SystemPackage

/// `sysctl.NAME`: which there are in a jail, which can be written, and which values they take.
extension HostCheck {
    /// The kernel itself is asked, once for each jail that sets any.
    mutating func checkSettings() {
        let settings = spec.process.settings
        if settings.isEmpty { return }
        let ids = IdentityRegistry.ids(of: spec, host.authority)
        let usual = IDRange(first: IdentityRegistry.firstRange, count: IdentityRegistry.rangeCount)
        let asked = settings.map { (path: spec.trialPath(of: $0), value: $0.value) }
        guard let answers = SettingTrial.answers(to: asked, ids: ids ?? usual) else { return }
        let identity = JailIdentity(jid: 0, idRange: ids, generation: 0)
        let facts = StartFacts()
        let all = Planner(jail: spec.loweredForEntry(as: identity, on: facts), facts: facts).setKernelParameters()
        // jailrun's own come first.
        let steps = Array(all.suffix(3 * settings.count))
        for (index, answer) in answers.enumerated() {
            // Each is opened, written and closed.
            let (opening, writing) = (steps[3 * index], steps[3 * index + 1])
            switch answer {
            case .taken: break
            // To the host's own root the kernel may show more.
            case .notOpened(let errno):
                if ids != nil, isUntold(settings[index]) { say(opening, errno, settings[index]) }
            case .notWritten(let errno): say(writing, errno, settings[index])
            }
        }
    }

    /// A start objects to what this host does not have at all. Of a link that is yet to come the trial does not know.
    private func isUntold(_ setting: ProcessSettings.Setting) -> Bool {
        if let interface = setting.interface { return interface == "lo" || !spec.linksInside.contains(interface) }
        // What cannot be looked at is told.
        do throws(Errno) { return try Files.isThere("/proc/sys/\(setting.path)") } catch { return true }
    }

    /// As the start does that fails at it.
    private mutating func say(_ step: Step, _ errno: Errno, _ setting: ProcessSettings.Setting) {
        let isAbsent = setting.interface != nil && errno == .noSuchFileOrDirectory
        say(
            .error, "cannot \(step.words): \(errno.description)", setting.origin,
            hint: isAbsent ? "the jail has \(spec.linksInside.joined(separator: ", "))" : step.hint(for: errno))
    }
}

extension ConfiguredJail {
    /// What its network namespace has when its parameters are set.
    fileprivate var linksInside: [String] {
        var attached: [String?] = network.lookup == nil ? [] : [nil]
        for address in network.addresses {
            let interface = address.interface == NetworkSpec.bridge ? nil : address.interface
            if !attached.contains(interface) { attached.append(interface) }
        }
        return ["lo"] + attached.indices.map { "eth\($0)" } + network.interfaces.map(\.value)
    }

    /// A link that the jail will have stands for itself where there is none yet: new ones begin with the same parameters.
    fileprivate func trialPath(of setting: ProcessSettings.Setting) -> String {
        guard let interface = setting.interface, interface != "lo", linksInside.contains(interface) else {
            return setting.path
        }
        var parts = setting.path.split(separator: "/").map(String.init)
        parts[3] = "default"
        return parts.joined(separator: "/")
    }
}
