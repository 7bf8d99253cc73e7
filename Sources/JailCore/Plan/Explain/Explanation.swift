/// The description of one purpose: what it does, what would happen without it, and where to read more.
package struct Explanation: Equatable, Sendable {
    /// One sentence.
    package var does: String
    /// One sentence.
    package var without: String
    /// Manual pages, `pivot_root(2)`.
    package var manual: [String]
    /// How jail.conf turns it off, if jailrun's default asked for it; nil if nothing can.
    package var turnedOff: String?

    init(_ does: String, without: String, manual: String..., turnedOff: String? = nil) {
        self.does = does
        self.without = without
        self.manual = manual
        self.turnedOff = turnedOff
    }
}

extension Purpose {
    package var explanation: Explanation {
        switch self {
        case .clone(let flags, let holder): .clone(flags, holder: holder)
        case .handOver: .handOver
        case .ipcNamespace: .ipcNamespace
        case .privateMounts: .privateMounts
        case .hostname(let name): .hostname(name)
        case .domainName(let name): .domainName(name)
        case .kernelParameter(let path, let value): .kernelParameter(path, value)
        case .join: .join
        case .persistence(let isOn): .persistence(isOn)
        case .mapIDs(let range): .mapIDs(range)
        case .becomeRoot: .becomeRoot
        case .ownNamespace(let id): .ownNamespace(id)
        case .becomeUser(let user): .becomeUser(user)
        case .cloneRoot(let path, _): .cloneRoot(path)
        case .idmapRoot(let path, _, _): .idmapRoot(path)
        case .restrictRoot(let path, _): .restrictRoot(path)
        case .layerRoot: .layerRoot
        case .hideFiles(let hidden, _): .hideFiles(hidden.count(where: { $0.kind != .way }))
        case .layers(let layers, _): .layers(layers.count)
        case .disk(let type, let source): .disk(type, source)
        case .identityFiles(let files): .identityFiles(files.map(\.path))
        case .environmentFile: .environmentFile
        case .attachRoot: .attachRoot
        case .enterRoot: .enterRoot
        case .readOnlyRoot: .readOnlyRoot
        case .cloneSource(let source): .cloneSource(source.path)
        case .restrictSource(let source, let attributes, let isIdmapped):
            .restrictSource(source.path, attributes, isIdmapped: isIdmapped)
        case .bind(let source, let target): .bind(source.path, target)
        case .mount(let filesystem): .mount(filesystem)
        case .mountPoint(let target, _): .mountPoint(target)
        case .mask(let paths): .mask(paths)
        case .readOnlyPaths(let paths): .readOnlyPaths(paths)
        case .deviceProgram(let tree): .deviceProgram(tree)
        case .deviceTree(let tree, _): .deviceTree(tree)
        case .attachDevices: .attachDevices
        case .boundDevices: .boundDevices
        case .loopback: .loopback
        case .network(let operation): .network(operation)
        case .enterNetwork(let holder): .enterNetwork(of: holder.jail)
        case .leaveNetwork: .leaveNetwork
        case .prepareSysfs: .prepareSysfs
        case .attachSysfs(_, let target): .attachSysfs(target)
        case .cgroupLevel(let level): .cgroupLevel(level)
        case .cgroup(let name, let parent): .cgroup(name, below: parent)
        case .cgroupValue(let file, let value): .cgroupValue(file, value)
        case .delegatedCgroup(let maximum, _): .delegatedCgroup(maximum: maximum)
        case .resourceLimits(let limits): .resourceLimits(limits)
        case .processLimit(let limit): .processLimit(limit)
        case .oomScore(let score): .oomScore(score)
        case .processAttribute(let attribute): .processAttribute(attribute)
        case .profile(let name): .profile(name)
        case .leaveCaller: .leaveCaller
        case .noNewPrivileges: .noNewPrivileges
        case .boundingSet(let kept): .boundingSet(kept)
        case .capabilities(let set): .capabilities(set)
        case .filter(let instructions): .filter(instructions)
        case .closeDescriptors: .closeDescriptors
        case .terminal: .terminal
        case .consoleLog(let path): .consoleLog(path)
        case .outputPipe: .outputPipe
        case .handedDescriptor(let descriptor): .handedDescriptor(descriptor)
        case .firstProcess: .firstProcess
        case .stage: .stage
        case .session: .session
        case .directory(let path): .directory(path)
        case .execute(let line): .execute(line)
        case .hostCommand(let line, let parameter): .hostCommand(line, parameter: parameter)
        }
    }
}

extension [String] {
    /// `a`, `a and b`, `a, b and c`.
    var enumerated: String {
        count < 2 ? first ?? "" : dropLast().joined(separator: ", ") + " and " + self[count - 1]
    }
}
