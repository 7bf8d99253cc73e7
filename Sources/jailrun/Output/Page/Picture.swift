import JailCore

/// A jail in its host as a drawing: boxes for namespaces, and in them what each part of the plan puts there.
///
/// Every mark carries the place of the part that makes it, so the page can let the drawing grow; without a script all of it
/// is there.
struct Picture {
    /// Where something is drawn: the host's boxes on the left, the jail's on the right.
    enum Box: Int, CaseIterable {
        case files, cgroups, links
        case user, uts, ipc, cgroupView, mounts, network, processes, walls
    }

    struct Line {
        var part: Int
        var text: String
        /// The other end of a line across the drawing.
        var key: String?
    }

    private(set) var lines: [Box: [Line]] = [:]
    private(set) var clonePart = 0
    private(set) var shared: NamespaceFlags = []
    let name: String
    /// The jails around it, from the outside.
    let around: [String]

    /// - Parameter parts: each with its place in the page.
    init(_ jail: ConfiguredJail, _ parts: [(place: Int, purpose: Purpose)]) {
        name = jail.name.value
        around = JailName.ancestors(of: name)
        for (place, purpose) in parts {
            add(purpose, place)
            if case .network(.publish) = purpose { for port in jail.network.ports { add(port, place) } }
        }
    }

    /// A line from the host's port to the jail's.
    private mutating func add(_ port: PortSpec, _ part: Int) {
        put(.links, part, "  \(port.outside)", key: "port-\(port.published)")
        put(.network, part, "  port \(port.inside)", key: "port-\(port.published)")
    }

    private mutating func put(_ box: Box, _ part: Int, _ text: String, key: String? = nil) {
        lines[box, default: []].append(Line(part: part, text: Terminal.escaped(text), key: key))
    }

    /// Below the line of the root, and what stands there already.
    private mutating func putBelowRoot(_ part: Int, _ text: String) {
        let place = lines[.files]?.lastIndex { $0.key == "root" || $0.key == "root-detail" }
        lines[.files, default: []].insert(
            Line(part: part, text: "  \(text)", key: "root-detail"), at: place.map { $0 + 1 } ?? 0)
    }

    // MARK: What a part puts where

    private mutating func add(_ purpose: Purpose, _ part: Int) {
        switch purpose {
        case .clone(let flags, let holder):
            clonePart = part
            shared = NamespaceFlags([.user, .network]).subtracting(holder == nil ? flags : flags.union(.network))
            put(.processes, part, "1  the first process", key: "cgroup")
            if flags.contains(.cgroup) { put(.cgroupView, part, "/ is the jail's cgroup") }
        case .ipcNamespace: put(.ipc, part, "message queues of its own")
        case .hostname(let name): put(.uts, part, name)
        case .mapIDs(let range): put(.user, part, "0-\(range.count - 1) is \(range.first)… of the host")
        case .becomeRoot: put(.user, part, "root of the jail")
        case .becomeUser(let user): if user.uid != 0 { put(.user, part, "\(user.name), \(user.uid)") }
        case .cloneRoot(let path, _): put(.files, part, path, key: "root")
        case .idmapRoot: putBelowRoot(part, "with the jail's ids")
        case .restrictRoot: putBelowRoot(part, "without devices")
        case .layerRoot: putBelowRoot(part, "under an empty tmpfs")
        case .hideFiles(let hidden, _):
            putBelowRoot(part, "without \(hidden.count(where: { $0.kind != .way })) files of root's own")
        case .layers: putBelowRoot(part, "in layers")
        case .disk(_, let source): put(.files, part, source)
        case .identityFiles(let files): for file in files { put(.mounts, part, Self.branch(file.path)) }
        case .environmentFile: put(.files, part, "  jail/env")
        case .domainName(let name): put(.uts, part, name)
        case .processLimit(let limit): put(.walls, part, limit.resource.name)
        case .processAttribute(let attribute): put(.walls, part, "\(attribute.name): \(attribute.value)")
        case .profile(let name): put(.walls, part, "AppArmor: \(name)")
        case .oomScore(let score): put(.walls, part, "oom_score_adj \(score)")
        case .attachRoot: put(.mounts, part, "/", key: "root")
        case .enterRoot: put(.mounts, part, "the host's tree is gone")
        case .readOnlyRoot: put(.mounts, part, "/ is read-only")
        case .cloneSource(let source): put(.files, part, source.path, key: "source-\(source.number)")
        case .restrictSource: break
        case .bind(let source, let target): put(.mounts, part, Self.branch(target), key: "source-\(source.number)")
        case .mount(let filesystem):
            put(.mounts, part, "\(Self.branch(filesystem.target))  \(filesystem.type)")
        case .mask(let paths): put(.mounts, part, "\(paths.count) paths covered")
        case .readOnlyPaths(let paths): put(.mounts, part, "\(paths.count) paths read-only")
        case .deviceProgram(let tree): put(.cgroups, part, "    \(tree.nodes.count) devices pass")
        case .deviceTree(let tree, _): put(.files, part, "tmpfs: \(tree.nodes.count) devices", key: "dev")
        case .attachDevices: put(.mounts, part, Self.branch("dev") + "  tmpfs", key: "dev")
        case .loopback: put(.network, part, "lo")
        case .network(let operation): add(operation, part)
        case .enterNetwork(let holder): put(.network, part, "that of jail \(holder.jail)")
        case .attachSysfs(_, let target): put(.mounts, part, "\(Self.branch(target))  sysfs")
        case .cgroupLevel(let level): put(.cgroups, part, level.path)
        case .cgroup(let name, _): put(.cgroups, part, "  \(name)", key: "cgroup")
        case .boundDevices: put(.mounts, part, "    devices of the jail around", key: "dev")
        case .delegatedCgroup: put(.cgroups, part, "    \(CgroupMark.leaf)")
        case .cgroupValue(let file, let value): put(.cgroups, part, "    \(file) \(value)")
        case .resourceLimits(let limits): put(.walls, part, "\(limits.count) resource limits")
        case .noNewPrivileges: put(.walls, part, "no_new_privs")
        case .boundingSet(let kept): put(.walls, part, "\(kept.capabilities.count) capabilities at most")
        case .filter(let instructions): put(.walls, part, "filter of \(instructions) instructions")
        case .terminal: put(.processes, part, "   its own terminal")
        case .firstProcess: put(.processes, part, "1  jailrun-init")
        case .execute(let line): put(.processes, part, "   \(line.text)")
        case .ownNamespace, .kernelParameter, .handOver, .leaveNetwork, .prepareSysfs, .mountPoint, .privateMounts,
            .join,
            .leaveCaller,
            .capabilities, .closeDescriptors,
            .consoleLog, .outputPipe, .handedDescriptor,
            .persistence, .stage, .session, .directory, .hostCommand:
            break
        }
    }

    private mutating func add(_ operation: NetworkOperation, _ part: Int) {
        switch operation {
        case .createBridge(let name, _): put(.links, part, "\(name)  bridge")
        case .createVeth(let pair):
            put(.links, part, pair.name, key: "link-\(pair.name)")
            put(.network, part, pair.peer, key: "link-\(pair.name)")
        case .raiseLink(let state):
            if state.name == "lo" { put(.network, part, "lo") }
            if let master = state.master { put(.links, part, "  port of \(master)") }
        case .moveLink(let name, _): put(.network, part, name)
        case .addAddress(let address):
            put(address.namespace == .jail ? .network : .links, part, "  \(address.link)  \(address.address)")
        case .addRoute(let route):
            let isDefault = route.destination == "0.0.0.0/0" || route.destination == "::/0"
            let words = (isDefault ? "default" : route.destination) + (route.gateway.map { " via \($0)" } ?? "")
            put(route.namespace == .jail ? .network : .links, part, "  route \(words)")
        case .addProxy(let link, let address): put(.links, part, "  \(link) answers for \(address)")
        case .publish(let rules): put(.links, part, "nftables: \(rules.rules.count) rules")
        case .removeBridge, .removeLink, .settleLink, .removeAddress, .addNeighbour, .removeProxy, .setSysctl,
            .restoreSysctl, .keepNamespace, .dropNamespace, .returnLink, .withdraw, .unpinNeighbour,
            .holdLink, .releaseLink, .reflect, .unreflect, .openDoor, .closeDoor:
            break
        }
    }

    /// `  /dev/pts`: two spaces for each level, up to the second.
    private static func branch(_ path: String) -> String {
        String(repeating: "  ", count: min(path.split(separator: "/").count, 2)) + "/\(path)"
    }
}
