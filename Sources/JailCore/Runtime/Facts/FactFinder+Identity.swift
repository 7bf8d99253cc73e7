internal import CNamespaces
internal import Glibc
internal import SystemPackage

extension FactFinder {
    /// `env` is a file below /dev.
    func checkEnvironment(_ facts: StartFacts) throws(RuntimeError) {
        guard let text = jail.metadata.environment, !text.value.isEmpty else { return }
        if hasDevices(facts) { return }
        try refuse(
            "env: the jail has no /dev, where /dev/jail/env would be", text.origin, hint: "mount.devfs")
    }

    func hasDevices(_ facts: StartFacts) -> Bool {
        jail.pseudoFilesystems.devfs.value.isMounted(at: "dev", in: facts.rootDirectories)
    }

    /// Root inside may take the flag from a mount, where it may make jails: what the host has made read-only must not get there.
    func checkReadOnly() throws(RuntimeError) {
        let maximum = jail.privileges.childrenMaximum
        guard maximum.value > 0 else { return }
        let mounts: [String]
        do throws(RuntimeError) { mounts = try readOnlyMounts() } catch { return try object(error) }
        guard let mount = mounts.first else { return }
        try refuse(
            "children.max: \(mount) is mounted read-only, and root inside could make it writable",
            maximum.origin,
            hint: "mount its file system read-only, not the mount; or leave out children.max")
    }

    /// Of all that the jail has of the host.
    private func readOnlyMounts() throws(RuntimeError) -> [String] {
        // Below an overlay nothing is written, whatever its flags are.
        let root = jail.root.isEphemeral.value ? [] : [RootSource(jail).path]
        var mounts: [String] = []
        for source in root + jail.mounts.filter(\.kind.isBind).map(\.source) {
            let place = try attempt("\(jail.label): cannot look at \(Terminal.escaped(source))") { () throws(Errno) in
                try Self.withoutLinks(source)
            }
            mounts += try attempt("/proc/self/mountinfo") { () throws(Errno) in
                try MountTable.readOnlyMounts(at: place)
            }
        }
        return mounts
    }

    /// Of a path that is not there, itself.
    /// - Throws: when it could not be looked at: the mount may be another than the path tells.
    private static func withoutLinks(_ path: String) throws(Errno) -> String {
        guard let resolved = unsafe realpath(path, nil) else {
            let error = Errno.current
            if error.meansAbsent { return path }
            throw error
        }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }

    /// With ids of its own a jail can read the kernel's messages only where everybody can: syslog(2).
    func checkMessages() throws(RuntimeError) {
        guard let asked = jail.privileges.granted.first(where: { $0.value == .readMessageBuffer }),
            jail.privileges.userNamespace.value != .host
        else { return }
        let isHidden = if let assumed = host.assumed { assumed.hidesMessages } else { try Self.hidesMessages() }
        if !isHidden { return }
        try refuse(
            "allow.read_msgbuf: this host shows kernel messages only to processes with CAP_SYSLOG on the host",
            asked.origin,
            hint: "sysctl kernel.dmesg_restrict=0, or userns = host")
    }

    /// dmesg_restrict of sysctl/kernel.rst.
    static func hidesMessages() throws(RuntimeError) -> Bool {
        let path = "/proc/sys/kernel/dmesg_restrict"
        return try attempt(path) { () throws(Errno) in try Files.textIfThere(path) }?.trimmed == "1"
    }

    func isRegularFile(_ path: String, root: Int32) throws(Errno) -> Bool {
        try type(of: path, root: root) == S_IFREG
    }

    /// Nil when there is neither a file nor a link.
    func ground(of path: String, root: Int32) throws(Errno) -> IdentityFile.Ground? {
        switch try type(of: path, root: root) {
        case S_IFREG: .file
        case S_IFLNK: .link
        default: nil
        }
    }

    private func type(of path: String, root: Int32) throws(Errno) -> mode_t? {
        try lookInto(root, path, [.path, .noFollow]) { (file) throws(Errno) in
            var status = stat()
            _ = try unsafe checked(fstat(file.number, &status))
            return status.st_mode & S_IFMT
        }
    }

    /// systemd-resolved(8) writes the servers that its stub asks.
    static func resolvers() throws(RuntimeError) -> [StartFacts.Resolver] {
        var resolvers: [StartFacts.Resolver] = []
        for path in ["/etc/resolv.conf", "/run/systemd/resolve/resolv.conf"] {
            let text = try attempt("cannot read \(path)") { () throws(Errno) in try Files.textIfThere(path) }
            if let text { resolvers.append(StartFacts.Resolver(path: path, text: text)) }
        }
        return resolvers
    }
}
