/// The jails of a file as one script for sh(1): what they share, each jail in its turn, and all of it taken back.
package struct FileScript {
    private let document: ExplanationDocument
    private let plan: FilePlan
    private let jails: [ShellScript]

    /// - Parameter plan: a complete one, for a time when other jails may have gone.
    package init(_ document: ExplanationDocument, of plan: FilePlan) {
        self.document = document
        self.plan = plan
        jails = plan.jails.indices.map { index in
            let holder = plan.holder(ofJailAt: index)
            return ShellScript(
                document.jails[index], of: plan.jails[index], number: index + 1, holderNumber: holder.map { $0 + 1 })
        }
    }

    package var text: String {
        (head + checks + share + jails.flatMap(\.functions) + Self.tidying + takingBack + Self.starting + main)
            .joined(separator: "\n")
    }

    // MARK: The beginning

    private var names: String { document.jails.map { ShellScript.oneLine($0.name) }.enumerated }

    private var head: [String] {
        let (these, them) = jails.count == 1 ? ("The jail \(names)", "It ends") : ("The jails \(names)", "They end")
        return [
            "#!/bin/sh",
            "# \(these), made by hand: what jailrun does for \(path), without jailrun.",
            "# Run it as root. \(them) with \(jails.count == 1 ? "its command" : "their commands") or by a signal to"
                + " the script, which then removes what it made.",
            "# Only jailrun does health checks, restarts, logs, exec.prestop and exec.stop.",
            "# After a kill -9 nobody is left to clean up: processes, cgroups, interfaces and rules stay until",
            "#     sh FILE clean", "# is called. Needs \(packages.enumerated) of Debian.", "set -eu", "",
            "fail() { echo \"$0: $*\" >&2; exit 125; }", "", "all=/run/by-hand.\(plan.jails[0].spec.name.value)",
            "work=$all", "",
        ]
    }

    private var path: String {
        if case .configuration(let location) = plan.jails[0].spec.path.origin {
            ShellScript.oneLine(location.file)
        } else {
            "its parameters"
        }
    }

    private var packages: [String] {
        var packages: [String] = []
        for package in jails.flatMap(\.packages) where !packages.contains(package) { packages.append(package) }
        return packages
    }

    private var checks: [String] {
        let tools =
            ["unshare", "nsenter", "setpriv", "findmnt", "flock", "pivot_root", "hostname", "perl"]
            + [("iproute2", "ip"), ("procps", "sysctl"), ("nftables", "nft")].filter { packages.contains($0.0) }.map(
                \.1)
        var refusals: [String] = []
        for line in jails.flatMap(\.refusals) where !refusals.contains(line) { refusals.append(line) }
        return [
            "check() {", "for tool in \(tools.joined(separator: " ")); do",
            "    command -v \"$tool\" >/dev/null || fail \"$tool is not installed\"", "done",
        ] + refusals + ["}", ""]
    }

    // MARK: What they share

    private var share: [String] {
        let parts = zip(document.shared?.parts ?? [], plan.shared.parts)
        var lines = ["# ---- What jails share.", "", "share() {"]
        for (part, planned) in parts {
            lines += ShellScript.comment(part)
            lines += Self.commands(planned.purpose)
            lines.append("")
        }
        return lines + [":", "}", ""]
    }

    /// What others may have made is left as it is. What is made is written down before.
    private static func commands(_ purpose: Purpose) -> [String] {
        switch purpose {
        case .cgroupLevel(let level):
            return [
                "if [ ! -d \(Shell.quoted(level.path)) ]; then",
                "    echo \(Shell.quoted(level.path)) >>\"$all/levels\"; mkdir -p \(Shell.quoted(level.path))", "fi",
            ] + level.missingControllers.map { "echo +\($0) >\(Shell.quoted(level.path))/cgroup.subtree_control" }
        case .network(.createBridge(let name, let mac)):
            let make = NetworkOperation.createBridge(name: name, mac: mac).shell
            return [
                "if ! ip link show dev \(name) >/dev/null 2>&1; then", "    : >\"$all/bridge\"; \(make)", "fi",
            ]
        case .network(.addAddress(let address)):
            return ["ip address replace \(address.address) dev \(address.link)"]
        case .network(let operation): return ShellScript.network(operation)
        default: return purpose.shell
        }
    }

    /// Once no jail of this script is left. A bridge that another jail is on is that one's.
    private var takingBack: [String] {
        var settings: [String] = []
        for line in jails.reversed().flatMap(\.settings) where !settings.contains(line) { settings.append(line) }
        let bridge = NetworkPlan.bridge
        let hasBridge = packages.contains("iproute2")
        return ["take_back() {"] + settings
            + (hasBridge
                ? [
                    "if [ -e \"$all/bridge\" ] && [ -z \"$(ip -o link show master \(bridge))\" ]; then",
                    "    ip link delete \(bridge)", "fi",
                ] : [])
            + [
                "[ ! -e \"$all/levels\" ] || sort -r \"$all/levels\" | while read -r level; do rmdir \"$level\"; done",
                "rm -rf \"$all\"", "}", "",
            ]
    }

    // MARK: Each jail

    private static let tidying = [
        "# ---- The end of a jail.", "",
        "# end_processes CGROUP", "end_processes() {", "    [ -d \"$1\" ] || return 0",
        "    echo 1 >\"$1/cgroup.kill\"",
        "    until ! grep -q 'populated 1' \"$1/cgroup.events\"; do sleep 0.01; done", "}", "",
        "# end_holder FILE: the process whose number is there, if it is still the same.", "end_holder() {",
        "    [ -s \"$1\" ] || return 0", "    read -r pid <\"$1\"",
        "    while tr '\\0' ' ' <\"/proc/$pid/cmdline\" | grep -qE \"(^| )(sleep infinity|sh -eu $work/host) $\"; do",
        "        kill \"$pid\"; sleep 0.01", "    done", "}", "",
        "# finish NUMBER: what the jail made goes, the newest first. What is gone is gone.", "finish() {",
        "    work=$all/$1", "    [ -d \"$work\" ] || return 0", "    (",
        "        set +e", "        end_holder \"$work/holder\"",
        "        \"tidy_$1\"", "    ) 2>/dev/null", "    work=$all", "}", "",
        "# stop: all of them, the last one first.", "stop() {", "    trap '' TERM INT HUP", "    trap - EXIT",
        "    set +e", "    for jail in $backwards; do", "        [ -d \"$all/$jail\" ] || continue",
        "        # These are for a jail that was up.",
        "        if [ -e \"$all/$jail/was-up\" ]; then leave \"$jail\"; else finish \"$jail\"; rm -rf \"$all/${jail:?}\"; fi",
        "    done", "    take_back 2>/dev/null", "}", "",
        "# leave NUMBER", "leave() {", "    (", "        work=$all/$1; set +e", "        end_holder \"$work/holder\"",
        "        \"end_$1\"", "    ) 2>/dev/null",
        "    \"poststop_$1\" 3<&- 8<&-", "    finish \"$1\"", "    \"release_$1\" 3<&- 8<&-",
        "    rm -rf \"$all/${1:?}\"", "}", "",
    ]

    private static let starting = [
        "# ---- The start of a jail.", "",
        "# start NUMBER: returns when it is up.", "start() {", "    work=$all/$1",
        "    # All that is temporary is here. The jail's root user must be able to look into it.",
        "    mkdir \"$work\" \"$work/root\" \"$work/dev\" \"$work/sources\" \"$work/layers\" \"$work/mask\"",
        "    mkdir \"$work/programs\" \"$work/identity\" \"$work/sysfs\"",
        "    mkfifo -m 0666 \"$work/born\" \"$work/go\" \"$work/up\"", "    \"write_$1\"",
        "    \"before_$1\" 3<&- 8<&-",
        "    # The mount namespace takes with it what the host's part mounts.",
        "    unshare --mount --propagation private env work=\"$work\" sh -eu \"$work/host\" <&3 3<&- 8<&- &",
        "    echo $! >\"$work/holder\"", "    up=", "    read -r up <\"$work/up\" || :",
        "    case $up in", "    started) echo \"$up\" >\"$work/was-up\"; \"after_$1\" 3<&- 8<&- ;;",
        "    runs) echo \"$up\" >\"$work/was-up\" ;;", "    *) status=0; wait \"$(cat \"$work/holder\")\" || status=$?",
        "        [ \"$status\" != 0 ] || status=125", "        exit \"$status\" ;;", "    esac", "}", "",
        "# await NUMBER: returns when it has ended, and sets status to that of the first jail that failed.",
        "await() {",
        "    work=$all/$1", "    last=0", "    wait \"$(cat \"$work/holder\")\" || last=$?",
        "    [ \"$status\" != 0 ] || status=$last", "    read -r up <\"$work/was-up\"",
        "    # jailrun runs these while it keeps the jail; here a jail that is one command has ended with it.",
        "    [ \"$up\" != runs ] || \"after_$1\" 3<&- 8<&-", "    leave \"$1\"", "}", "",
    ]

    private var main: [String] {
        let numbers = jails.indices.map { "\($0 + 1)" }
        return [
            "# ---- Now.", "", "jails='\(numbers.joined(separator: " "))'",
            "backwards='\(numbers.reversed().joined(separator: " "))'",
            "[ \"$(id -u)\" = 0 ] || fail 'only root can make a jail'", "umask 022", "case ${1-} in", "'') ;;",
            "clean)", "    [ -d \"$all\" ] || exit 0", "    exec 8<\"$all\"",
            "    flock -n 8 || fail 'it is running: end it with a signal'",
            "    rm -f \"$all\"/*/was-up    # its commands are not run: who knows how far it came",
            "    stop; exit 0 ;;", "*) fail 'usage: sh FILE [clean]' ;;", "esac", "check",
            "mkdir \"$all\" || fail \"it was started before, and is running or was killed: sh $0 clean\"",
            "exec 8<\"$all\"", "flock -n 8", jails.count == 1 ? "exec 3<&0" : "exec 3</dev/null",
            "trap stop EXIT", "trap 'exit 143' TERM", "trap 'exit 130' INT", "trap 'exit 129' HUP",
            "share 3<&- 8<&-", "for jail in $jails; do start \"$jail\"; done", "status=0",
            "for jail in $jails; do await \"$jail\"; done", "exit \"$status\"", "",
        ]
    }
}
