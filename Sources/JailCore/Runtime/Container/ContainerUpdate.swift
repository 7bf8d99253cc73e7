internal import Glibc
internal import SystemPackage

/// `update`: other limits for a container that is there.
package struct ContainerUpdate {
    let directory: ContainerDirectory
    let host: Host

    package init(_ directory: ContainerDirectory, host: Host) { (self.directory, self.host) = (directory, host) }

    /// Which devices may be used stays as it is: engines send a list that names none of those that every container has.
    /// - Parameter bytes: an object as `linux.resources` is one.
    package func run(_ bytes: [UInt8], file: String) throws(RuntimeError) {
        let resources: ContainerResources
        do throws(Diagnostic) { resources = try ContainerResources(bytes, file: file) } catch {
            throw .file(jail: nil, error)
        }
        let record = try directory.read()
        if try directory.status(of: record) == .stopped { throw ContainerRemoval.notRunning }
        if resources.settings.isEmpty { return }
        if record.cgroup.isEmpty {
            throw .host("container \"\(directory.id)\" has no cgroup of its own, and so no limits", hint: nil)
        }
        let cgroup = String(record.cgroup.dropFirst(host.cgroupTop.utf8.count + 1))
        let levels = try ContainerCgroups(id: directory.id, host: host).levels(above: cgroup, for: resources.settings)
        let steps =
            levels.flatMap { $0.steps(for: resources.settings, mark: host.authority.mark) }
            + Planner.set(resources.settings, inCgroup: record.cgroup)
        try HostSteps(steps: steps, firstIndex: 0, label: directory.id, jail: nil, host: host, network: nil)
            .performAll()
    }
}

/// The cgroups above a container's own.
struct ContainerCgroups {
    let id: String
    let host: Host

    /// From the mount point of the hierarchy down to that in which the container's own is.
    /// - Parameter cgroup: its path below the mount point.
    /// - Throws: `.unsuitable` for a limit that this host has no controller for.
    func levels(
        above cgroup: String, for settings: [CgroupSetting]
    ) throws(RuntimeError) -> [StartFacts.CgroupLevel] {
        let needed = try controllers(for: settings)
        var levels: [StartFacts.CgroupLevel] = []
        var path = host.cgroupTop
        for name in [""] + cgroup.split(separator: "/").dropLast().map(String.init) {
            path += name.isEmpty ? "" : "/\(name)"
            let (exists, enabled) = try Cgroup(path: path).look { (cgroup) throws(Errno) in
                (try cgroup.exists(), try needed.isEmpty ? [] : cgroup.enabledControllers())
            }
            levels.append(
                .init(path: path, exists: exists, missingControllers: needed.filter { !enabled.contains($0) }))
        }
        return levels
    }

    /// A container's cgroup is its own: what is in one that exists would be killed with the container.
    /// - Parameter cgroup: its path below the mount point; an empty one that is there goes.
    /// - Throws: `.unsuitable` when there is something in it.
    func takeOver(_ cgroup: String, _ asked: Located<String>?) throws(RuntimeError) {
        let found = Cgroup(path: "\(host.cgroupTop)/\(cgroup)")
        found.removeIfEmpty()
        if try !found.look({ (found) throws(Errno) in try found.exists() }) { return }
        throw .unsuitable(
            jail: id, origin: asked?.origin ?? .standard(""),
            "the cgroup \(Terminal.escaped(found.path)) exists, and is in use", hint: nil)
    }

    private func controllers(for settings: [CgroupSetting]) throws(RuntimeError) -> [String] {
        if settings.isEmpty { return [] }
        let available = try Cgroup(path: host.cgroupTop).look { (cgroup) throws(Errno) in try cgroup.controllers() }
        var needed: [String] = []
        for setting in settings {
            let controller = String(setting.file.prefix { $0 != "." })
            if controller == "cgroup" || needed.contains(controller) { continue }
            if !available.contains(controller) {
                throw .unsuitable(
                    jail: id, origin: setting.origin,
                    "the cgroup controller \(controller) is not available in \(host.cgroupTop)", hint: nil)
            }
            needed.append(controller)
        }
        return needed
    }
}
