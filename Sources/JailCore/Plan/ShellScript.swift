/// A jail as a script for sh(1): the same parts in nearly the same order, made with util-linux, iproute2 and coreutils.
///
/// It is three scripts in one: what runs on the host, in a mount namespace that dies with it; what runs in the jail's
/// namespaces; and the last steps, which have to see the host's programs while the jail's root is already its own.
public struct ShellScript {
    private let explanation: JailExplanation
    private let parts: [Plan.Part]
    let jail: JailSpec
    let plan: Plan

    public init(_ explanation: JailExplanation, of jail: JailSpec, plan: Plan) {
        self.explanation = explanation
        self.jail = jail
        self.plan = plan
        parts = plan.parts
    }

    public var text: String {
        (head + checks + commandsBefore + script("host", host) + script("jail", inside) + script("enter", enter) + calls
            + start)
            .joined(separator: "\n")
    }

    private var start: [String] {
        [
            "# Now. The mount namespace takes with it what the host's part mounts. A signal ends the wait, not the jail:",
            "# it is passed on, and the wait goes on.", "exec 3<&0",
            "unshare --mount --propagation private env work=\"$work\" sh -eu \"$work/host\" <&3 3<&- &",
            "host=$!", "trap 'kill \"$host\"' TERM INT HUP", "status=0", "wait \"$host\" || status=$?",
            "while kill -0 \"$host\" 2>/dev/null; do wait \"$host\" || status=$?; done", "exit \"$status\"", "",
        ]
    }

    // MARK: The beginning

    private var head: [String] {
        [
            "#!/bin/sh",
            "# The jail \(explanation.name), made by hand: what jailrun does for \(path), without jailrun.",
            "# Run it as root. It ends when the jail's command ends, and takes back what it made.",
            "# Needs \(packages.enumerated) of Debian.",
            "set -eu", "",
            "fail() { echo \"$0: $*\" >&2; exit 125; }",
        ]
    }

    private var path: String {
        if case .configuration(let location) = jail.path.origin {
            Self.oneLine(location.file)
        } else {
            "its parameters"
        }
    }

    var packages: [String] {
        let network = purposes.contains { if case .network(.setSysctl) = $0 { true } else { false } }
        return ["util-linux", "coreutils", "hostname", "perl-base"]
            + (jail.network.mode.value == .own ? ["iproute2"] : []) + (network ? ["procps"] : [])
            + (jail.network.ports.isEmpty && jail.network.masquerade == nil ? [] : ["nftables"])
    }

    private var purposes: [Purpose] { parts.map(\.purpose) }

    private var isMapped: Bool { purposes.contains { if case .mapIDs = $0 { true } else { false } } }

    private var hasLeaf: Bool { purposes.contains { if case .delegatedCgroup = $0 { true } else { false } } }

    private var checks: [String] {
        let tools =
            ["unshare", "nsenter", "setpriv", "findmnt", "pivot_root", "hostname", "perl"]
            + (packages.contains("iproute2") ? ["ip"] : []) + (packages.contains("procps") ? ["sysctl"] : [])
            + (packages.contains("nftables") ? ["nft"] : [])
        return [
            "[ \"$(id -u)\" = 0 ] || fail 'only root can make a jail'",
            "for tool in \(tools.joined(separator: " ")); do",
            "    command -v \"$tool\" >/dev/null || fail \"$tool is not installed\"", "done",
        ] + (isMapped ? Self.idmapCheck : []) + (needsOwner ? Self.ownerCheck : []) + linkChecks + [""] + workplace
    }

    /// mount(8) would follow it, out of the jail's root.
    private var linkChecks: [String] {
        purposes.flatMap { purpose -> [IdentityFile] in
            if case .identityFiles(let files) = purpose { files.filter { $0.ground == .link } } else { [] }
        }.map { "fail 'mount(8) covers no symbolic link, and /\($0.path) of the root is one: make it a file'" }
    }

    /// An overlay that writes into a folder of the host's, under the jail's ids.
    private var needsOwner: Bool {
        purposes.contains { purpose in
            guard isMapped, case .layers(let layers, _) = purpose else { return false }
            return layers.contains { if case .folders = $0.upper { true } else { false } }
        }
    }

    private static let ownerCheck = [
        "fail 'mount(8) makes no overlay as another user, and root has no id on a mount of the jail: say userns = host'"
    ]

    private static let idmapCheck = [
        "# An id-mapped mount is beyond older mount(8)s, and without it every file of the root would be nobody's.",
        "version=$(mount --version | sed 's/.*util-linux \\([0-9]*\\.[0-9]*\\).*/\\1/')",
        "[ \"$(printf '%s\\n' 2.39 \"$version\" | sort -V | head -n 1)\" = 2.39 ] ||",
        "    fail \"util-linux $version cannot map the ids of a mount; 2.39 can (or say userns = host in the jail.conf)\"",
    ]

    private var workplace: [String] {
        [
            "# All that is temporary is here. The jail's root user must be able to look into it.",
            "umask 022", "work=$(mktemp -d /tmp/jail.XXXXXX)", "trap 'rm -rf \"$work\"' EXIT", "chmod 0755 \"$work\"",
            "mkdir \"$work/root\" \"$work/dev\" \"$work/sources\" \"$work/layers\" \"$work/mask\" \"$work/programs\"",
            "mkdir \"$work/identity\" \"$work/sysfs\"",
            "mkfifo -m 0666 \"$work/born\" \"$work/go\"", "",
        ]
    }

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

    private var commandsBefore: [String] { plan.before.isEmpty ? [] : hostCommands(plan.before) + [""] }

    /// The jail waits meanwhile, isolated, at the end of its third script.
    private var commandsCreated: [String] {
        if plan.created.isEmpty { return [] }
        return ["read -r _ <\"$work/born\""] + hostCommands(plan.created) + ["echo go >\"$work/go\"", ""]
    }

    /// jailrun keeps the jail until these have run; here it has ended.
    private var commandsAfter: [String] { plan.after.isEmpty ? [] : [""] + hostCommands(plan.after) }

    private func script(_ name: String, _ lines: [String]) -> [String] {
        let end = "END_OF_\(name.uppercased())"
        return ["cat >\"$work/\(name)\" <<'\(end)'"] + lines + [end, ""]
    }

    // MARK: Parts

    private enum Place { case host, layers, clone, network, jail, last, none }

    private func place(_ purpose: Purpose) -> Place {
        switch purpose {
        case .layers: .layers
        case .prepareSysfs, .mapIDs, .cloneRoot, .idmapRoot, .restrictRoot, .layerRoot, .disk, .cloneSource,
            .restrictSource,
            .deviceProgram,
            .deviceTree, .environmentFile, .cgroupLevel, .cgroup, .cgroupValue, .delegatedCgroup:
            .host
        case .clone: .clone
        case .network, .processLimit, .oomScore: .network
        case .privateMounts, .hostname, .domainName, .kernelParameter, .identityFiles, .attachRoot, .bind, .mount,
            .mountPoint, .mask, .readOnlyPaths, .attachDevices, .boundDevices, .attachSysfs, .loopback,
            .resourceLimits:
            .jail
        case .readOnlyRoot: .last
        case .handOver, .ipcNamespace, .join, .becomeRoot, .becomeUser, .enterRoot, .leaveCaller, .noNewPrivileges,
            .boundingSet,
            .capabilities, .filter, .closeDescriptors, .terminal, .consoleLog, .outputPipe, .handedDescriptor,
            .firstProcess, .persistence,
            .stage, .session, .directory, .execute, .hostCommand, .enterNetwork, .leaveNetwork:
            .none
        }
    }

    private func lines(_ places: Place...) -> [String] {
        parts.indices.filter { places.contains(place(parts[$0].purpose)) }.flatMap { index in
            comment(index) + commands(parts[index].purpose) + [""]
        }
    }

    /// What it does, and the line that asked for it.
    private func comment(_ index: Int) -> [String] {
        let part = explanation.parts[index]
        let origins = part.origins.compactMap { origin in
            origin.statement.map { "#     \(Self.oneLine(origin.file ?? "")):\(origin.line ?? 0)  \(Self.oneLine($0))" }
        }
        return Self.wrapped(Self.oneLine(part.does)).map { "# \($0)" } + origins
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
        "unshare --user sleep infinity &", "IDS=$!",
        "until [ \"$(readlink /proc/$IDS/ns/user)\" != \"$(readlink /proc/self/ns/user)\" ]; do sleep 0.01; done",
    ]

    /// A link's alias would tell jailrun that it is one of its own; and what is shared may be there already.
    private static func network(_ operation: NetworkOperation) -> [String] {
        switch operation {
        case .createBridge(let name, _):
            return ["ip link show dev \(name) >/dev/null 2>&1 || \(operation.shell)"]
        case .raiseLink(var state):
            state.alias = nil
            return [NetworkOperation.raiseLink(state).shell]
        case .addAddress(let address) where address.isGateway:
            return ["ip address replace \(address.address) dev \(address.link)"]
        case .settleLink: return ["if command -v ethtool >/dev/null; then \(operation.shell) >/dev/null; fi"]
        default: return [operation.shell]
        }
    }

    // MARK: The host's part

    private var host: [String] {
        variables + [""] + tidy + [""] + lines(.host) + lines(.layers) + spawn + lines(.network)
            + [
                "# The jail may go on.", "echo go >\"$work/go\"", "",
            ] + commandsCreated + ["status=0", "wait \"$first\" || status=$?"] + commandsAfter + ["exit \"$status\""]
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
        ] + (holder.map { ["HOLDER=\($0.pid)    # the first process of jail \"\($0.jail)\""] } ?? [])
    }

    /// The newest first. A link with an end in the jail goes with the jail.
    private var tidy: [String] {
        let network = purposes.reversed().compactMap { purpose -> String? in
            if case .network(let operation) = purpose { operation.undo?.shell } else { nil }
        }
        let levels = purposes.reversed().compactMap { purpose -> String? in
            if case .cgroupLevel(let level) = purpose, !level.exists { level.path } else { nil }
        }
        return ["tidy() {", "    set +e", "    trap '' TERM    # or a second signal would end this too"]
            + (isMapped ? ["    kill \"${IDS-}\""] : [])
            + ["    echo 1 >\"$cgroup/cgroup.kill\""] + network.map { "    \($0)" }
            + [
                "    until ! grep -q 'populated 1' \"$cgroup/cgroup.events\"; do sleep 0.01; done"
            ] + (hasLeaf ? ["    rmdir \"$cgroup/\(CgroupMark.leaf)\""] : []) + ["    rmdir \"$cgroup\""]
            + levels.map { "    rmdir \(Shell.quoted($0))" }
            + [
                "}", "trap 'tidy 2>/dev/null' EXIT",
                "# It may come when all has ended and is being tidied up: then once more from the beginning.",
                "trap 'trap \"\" TERM EXIT; tidy 2>/dev/null; exit 143' TERM",
            ]
    }

    private var spawn: [String] {
        guard let index = parts.firstIndex(where: { if case .clone = $0.purpose { true } else { false } }),
            case .clone(let flags, _) = parts[index].purpose
        else { return [] }
        let enter =
            (holder == nil ? "" : Shell.inHoldersNetwork) + (isMapped ? "nsenter --user=/proc/$IDS/ns/user " : "")
        let log = jail.commands.consoleLog.map { " >>\(Shell.quoted($0.value)) 2>&1" } ?? ""
        return comment(index) + comments(isAboutClone) + [
            "exec 3<&0",
            "sh -c 'echo $$ >\"$0/cgroup.procs\"; exec \"$@\"' \"$cgroup\" \\",
            "    \(enter)\(Shell.unshare(flags.subtracting(.user).union(.ipc))) --kill-child sh -eu \"$work/jail\" <&3 3<&-\(log) &",
            "first=$!", "read -r JAIL <\"$work/born\"", "",
        ]
    }

    private func isAboutClone(_ purpose: Purpose) -> Bool {
        switch purpose {
        case .ipcNamespace, .enterNetwork: true
        default: false
        }
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
