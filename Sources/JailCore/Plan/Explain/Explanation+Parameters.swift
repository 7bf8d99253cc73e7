/// Of what a jail has only when its file asks for it.
extension Explanation {
    static func domainName(_ name: String) -> Self {
        Explanation(
            "Sets the NIS domain name \(name).", without: "The jail would have the host's.", manual: "setdomainname(2)")
    }

    static func kernelParameter(_ path: String, _ value: String) -> Self {
        Explanation(
            "Writes \(value) to /proc/sys/\(path), inside the jail's namespaces.",
            without: "The jail would have the kernel's default for it.", manual: "sysctl(8)", "proc(5)")
    }

    static func layers(_ count: Int) -> Self {
        Explanation(
            count == 1
                ? "Stacks folders on top of each other, as one file system whose top layer gets the writes."
                : "Stacks folders on top of each other, as \(count) file systems whose top layers get the writes.",
            without: "The jail would write to the folders below.", manual: "mount(8)", "setfsuid(2)")
    }

    static func disk(_ type: String, _ source: String) -> Self {
        Explanation(
            "Mounts \(source), a file system of type \(type), detached from the host's file tree.",
            without: "The jail could not reach it: root inside may not mount disks.", manual: "fsopen(2)", "fsmount(2)")
    }

    static func identityFiles(_ paths: [String]) -> Self {
        var explanation = Explanation(
            "Covers \(paths.map { "/\($0)" }.enumerated) with files of the jail's own, read-only.",
            without: "The jail would take itself for the machine that its root was copied from.")
        if paths.contains("etc/hosts") {
            explanation.without =
                "The jail would find no other by name, and would ask the name servers that its root was made with."
        }
        explanation.manual = [
            ("etc/machine-id", "machine-id(5)"), ("etc/hostid", "gethostid(3)"), ("etc/hosts", "hosts(5)"),
            ("etc/resolv.conf", "resolv.conf(5)"), ("etc/hostname", "hostname(5)"),
        ].filter { paths.contains($0.0) }.map(\.1)
        return explanation
    }

    static let environmentFile = Explanation(
        "Writes env to /dev/jail/env, where the jail can read it and nobody inside can change it.",
        without: "The jail would not know what its file tells it.", manual: "jail.conf(5)")

    static func processLimit(_ limit: ProcessSettings.Limit) -> Self {
        func spell(_ value: UInt64) -> String { value == .max ? "unlimited" : String(value) }
        return Explanation(
            "Sets \(limit.resource.name) to \(spell(limit.soft)), at most \(spell(limit.hard)).",
            without: "Each process would have jailrun's own value.", manual: "prlimit(2)")
    }

    static func processAttribute(_ attribute: ProcessAttribute) -> Self {
        Explanation(
            "Sets the \(attribute.name) to \(attribute.value).",
            without: "Each process would have that of whoever started the container.", manual: "sched(7)",
            "ioprio_set(2)",
            "set_mempolicy(2)", "personality(2)")
    }

    static func profile(_ name: String) -> Self {
        Explanation(
            "Has the program run under the AppArmor profile \(name).",
            without: "It would run under that of the runtime.", manual: "apparmor(7)", "aa-exec(1)")
    }

    static func oomScore(_ score: Int) -> Self {
        Explanation(
            "Sets oom_score_adj to \(score).",
            without: "When memory runs out, the jail's processes would be chosen like all others.", manual: "proc(5)")
    }
}
