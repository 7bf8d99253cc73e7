internal import Glibc
internal import SystemPackage

/// What the host and the bundle have for a container: looked up by the runtime, for `ContainerLowering` and the planner.
struct ContainerFacts {
    let configuration: RuntimeConfiguration
    let id: String
    /// The bundle's real path.
    let bundle: String
    /// The root's.
    let root: String
    let process: ContainerProcess?
    let host: Host

    func lowering(_ ground: ContainerGround, for caller: ContainerCaller = ContainerCaller()) -> ContainerLowering {
        ContainerLowering(
            configuration: configuration, id: id, process: process, ground: ground,
            passedDescriptors: caller.passedDescriptors, listeningDescriptors: caller.listeningDescriptors)
    }

    /// Of a process that joins: its mounts are there.
    func entryGround() throws(RuntimeError) -> ContainerGround {
        var ground = ContainerGround(root: root, home: try home())
        guard let profile = process?.profile else { return ground }
        let enabled = try attempt("\(id): cannot look for AppArmor") { () throws(Errno) in
            try Files.textIfThere("/sys/module/apparmor/parameters/enabled") ?? ""
        }
        ground.hasProfiles = enabled.hasPrefix("Y")
        if !ground.hasProfiles, profile.value != "unconfined" {
            throw .unsuitable(
                jail: id, origin: profile.origin,
                "process.apparmorProfile: \(Terminal.escaped(profile.value)): this kernel has no AppArmor", hint: nil)
        }
        return ground
    }

    /// Of a root that is not there, as the caller sees it, and of a user without an entry: what is usual.
    private func home() throws(RuntimeError) -> String {
        guard let process, process.lacksHome else { return "/" }
        let usual = process.user == 0 ? "/root" : "/"
        let opened = try attempt("\(id): cannot open \(root)") { () throws(Errno) in
            try Files.ifThere { () throws(Errno) in
                try Files.open(root, Int32(OpenFlags([.path, .directory]).rawValue))
            }
        }
        guard let opened else { return usual }
        let users = PasswordFile(root: opened.number)
        if let failure = users.passwdFailure { throw failure }
        return users.home(of: process.user) ?? usual
    }

    func startFacts() throws(RuntimeError) -> StartFacts {
        var facts = StartFacts()
        facts.authority = host.authority
        facts.capabilityCount = try attempt("cannot look at the kernel's capabilities") { () throws(Errno) in
            try CapabilitySet.countOfKernel()
        }
        facts.terminals = process?.isTerminal == true ? [0, 1, 2] : []
        if let filter = try filter() { (facts.filter, facts.filterFlags) = (filter.bytes, filter.flags) }
        return facts
    }

    /// Compiled once for each profile that an engine gives.
    private func filter() throws(RuntimeError) -> SeccompFilter? {
        guard let seccomp = configuration.seccomp else { return nil }
        do throws(SeccompError) {
            let conditions = try SeccompProfile.Conditions.thisMachine(with: [])
            return try SeccompFilter.cached(
                seccomp.json + Array("\n\(conditions)".utf8), in: SeccompCache(directory: "/var/cache/jailrun")
            ) { () throws(SeccompError) in try seccomp.profile.compile(under: conditions) }
        } catch { throw .unsuitable(jail: id, origin: seccomp.origin, "linux.seccomp: \(error)", hint: nil) }
    }

    /// The ids of a user namespace that others made, by a process that is in it.
    func maps(of process: Int32) throws(RuntimeError) -> IDMaps {
        try attempt("\(id): cannot look at the ids of its first process") { () throws(Errno) in
            IDMaps(
                users: IDMapping.read(try Files.text("/proc/\(process)/uid_map")),
                groups: IDMapping.read(try Files.text("/proc/\(process)/gid_map")))
        }
    }

    // MARK: Mounts

    /// - Parameter facts: get what the paths of the host lead to.
    func ground(_ facts: inout StartFacts) throws(RuntimeError) -> ContainerGround {
        try checkDevices()
        var ground = try entryGround()
        if !host.cgroupTop.isEmpty { ground.cgroups = host.cgroupTop }
        var walk = MountWalk(root: root)
        try note(root, &facts)
        for mount in configuration.mounts { ground.places.append(try place(mount, &walk, &facts, ground)) }
        return ground
    }

    /// They are made in a /dev of the container's own; that of the host has what it has.
    private func checkDevices() throws(RuntimeError) {
        guard let device = configuration.devices.first else { return }
        let isThere = configuration.mounts.contains { mount in
            guard RuntimeConfiguration.relative(mount.target) == "dev" else { return false }
            return mount.options.bind == nil ? mount.type == "tmpfs" : mount.source == "/dev"
        }
        if isThere { return }
        throw .unsuitable(
            jail: id, origin: device.origin, "linux.devices: \(Terminal.escaped(device.path)) needs a tmpfs on /dev",
            hint: "{\"destination\": \"/dev\", \"type\": \"tmpfs\", \"source\": \"tmpfs\"} in mounts")
    }

    private func wrong(_ mount: ContainerMount, _ text: String, _ errno: Errno? = nil) -> RuntimeError {
        let cause = errno.map { ": \($0.description)" } ?? ""
        return .unsuitable(
            jail: id, origin: mount.origin, "mount \(Terminal.escaped(mount.target)): \(text)\(cause)", hint: nil)
    }

    /// What a path leads to, for the step that opens it without following links.
    private func note(_ path: String, _ facts: inout StartFacts) throws(RuntimeError) {
        let real = try attempt("cannot find \(path)") { () throws(Errno) in try Files.realPath(path) }
        if real != path { facts.realPaths.append(.init(path: path, real: real)) }
    }

    private func place(
        _ mount: ContainerMount, _ walk: inout MountWalk, _ facts: inout StartFacts, _ ground: ContainerGround
    ) throws(RuntimeError) -> ContainerGround.Place {
        var place: ContainerGround.Place
        do throws(Errno) { place = try walk.place(of: mount.target) } catch {
            throw wrong(mount, "cannot find it", error)
        }
        if place.target.isEmpty { throw wrong(mount, "the root is no place for a mount") }
        try checkProc(place.target, mount, ground)
        if mount.options.bind != nil {
            place.source = mount.source.hasPrefix("/") ? mount.source : "\(bundle)/\(mount.source)"
            var status = stat()
            if unsafe stat(place.source, &status) < 0 {
                throw wrong(mount, "cannot find \(Terminal.escaped(place.source))", .current)
            }
            place.isFile = status.st_mode & S_IFMT != S_IFDIR
            try note(place.source, &facts)
        }
        if mount.options.copiesUp { try checkCopy(place, mount) }
        if mount.options.copiesUp, place.target != "dev" {
            walk.addCopy(place.target)
        } else {
            walk.add(place.target, showing: mount.options.bind == nil ? nil : place.source)
        }
        return place
    }

    /// A /dev has the devices, and nothing of the root's.
    private func checkCopy(_ place: ContainerGround.Place, _ mount: ContainerMount) throws(RuntimeError) {
        if mount.options.bind != nil || mount.type != "tmpfs" { throw wrong(mount, "tmpcopyup is for a tmpfs") }
        guard place.target == "dev" else { return }
        let names = try attempt("\(id): cannot look into \(root)/dev") { () throws(Errno) in
            try Files.namesIfThere(in: "\(root)/dev")
        }
        if !names.isEmpty { throw wrong(mount, "tmpcopyup is not supported where the root has files in /dev") }
    }

    /// What lies in /proc tells the kernel what a process may do: only these files of it may be covered.
    private func checkProc(
        _ target: String, _ mount: ContainerMount, _ ground: ContainerGround
    ) throws(RuntimeError) {
        guard target.hasPrefix("proc/"), ground.places.contains(where: { $0.target == "proc" }) else { return }
        let harmless = [
            "cpuinfo", "diskstats", "meminfo", "stat", "swaps", "uptime", "loadavg", "slabinfo",
            "sys/kernel/ns_last_pid", "sys/crypto/fips_enabled",
        ]
        if mount.options.bind != nil, harmless.contains(where: { target == "proc/\($0)" }) { return }
        throw wrong(mount, "it lies inside /proc")
    }

    /// The user namespaces that mounts with ids of their own are idmapped by.
    func mountIDs() throws(RuntimeError) -> MountNamespaces {
        let namespaces = MountNamespaces()
        for (number, mount) in configuration.mounts.enumerated() where !mount.users.isEmpty {
            do throws(Errno) { try namespaces.add(.mountIDs(number), mount.users, mount.groups) } catch {
                throw wrong(mount, "cannot make a user namespace for its ids", error)
            }
        }
        return namespaces
    }
}
