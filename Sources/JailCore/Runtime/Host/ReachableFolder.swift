internal import Glibc
internal import SystemPackage

/// A folder of the host in which root inside writes, and to which users of the host can walk. What root inside makes belongs to
/// number 0 on disk: a set-user-id program of his makes root of whoever runs it outside.
struct ReachableFolder {
    var path: String
    var origin: Origin
    /// What keeps others away.
    var mend: String

    /// Those of a jail; none where root inside is not the machine's root on disk.
    static func all(of jail: ConfiguredJail, on host: Host) -> [ReachableFolder] {
        if !host.authority.namespace.hasMachinesRoot || host.assumed != nil { return [] }
        return all(of: jail)
    }

    static func all(of jail: ConfiguredJail) -> [ReachableFolder] {
        jail.writtenFolders.compactMap { folder in
            // Who writes to the host's own system has it.
            if HostPath(folder.value) == .machine { return nil }
            guard isReachable(folder.value), mayHoldPrograms(folder.value) else { return nil }
            return ReachableFolder(path: folder.value, origin: folder.origin, mend: mend(folder.value))
        }
    }

    /// From the place up: where roots lie below a folder of mode 0700, the second look ends it.
    private static func isReachable(_ path: String) -> Bool {
        var status = stat()
        var place = path
        var isFirst = true
        while true {
            guard unsafe stat(place, &status) == 0 else { return false }
            let isFile = status.st_mode & S_IFMT != S_IFDIR
            if !(isFirst && isFile), !isOpen(status) { return false }
            if place == "/" { return true }
            place = HostWalk.parts(place).folder
            isFirst = false
        }
    }

    private static func isOpen(_ status: stat) -> Bool {
        status.st_mode & S_IXOTH != 0 || status.st_mode & S_IXGRP != 0 && status.st_gid != 0
            || status.st_mode & S_IXUSR != 0 && status.st_uid != 0
    }

    private static func mayHoldPrograms(_ path: String) -> Bool {
        var status = statvfs()
        return unsafe statvfs(path, &status) == 0 && status.f_flag & (noSetuid | noExec) == 0
    }

    /// ST_NOSUID and ST_NOEXEC of statvfs(3).
    private static let (noSetuid, noExec): (UInt, UInt) = (2, 8)

    /// Folders that others need: what is wanted is one between them and the jails.
    private static let common = [
        "/", "/etc", "/home", "/media", "/mnt", "/opt", "/run", "/srv", "/tmp", "/usr", "/usr/lib", "/usr/local",
        "/usr/share", "/var", "/var/cache", "/var/db", "/var/lib", "/var/tmp",
    ]

    private static func mend(_ path: String) -> String {
        let folder = HostWalk.parts(path).folder
        if !common.contains(folder) { return "chmod 700 \(Terminal.escaped(folder))" }
        return "move it below a folder that only root may enter: mkdir -m 700 \(folder == "/" ? "" : folder)/jails"
    }
}

extension [ReachableFolder] {
    /// `/jails/a, /jails/b: users of the host …`, for the folders of one jail.
    var words: String {
        let paths = PostureJudge.list(map { Terminal.escaped($0.path) })
        return
            "users of the host can reach \(paths): a set-user-id program that root inside makes there makes them root"
    }
}

extension Host {
    /// What a start says of jails whose files others can reach: once for all.
    func note(reachableOf jails: [ConfiguredJail]) {
        var told: [String] = []
        for jail in jails {
            for folder in ReachableFolder.all(of: jail, on: self) where !told.contains(folder.mend) {
                told.append(folder.mend)
                let place: String = if case .configuration(let place) = folder.origin { "\(place): " } else { "" }
                audience.note("\(place)\(jail.label): warning: \([folder].words)\n    hint: \(folder.mend)")
            }
        }
    }
}
