internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Performs steps of the host's side, those of a start and those of a change.
struct HostSteps: ~Copyable {
    let steps: [Step]
    /// The number of the first step, in messages.
    let firstIndex: Int
    /// How messages call the jail.
    let label: String
    /// Of a jail.conf.
    let jail: ConfiguredJail?
    let host: Host
    let kernelPlan: KernelPlan
    /// Nil when there is no step of the network.
    let network: NetworkStart?

    init(steps: [Step], firstIndex: Int = 0, jail: ConfiguredJail, host: Host, network: NetworkStart?) {
        self.init(steps: steps, firstIndex: firstIndex, label: jail.label, jail: jail, host: host, network: network)
    }

    init(
        steps: [Step], firstIndex: Int, label: String, jail: ConfiguredJail?, host: Host, network: NetworkStart?
    ) {
        self.steps = steps
        self.firstIndex = firstIndex
        self.label = label
        self.jail = jail
        self.host = host
        self.network = network
        kernelPlan = KernelPlan(steps: steps, firstIndex: firstIndex, isTimed: host.audience.observe != nil)
    }

    /// - Parameter child: the pid of the jail's first process.
    func perform(_ index: Int, child: Int32) throws(RuntimeError) {
        let step = steps[index]
        switch step.operation {
        case .call: try call(index..<index + 1)
        case .network(let operation): try network!.perform(operation, step: step, child: child)
        case .verify(let file, let value): try verify(file, value, step)
        case .check(let slot, let requirement):
            do throws(Errno) { try check(kernelPlan.descriptor(in: slot) ?? -1, requirement) } catch {
                throw failure(index, error)
            }
        case .spawn, .release, .fork, .removeCgroup: break
        }
    }

    /// All, before there is a child.
    func performAll() throws(RuntimeError) {
        for index in steps.indices {
            let began = host.audience.observe == nil ? 0 : Clock.microseconds()
            try perform(index, child: 0)
            host.audience.observe?(steps[index], Clock.microseconds() - began)
        }
    }

    func call(_ range: Range<Int>) throws(RuntimeError) {
        do { try kernelPlan.perform(range) } catch {
            let step = steps[error.index - firstIndex]
            if error.meansNoIdmap, let jail, let path = step.idmappedPath(in: jail) {
                throw .notIdmapped(path, step, jail)
            }
            throw failure(error.index - firstIndex, Errno(error.errno))
        }
    }

    func failure(_ index: Int, _ errno: Errno) -> RuntimeError {
        .step(jail: label, step: steps[index], errno: errno, number: index + firstIndex)
    }

    /// The kernel may write more than it was given (`max 100000`), never less: each word must be there again.
    private func verify(_ file: String, _ value: String, _ step: Step) throws(RuntimeError) {
        let text: String
        do {
            text = try Files.readOnce(kernelPlan.descriptor(in: .settingFile) ?? -1)
        } catch {
            throw .unsuitable(jail: label, origin: step.origin, "\(file): \(error.description)", hint: nil)
        }
        let words = text.split(whereSeparator: \.isWhitespace)
        guard value.split(whereSeparator: \.isWhitespace).allSatisfy(words.contains) else {
            throw .unsuitable(
                jail: label, origin: step.origin,
                "cgroup.\(file): asked for \(value), but the kernel set \(Terminal.escaped(text.trimmed))",
                hint: file.hasPrefix("memory.") ? "memory is counted in pages: use a multiple of 4096" : nil)
        }
    }

    private func check(_ descriptor: Int32, _ requirement: FileRequirement) throws(Errno) {
        switch requirement {
        case .isOnTmpfs: if cns_is_tmpfs(descriptor) == 0 { throw .permissionDenied }
        case .belongs(let owner):
            var real: UInt32 = 0
            _ = try checkedResult(unsafe cns_owner(descriptor, &real))
            if real != owner { throw .permissionDenied }
        }
    }
}

extension String {
    var trimmed: String {
        var text = Substring(self)
        while text.last?.isWhitespace == true { text.removeLast() }
        return String(text)
    }
}
