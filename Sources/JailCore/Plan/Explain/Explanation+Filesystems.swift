extension Explanation {
    static func mount(_ filesystem: NewFilesystem) -> Self {
        let target = "/\(filesystem.target)"
        switch filesystem.type {
        case "proc":
            return Explanation(
                "Mounts a procfs at \(target) that shows the processes of the jail's pid namespace.",
                without:
                    "ps, and all that reads /proc/self, would fail; with the host's they would show its processes.",
                manual: "proc(5)", turnedOff: "mount.noprocfs")
        case "sysfs":
            return Explanation(
                "Mounts a read-only sysfs at \(target) that shows the jail's own network interfaces.",
                without: "Programs that look there for devices and processors would find nothing.",
                manual: "sysfs(5)", turnedOff: "mount.nosysfs")
        case "cgroup2":
            return Explanation(
                "Mounts the jail's part of the cgroup hierarchy at \(target), read-only.",
                without: "Programs that size themselves by their limits would use those of the machine.",
                manual: "cgroups(7)", turnedOff: "mount.nosysfs")
        case "devpts":
            return Explanation(
                "Mounts a devpts at \(target): terminals of the jail's own.",
                without: "The jail would have no terminal, or the host's.",
                manual: "pts(4)", turnedOff: "mount.nodevfs")
        case "mqueue":
            return Explanation(
                "Mounts the POSIX message queues of the jail's IPC namespace at \(target).",
                without: "mq_open(3) would work, but nobody could list or remove what it creates.",
                manual: "mq_overview(7)", turnedOff: "mount.nodevfs")
        case "tmpfs" where filesystem.target == "dev/shm":
            return Explanation(
                "Mounts a tmpfs at \(target) for POSIX shared memory.",
                without: "shm_open(3) would fail, and with it most databases.",
                manual: "shm_overview(7)", turnedOff: "mount.nodevfs")
        default:
            return Explanation(
                "Mounts a new \(filesystem.type) at \(target)"
                    + (filesystem.options.isEmpty ? "." : " with \(filesystem.options.enumerated)."),
                without: "The jail would find the empty directory that is there.",
                manual: "fsopen(2)", "mount(8)")
        }
    }

    static func deviceProgram(_ tree: DeviceTree) -> Self {
        Explanation(
            "Gives the cgroup a program that the kernel asks at each open(2) and mknod(2) of a device: "
                + "\(tree.nodes.count) nodes pass"
                + (tree.hasTerminals ? ", and the terminals of the jail." : "."),
            without: "A device node from elsewhere (CAP_MKNOD, a mounted image) would open the device that it names.",
            manual: "bpf(2)", "cgroups(7)", turnedOff: "mount.nodevfs")
    }

    static func deviceTree(_ tree: DeviceTree) -> Self {
        Explanation(
            "Fills a small tmpfs with what the ruleset shows: \(tree.nodes.map(\.path).enumerated), and "
                + "\(tree.links.count) links.",
            without: "The jail would have no /dev/null to write to; with the host's /dev it would have its disks.",
            manual: "mknod(2)", "devfs.rules(5)", turnedOff: "mount.nodevfs")
    }

    static let boundDevices = Explanation(
        "Shows devices of the outer jail a second time in /dev: none can be created in a jail.",
        without: "/dev would have no null, zero or random: few programs run without them.",
        manual: "open_tree(2)", "user_namespaces(7)", turnedOff: "mount.nodevfs")

    static let attachDevices = Explanation(
        "Attaches that tmpfs at /dev.",
        without: "The jail would see the files in its root's own dev, if any.",
        manual: "move_mount(2)", turnedOff: "mount.nodevfs")
}
