internal import CNamespaces

/// The same with the tools of a Linux system, as a person would type it.
extension Purpose {
    /// Lines for sh(1). `COMMAND` stands for what follows; `PROGRAM` and `FILTER` for files with compiled programs.
    package var shell: [String] {
        switch self {
        case .clone(let flags, _): [Shell.unshare(flags) + " COMMAND"]
        case .handOver: ["mkfifo go; echo >go    # on the host", "read _ <go              # in the jail"]
        case .ipcNamespace: ["unshare --ipc COMMAND"]
        case .privateMounts: ["mount --make-rprivate /"]
        case .hostname(let name): ["hostname \(Shell.quoted(name))"]
        case .domainName(let name): ["domainname \(Shell.quoted(name))"]
        case .kernelParameter(let path, let value): ["echo \(Shell.quoted(value)) >/proc/sys/\(Shell.quoted(path))"]
        case .persistence(let isOn):
            ["kill -\(isOn ? CNS_SIGNAL_PERSIST.rawValue : CNS_SIGNAL_NO_PERSIST.rawValue) $JAIL"]
        case .join: ["nsenter --target $JAIL --all COMMAND"]
        case .mapIDs(let range): Shell.mapIDs(range)
        case .ownNamespace(let id): ["setpriv --euid \(id) --securebits +no_setuid_fixup COMMAND"]
        case .becomeRoot: ["setpriv --reuid 0 --regid 0 --clear-groups COMMAND"]
        case .becomeUser(let user): ["setpriv \(Shell.identity(of: user)) COMMAND"]
        case .cloneRoot(let path, let isRecursive): [Shell.bind(isRecursive, Shell.quoted(path), "\"$root\"")]
        case .idmapRoot(let path, let isRecursive, let attributes):
            [Shell.bind(isRecursive, Shell.quoted(path), "\"$root\"", idmap: "$IDS")]
                + Shell.restrict("\"$root\"", attributes)
        case .restrictRoot(_, let attributes): Shell.restrict("\"$root\"", attributes)
        case .layerRoot(let owner, let attributes): Shell.layers(owner: owner, attributes)
        case .hideFiles(let hidden, let owner): Shell.hide(hidden, owner: owner)
        case .layers(let layers, let owner): Shell.layers(layers, owner: owner)
        case .disk(let type, let source):
            ["mount -t \(type) \(Shell.quoted(source)) \"$sources/disk\"    # and a number for each"]
        case .identityFiles(let files): Shell.cover(files)
        case .environmentFile(let text):
            [
                "mkdir -m 0755 \"$dev/jail\"", "printf '%s\\n' \(Shell.quoted(text)) >\"$dev/jail/env\"",
                "chmod 0444 \"$dev/jail/env\"",
            ]
        case .attachRoot: [Shell.bind(true, "\"$root\"", "\"$root\"")]
        case .enterRoot: ["cd \"$root\"", "pivot_root . .", "umount -l ."]
        case .readOnlyRoot: ["mount -o remount,bind,ro \"$root\""]
        case .cloneSource(let source): Shell.cloneSource(source)
        case .restrictSource(let source, let attributes, let isIdmapped):
            Shell.restrict(source, attributes, isIdmapped: isIdmapped)
        case .bind(let source, let target): [Shell.bind(true, source.mountPoint, Shell.inRoot(target))]
        case .mount(let filesystem): Shell.mount(filesystem)
        case .mountPoint(let target, let isFile): Shell.makeMountPoint(target, isFile: isFile)
        case .mask(let paths): Shell.mask(paths)
        case .readOnlyPaths(let paths): Shell.makeReadOnly(paths)
        case .deviceProgram: ["bpftool cgroup attach \"$cgroup\" device pinned PROGRAM multi"]
        case .deviceTree(let tree, let owner): Shell.devices(tree, owner: owner)
        case .attachDevices: ["mount --bind \"$dev\" \"$root/dev\""]
        case .boundDevices(let tree):
            tree.nodes.map { "mount --bind /dev/\($0.path) \(Shell.inRoot("dev/\($0.path)"))" }
        case .loopback: ["ip link set lo up"]
        case .network(let operation): [operation.shell]
        case .enterNetwork(let holder): ["HOLDER=\(holder.pid)", Shell.inHoldersNetwork + "COMMAND"]
        case .leaveNetwork: ["# nsenter has gone there for COMMAND alone"]
        case .prepareSysfs(let number, let attributes): Shell.prepareSysfs(number, attributes)
        case .attachSysfs(let number, let target):
            [Shell.bind(false, "\"$sysfs\"/\(number)", Shell.inRoot(target))]
        case .cgroupLevel(let level): Shell.cgroupLevel(level)
        case .cgroup(let name, let parent): ["mkdir \(Shell.quoted("\(parent)/\(name)"))"]
        case .cgroupValue(let file, let value): ["echo \(Shell.quoted(value)) >\"$cgroup/\(file)\""]
        case .delegatedCgroup(_, let owner):
            [
                "mkdir \"$cgroup/\(CgroupMark.leaf)\"",
                "chown \(owner):\(owner) \"$cgroup\" \"$cgroup\"/cgroup.procs \"$cgroup\"/cgroup.threads "
                    + "\"$cgroup\"/cgroup.subtree_control    # and of the leaf",
            ]
        case .resourceLimits(let limits): ["prlimit --pid $$ \(Shell.limits(limits))"]
        case .processLimit(let limit):
            [
                "prlimit --pid $JAIL "
                    + Shell.limits([
                        StartFacts.ResourceLimit(
                            resource: limit.resource.number, name: limit.resource.name, soft: limit.soft,
                            hard: limit.hard)
                    ])
            ]
        case .oomScore(let score): ["echo \(score) >/proc/$JAIL/oom_score_adj"]
        case .processAttribute(let attribute): [attribute.shell]
        case .profile(let name): ["aa-exec -p \(Shell.quoted(name)) -- COMMAND"]
        case .leaveCaller: ["setsid keyctl session - COMMAND", "umask 022"]
        case .noNewPrivileges: ["setpriv --no-new-privs COMMAND"]
        case .boundingSet(let kept):
            Shell.capabilities(kept) + ["setpriv --bounding-set=$caps --ambient-caps=-all COMMAND"]
        case .capabilities: ["setpriv --inh-caps=-all COMMAND"]
        case .filter: ["setpriv --seccomp-filter FILTER COMMAND    # util-linux 2.40"]
        case .closeDescriptors: ["COMMAND 3<&- 4<&- 5<&-    # and so on"]
        case .terminal: ["script --quiet --command COMMAND /dev/null"]
        case .consoleLog(let path): ["COMMAND >>\(Shell.quoted(path)) 2>&1"]
        case .outputPipe: ["COMMAND 2>&1 | cat"]
        case .handedDescriptor(let descriptor): Shell.hand(descriptor)
        case .firstProcess: ["exec sh -c 'COMMAND & wait'"]
        case .stage: ["nsenter --target $JAIL --all COMMAND"]
        case .session: ["setsid COMMAND"]
        case .directory(let path): ["cd \(Shell.quoted(path))"]
        case .execute(let line): [Shell.quoted(line.arguments)]
        case .hostCommand(let line, _): [line.text]
        }
    }
}

/// Words and lines of sh(1).
package enum Shell {
    /// The variables that stand for what is chosen at start.
    package static let variables = [
        ("$root", "where the root is put together"), ("$dev", "a directory that becomes /dev"),
        ("$sources", "numbered mounts of the host"), ("$layers", "the layers of the overlay"),
        ("$mask", "what covers paths"), ("$identity", "files that cover those of the root"),
        ("$cgroup", "the jail's cgroup"), ("$JAIL", "its first process"),
        ("$IDS", "a process that holds its user namespace"), ("$sysfs", "a directory for each sysfs"),
        ("$HOLDER", "the first process of a jail that already has the address"),
    ]

    /// In single quotes, unless nothing in it means anything to a shell.
    static func quoted(_ text: String) -> String {
        let plain = Set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789%+,-./:=@_".utf8)
        if !text.isEmpty, text.utf8.allSatisfy(plain.contains) { return text }
        return "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }

    static func quoted(_ words: [String]) -> String { words.map { quoted($0) }.joined(separator: " ") }

    /// A path below the new root, in double quotes.
    static func inRoot(_ path: String) -> String { "\"$root\"/\(quoted(path))" }

    static func unshare(_ flags: NamespaceFlags) -> String {
        let options: [(NamespaceFlags, String)] = [
            (.user, "--user"), (.mount, "--mount"), (.pid, "--pid --fork"), (.network, "--net"), (.uts, "--uts"),
            (.ipc, "--ipc"), (.cgroup, "--cgroup"),
        ]
        return (["unshare"] + options.filter { flags.contains($0.0) }.map(\.1)).joined(separator: " ")
    }

    static func hand(_ descriptor: StartFacts.HandedDescriptor) -> [String] {
        switch (descriptor.way, descriptor.number) {
        case (.opened(let mode), let number): ["chmod 0\(String(mode, radix: 8)) /proc/self/fd/\(number)"]
        case (.nothing, let number): ["COMMAND \(number)</dev/null"]
        case (.relayed, 0): ["cat | COMMAND"]
        case (.relayed, let number): ["COMMAND \(number)> >(cat)    # of bash"]
        }
    }

    static let inHoldersNetwork = "nsenter --net=/proc/$HOLDER/ns/net "

    static func prepareSysfs(_ number: Int, _ attributes: MountAttributes) -> [String] {
        let place = "\"$sysfs\"/\(number)"
        let options = attributes.subtracting(.readOnly).mountOptions
        return [
            "mkdir \(place)", inHoldersNetwork + "mount -t sysfs -o \(options) none \(place)",
            "mount -o remount,bind,\(attributes.mountOptions) \(place)",
        ]
    }

    static func mapIDs(_ range: IDRange) -> [String] {
        ["uid_map", "gid_map"].map { "echo 0 \(range.first) \(range.count) >/proc/$IDS/\($0)" }
    }

    static func identity(of user: StartFacts.User) -> String {
        let groups =
            user.groups.isEmpty ? "--clear-groups" : "--groups \(user.groups.map(String.init).joined(separator: ","))"
        return "--reuid \(user.uid) --regid \(user.gid) \(groups)"
    }

    /// As the variable `caps`, six at a time: all of them are longer than a line.
    static func capabilities(_ set: CapabilitySet) -> [String] {
        let words = set.capabilities.map { "+" + $0.name.dropFirst("CAP_".count).lowercased() }
        let starts = Array(stride(from: 0, to: words.count, by: 6))
        let lines = starts.map { "caps=$caps,\(words[$0..<min($0 + 6, words.count)].joined(separator: ","))" }
        return ["caps=-all"] + lines
    }

    static func limits(_ limits: [StartFacts.ResourceLimit]) -> String {
        func spell(_ value: UInt64) -> String { value == .max ? "unlimited" : String(value) }
        return limits.map {
            "--\($0.name.dropFirst("RLIMIT_".count).lowercased())=\(spell($0.soft)):\(spell($0.hard))"
        }.joined(separator: " ")
    }

    static func cgroupLevel(_ level: StartFacts.CgroupLevel) -> [String] {
        let path = quoted(level.path)
        return (level.exists ? [] : ["mkdir -p \(path)"])
            + level.missingControllers.map { "echo +\($0) >\(path)/cgroup.subtree_control" }
    }
}
