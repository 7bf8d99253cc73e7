/// A jail's part of a script for sh(1): its own steps in nearly the same order, made with util-linux, iproute2 and coreutils.
///
/// It is three scripts in one: what runs on the host, in a mount namespace that dies with it; what runs in the jail's
/// namespaces; and the last steps, which have to see the host's programs while the jail's root is already its own.
struct ShellScript {
    private let explanation: JailExplanation
    private let parts: [Plan.Part]
    let jail: ConfiguredJail
    let plan: Plan
    /// Commands of the host's, run when the jail has ended: `exec.poststop`, `exec.release`.
    private let afterwards: [Plan.Command]
    /// Its place in the script, from 1.
    private let number: Int
    /// Which of the script's jails has its network, if one has.
    private let holderNumber: Int?

    init(_ explanation: JailExplanation, of jail: FilePlan.Jail, number: Int, holderNumber: Int?) {
        self.explanation = explanation
        self.jail = jail.spec
        plan = jail.plan
        afterwards = jail.afterwards
        self.number = number
        self.holderNumber = holderNumber
        parts = jail.plan.parts
    }

    /// The functions that the end of the script calls by the jail's number.
    var functions: [String] {
        ["# ---- Jail \(explanation.name).", ""]
            + function("write", script("host", host) + script("jail", inside) + script("enter", enter) + calls)
            + function("before", hostCommands(plan.before)) + function("after", hostCommands(plan.after))
            + function("end", ["end_processes \(Shell.quoted(cgroup))"]) + function("tidy", tidy)
            + function("poststop", hostCommands(afterwards("exec.poststop")))
            + function("release", hostCommands(afterwards("exec.release")))
    }

    private func function(_ name: String, _ lines: [String]) -> [String] {
        ["\(name)_\(number)() {"] + (lines.isEmpty ? [":"] : lines) + ["}", ""]
    }

    private func afterwards(_ parameter: String) -> [Plan.Command] { afterwards.filter { $0.parameter == parameter } }

    // MARK: The beginning

    /// Of Debian.
    var packages: [String] {
        let network = purposes.contains { if case .network(.setSysctl) = $0 { true } else { false } }
        let rules = purposes.contains { if case .network(let operation) = $0 { operation.isOfNFT } else { false } }
        return ["util-linux", "coreutils", "hostname", "perl-base"]
            + (jail.network.mode.value == .own ? ["iproute2"] : []) + (network ? ["procps"] : [])
            + (rules ? ["nftables"] : [])
    }

    private var purposes: [Purpose] { parts.map(\.purpose) }

    private var isMapped: Bool { purposes.contains { if case .mapIDs = $0 { true } else { false } } }

    private var hasLeaf: Bool { purposes.contains { if case .delegatedCgroup = $0 { true } else { false } } }

    /// What cannot be made here, found before anything is.
    var refusals: [String] {
        ["[ ! -e \(Shell.quoted(cgroup)) ] || fail \(Shell.quoted("\(explanation.name): there is such a jail"))"]
            + freeLinks + (isMapped ? Self.idmapCheck : []) + (needsOwner ? Self.ownerCheck : []) + linkChecks
    }

    /// Numbers that jailrun has given to others since the script was made.
    private var freeLinks: [String] {
        purposes.compactMap { purpose in
            guard case .network(.createVeth(let pair)) = purpose else { return nil }
            return
                "[ ! -e /sys/class/net/\(pair.name) ] || fail '\(pair.name): it exists already: make the script anew'"
        }
    }

    /// mount(8) would follow it, out of the jail's root.
    private var linkChecks: [String] {
        purposes.flatMap { purpose -> [IdentityFile] in
            if case .identityFiles(let files) = purpose { files.filter { $0.ground == .link } } else { [] }
        }.map { "fail 'mount(8) cannot cover a symbolic link, and /\($0.path) of the root is one: make it a file'" }
    }

    /// An overlay that writes into a folder of the host's, under the jail's ids.
    private var needsOwner: Bool {
        purposes.contains { purpose in
            guard isMapped, case .layers(let layers, _) = purpose else { return false }
            return layers.contains { if case .folders = $0.upper { true } else { false } }
        }
    }

    private static let ownerCheck = [
        "fail 'mount(8) cannot make overlays as another user, and root has no id on a mount of the jail: userns = host'"
    ]

    private static let idmapCheck = [
        "# Older versions of mount(8) cannot map ids, and without that every file of the root would belong to nobody.",
        "version=$(mount --version | sed 's/.*util-linux \\([0-9]*\\.[0-9]*\\).*/\\1/')",
        "[ \"$(printf '%s\\n' 2.39 \"$version\" | sort -V | head -n 1)\" = 2.39 ] ||",
        "    fail \"util-linux $version cannot map the ids of a mount; 2.39 can (or set userns = host in jail.conf)\"",
    ]

    /// Commands of the host's, with what jail(8) tells them.
    private func hostCommands(_ commands: [Plan.Command]) -> [String] {
        commands.flatMap { command in
            let variables = command.steps.compactMap(\.operation.environment).joined().filter {
                ["JID=", "JNAME=", "JPATH="].contains(where: $0.hasPrefix)
            }
            return comments { $0 == .hostCommand(command.line, parameter: command.parameter) } + [
                "env \(Shell.quoted(variables)) \(Shell.quoted(command.line.arguments))"
                    + (command.line.isBackground ? " &" : "")
            ]
        }
    }

    /// The jail waits meanwhile, isolated, at the end of its third script.
    private var commandsCreated: [String] {
        if plan.created.isEmpty { return [] }
        return ["read -r _ <\"$work/born\""] + hostCommands(plan.created) + ["echo go >\"$work/go\"", ""]
    }

    private func script(_ name: String, _ lines: [String]) -> [String] {
        let end = "END_OF_\(name.uppercased())"
        return ["cat >\"$work/\(name)\" <<'\(end)'"] + lines + [end, ""]
    }

    // MARK: Parts

    /// Where it stands, or is told of: what one command of the script does for several.
    enum Place { case host, layers, clone, atClone, network, jail, last, root, narrowing, filter, none }

    func place(_ purpose: Purpose) -> Place {
        switch purpose {
        case .layers: .layers
        case .prepareSysfs, .mapIDs, .cloneRoot, .idmapRoot, .restrictRoot, .layerRoot, .hideFiles, .disk, .cloneSource,
            .restrictSource,
            .deviceProgram,
            .deviceTree, .environmentFile, .cgroupLevel, .cgroup, .cgroupValue, .delegatedCgroup:
            .host
        case .clone: .clone
        case .network, .processLimit, .oomScore, .processAttribute: .network
        case .privateMounts, .hostname, .domainName, .kernelParameter, .identityFiles, .attachRoot, .bind, .mount,
            .mountPoint, .mask, .readOnlyPaths, .attachDevices, .boundDevices, .attachSysfs, .loopback,
            .resourceLimits:
            .jail
        case .readOnlyRoot: .last
        case .ipcNamespace, .enterNetwork: .atClone
        case .enterRoot: .root
        case .leaveCaller, .noNewPrivileges, .boundingSet, .capabilities, .becomeUser, .closeDescriptors, .profile:
            .narrowing
        case .filter: .filter
        case .ownNamespace, .handOver, .join, .becomeRoot, .terminal, .consoleLog, .outputPipe, .handedDescriptor,
            .firstProcess, .persistence, .stage, .session, .directory, .execute, .hostCommand, .leaveNetwork:
            .none
        }
    }

    private func lines(_ places: Place...) -> [String] {
        parts.indices.filter { places.contains(place(parts[$0].purpose)) }.flatMap { index in
            comment(index) + commands(parts[index].purpose) + [""]
        }
    }

    private func comment(_ index: Int) -> [String] { Self.comment(explanation.parts[index]) }

    /// What it does, and the line that asked for it.
    static func comment(_ part: JailExplanation.Part) -> [String] {
        let origins = part.origins.compactMap { origin in
            origin.statement.map { "#     \(oneLine(origin.file ?? "")):\(origin.line ?? 0)  \(oneLine($0))" }
        }
        return wrapped(oneLine(part.does)).map { "# \($0)" } + origins
    }

    /// Comments about purposes that have no line of their own here.
    func comments(_ isMeant: (Purpose) -> Bool) -> [String] {
        parts.indices.filter { isMeant(parts[$0].purpose) }.flatMap(comment)
    }

    private func commands(_ purpose: Purpose) -> [String] {
        switch purpose {
        case .mapIDs: Self.holdNamespace + purpose.shell
        case .deviceProgram(let tree): loadDeviceProgram(tree)
        case .network(let operation): Self.network(operation)
        default: purpose.shell
        }
    }

    /// The user namespace is made first here: mounts are mapped by it, and mount(8) cannot pass them to another process.
    private static let holdNamespace = [
        "unshare --user sleep infinity 9>&- &", "IDS=$!", "echo \"$IDS\" >\"$work/ids\"",
        "until [ \"$(readlink /proc/$IDS/ns/user)\" != \"$(readlink /proc/self/ns/user)\" ]; do sleep 0.01; done",
    ]

    /// A link's alias would tell jailrun that it is one of its own.
    static func network(_ operation: NetworkOperation) -> [String] {
        switch operation {
        case .raiseLink(var state):
            state.alias = nil
            return [NetworkOperation.raiseLink(state).shell]
        case .settleLink: return ["if command -v ethtool >/dev/null; then \(operation.shell) >/dev/null; fi"]
        default: return [operation.shell]
        }
    }

    // MARK: The host's part

    private var host: [String] {
        [
            "# As long as this is open, the jail may still come up.", "exec 9>\"$work/up\"",
        ] + variables + [""] + lines(.host) + lines(.layers) + spawn + lines(.network)
            + ["# Release the jail.", "echo go >\"$work/go\"", ""] + commandsCreated
            + ["status=0", "wait \"$first\" || status=$?", "exit \"$status\""]
    }

    private var cgroup: String {
        for case .cgroup(let name, let parent) in purposes { return "\(parent)/\(name)" }
        return "/"
    }

    private var variables: [String] {
        [
            "root=$work/root dev=$work/dev sources=$work/sources layers=$work/layers mask=$work/mask",
            "identity=$work/identity sysfs=$work/sysfs",
            "cgroup=\(Shell.quoted(cgroup))", "export work root dev sources layers mask identity sysfs",
        ] + holderVariable
    }

    private var holderVariable: [String] {
        guard let holder else { return [] }
        let pid = holderNumber.map { "$(cat \"$work/../\($0)/pid\")" } ?? "\(holder.pid)"
        return ["HOLDER=\(pid)    # the first process of jail \"\(holder.jail)\""]
    }

    /// Of its own, the newest first; run once more when it was interrupted, or by somebody else after a kill -9. A link with an
    /// end in the jail goes with the jail.
    private var tidy: [String] {
        let operations = purposes.compactMap { if case .network(let operation) = $0 { operation } else { nil } }
        let network = operations.undo.compactMap { undo -> String? in
            if case .restoreSysctl = undo { nil } else { undo.shell }
        }
        return ["cgroup=\(Shell.quoted(cgroup))", "end_\(number)"]
            + (isMapped ? ["end_holder \"$work/ids\""] : []) + network
            + (hasLeaf ? ["rmdir \"$cgroup/\(CgroupMark.leaf)\""] : []) + ["rmdir \"$cgroup\""]
    }

    /// Settings that other jails of the script may need, too.
    var settings: [String] {
        purposes.reversed().compactMap { purpose in
            guard case .network(let operation) = purpose, let undo = operation.undo, case .restoreSysctl = undo else {
                return nil
            }
            return undo.shell
        }
    }

    private var spawn: [String] {
        guard let index = parts.firstIndex(where: { if case .clone = $0.purpose { true } else { false } }),
            case .clone(let flags, _) = parts[index].purpose
        else { return [] }
        let enter =
            (holder == nil ? "" : Shell.inHoldersNetwork) + (isMapped ? "nsenter --user=/proc/$IDS/ns/user " : "")
        let log = jail.commands.consoleLog.map { " >>\(Shell.quoted($0.value)) 2>&1" } ?? ""
        return comment(index) + comments { place($0) == .atClone } + [
            "# If anything fails from here on, the jail does not keep waiting.",
            "trap 'echo 1 >\"$cgroup/cgroup.kill\"' EXIT", "exec 3<&0",
            "sh -c 'echo $$ >\"$0/cgroup.procs\"; exec \"$@\"' \"$cgroup\" \\",
            "    \(enter)\(Shell.unshare(flags.subtracting(.user).union(.ipc))) --kill-child sh -eu \"$work/jail\" <&3 3<&-\(log) &",
            "first=$!", "exec 9>&-", "read -r JAIL <\"$work/born\"", "echo \"$JAIL\" >\"$work/pid\"", "",
        ]
    }

    private var holder: StartFacts.NetworkHolder? {
        for case .enterNetwork(let holder) in purposes { return holder }
        return nil
    }

    // MARK: The jail's part

    private var inside: [String] {
        [
            "# This process as the host numbers it, for its /proc is still the host's; then the wait for the network.",
            "read -r pid _ </proc/self/stat", "echo \"$pid\" >\"$work/born\"", "read -r _ <\"$work/go\"", "umask 022",
            "",
        ] + lines(.jail) + lines(.last) + [
            "# A second view of the host's files, as the root directory of this process alone: pivot_root(8) moves those",
            "# that are at the root of the namespace, and what is to be executed below would be gone.",
            "mount --rbind / \"$work/programs\"",
            "exec nsenter --mount=/proc/self/ns/mnt --root=\"$work/programs\" --wd=\"$root\" sh -eu \"$work/enter\"",
        ]
    }

    // MARK: Words

    static func oneLine(_ text: String) -> String {
        String(String.UnicodeScalarView(text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7f ? " " : $0 }))
    }

    private static func wrapped(_ text: String) -> [String] {
        var lines = [""]
        for word in text.split(separator: " ") {
            if !lines[lines.count - 1].isEmpty, lines[lines.count - 1].count + word.count > 96 { lines.append("") }
            lines[lines.count - 1] += (lines[lines.count - 1].isEmpty ? "" : " ") + word
        }
        return lines
    }
}
