internal import Glibc

/// What two jails must not both write to: folders of overlays, and logs.
extension FactFinder {
    func checkNeighbours() throws(RuntimeError) {
        try checkIDs()
        let (folders, logs) = (jail.layerFolders, jail.writtenLogs)
        let looks = shared ?? SharedLooks()
        if folders.isEmpty && logs.isEmpty && !looks.haveOverlay(others) { return }
        // A start looks at each place once, too.
        var finder = self
        finder.shared = looks
        let neighbours = try neighbours(looks)
        try finder.checkFolders(folders, neighbours)
        finder.checkLowers(neighbours)
        for log in logs { try finder.check(log, neighbours) }
    }

    /// Those that are up, and those of the file whose names come first: of two that are started at once, one objects.
    private func neighbours(_ looks: SharedLooks) throws(RuntimeError) -> [ConfiguredJail] {
        let own = jail.name.value
        let up = try looks.up(in: host.state).filter { spec in
            spec.name.value != own && !others.contains { $0.name.value == spec.name.value }
        }
        return others.filter { $0.name.value < own } + up
    }

    func keys(_ path: String) -> PlaceKeys {
        guard let shared else { return PlaceKeys(path, isSeen: host.assumed == nil) }
        return shared.keys(of: path, isSeen: host.assumed == nil)
    }

    // MARK: Overlays

    /// The first that a mount has in common with another is reported.
    private func checkFolders(_ folders: [LayerFolder], _ neighbours: [ConfiguredJail]) throws(RuntimeError) {
        let others = neighbours.flatMap { neighbour in neighbour.layerFolders.map { (neighbour as ConfiguredJail?, $0) }
        }
        for mount in Set(folders.map(\.mount)).sorted() {
            let own = folders.filter { $0.mount < mount }.map { (nil as ConfiguredJail?, $0) }
            for folder in folders where folder.mount == mount {
                guard let (neighbour, other) = (others + own).first(where: { conflict(folder, $0.1) }) else { continue }
                try object(objection(to: folder, beside: other, of: neighbour))
                break
            }
        }
    }

    private func conflict(_ folder: LayerFolder, _ other: LayerFolder) -> Bool {
        if !folder.isWritten && !other.isWritten { return false }
        let (mine, theirs) = (keys(folder.path), keys(other.path))
        return other.isWritten && mine.isBelow(theirs) || folder.isWritten && theirs.isBelow(mine)
    }

    private func objection(
        to folder: LayerFolder, beside other: LayerFolder, of neighbour: ConfiguredJail?
    ) -> RuntimeError {
        let whose = neighbour.map { "jail \"\(Terminal.escaped($0.name.value))\"" } ?? "another mount of the jail"
        let relation = keys(folder.path).isSame(as: keys(other.path)) ? "are one folder" : "overlap"
        let path = Terminal.escaped(folder.path)
        return .unsuitable(
            jail: jail.label, origin: folder.origin,
            "mount: \(path) and \(Terminal.escaped(other.path)) of \(whose) \(relation), and an overlay writes there",
            hint: "give each a folder of its own\(neighbour == nil ? "" : ", such as \(path)-$name"): "
                + "the result of two overlays on one folder is undefined")
    }

    // MARK: Logs

    private func check(_ log: WrittenLog, _ neighbours: [ConfiguredJail]) throws(RuntimeError) {
        for neighbour in neighbours {
            for other in neighbour.writtenLogs {
                guard let words = self.words(log, beside: other) else { continue }
                let error = RuntimeError.unsuitable(
                    jail: jail.label, origin: log.origin,
                    "\(log.parameter): \(Terminal.escaped(log.path)) \(words) jail "
                        + "\"\(Terminal.escaped(neighbour.name.value))\", too",
                    hint: Self.mend(log, beside: other))
                if log.isRotated || other.isRotated { return try object(error) }
                // Lines that go into a device are mixed with nothing.
                var status = stat()
                if host.assumed == nil, unsafe stat(log.path, &status) == 0, status.st_mode & S_IFMT != S_IFREG {
                    return
                }
                return warn(error)
            }
        }
    }

    /// Nil for two that are not one file, and of which none is rotated to the other's.
    private func words(_ log: WrittenLog, beside other: WrittenLog) -> String? {
        if keys(log.path).isSame(as: keys(other.path)) { return "is \(other.parameter) of" }
        let path = Terminal.escaped(other.path)
        if isRotated(other, to: log.path) { return "is what rotates from \(path) of" }
        return isRotated(log, to: other.path) ? "rotates to \(path) of" : nil
    }

    /// `LOG.1` and so on.
    private func isRotated(_ log: WrittenLog, to path: String) -> Bool {
        guard let dot = path.lastIndex(of: "."), let number = Int(path[path.index(after: dot)...]),
            number > 0, number <= log.kept
        else { return false }
        return keys(String(path[..<dot])).isSame(as: keys(log.path))
    }

    private static func mend(_ log: WrittenLog, beside other: WrittenLog) -> String {
        let lost = "if one of them is rotated, lines of the other are lost"
        return "\(log.isRotated || other.isRotated ? lost : "the lines of both are mixed there"): "
            + "\(log.parameter) = \"/var/log/$name.log\""
    }

    func warn(_ error: RuntimeError) {
        if let findings { return findings.addWarning(error) }
        let (origin, text) = error.finding
        host.audience.note(
            "\(origin.map(error.location) ?? "")\(jail.label): warning: \(text)"
                + (error.hint.map { "\n    hint: \($0)" } ?? ""))
    }
}

/// A folder of the host's that is a layer of an overlay.
struct LayerFolder {
    /// Which of the jail's mounts.
    var mount: Int
    var path: String
    /// `upperdir` and `workdir`.
    var isWritten: Bool
    var origin: Origin
}

/// A file of the host's that gets a jail's output.
struct WrittenLog {
    var parameter: String
    var path: String
    /// How many rotated files there are, where it is rotated.
    var kept: Int
    var isRotated: Bool
    var origin: Origin
}

extension ConfiguredJail {
    var layerFolders: [LayerFolder] {
        let root = RootSource(self)
        return mounts.enumerated().flatMap { index, mount -> [LayerFolder] in
            let isOfRoot = mount.relativeTarget.isEmpty
            // A later mount covers it: it is not made.
            if isOfRoot && !root.layers.contains(mount) { return [] }
            // Nothing that is written reaches it below another layer.
            let isCovered = isOfRoot && (self.root.isEphemeral.value || root.layers.last != mount)
            let written = [mount.layers?.upper, mount.layers?.work].compactMap { $0 }
            return written.map { LayerFolder(mount: index, path: $0, isWritten: !isCovered, origin: mount.origin) }
                + (mount.layers?.folders ?? []).map {
                    LayerFolder(mount: index, path: $0, isWritten: false, origin: mount.origin)
                }
        }
    }

    var writtenLogs: [WrittenLog] {
        var logs: [WrittenLog] = []
        if let file = log.file {
            logs.append(
                WrittenLog(
                    parameter: "log.file", path: file.value, kept: log.kept, isRotated: true, origin: file.origin))
        }
        if let file = commands.consoleLog {
            logs.append(
                WrittenLog(
                    parameter: "exec.consolelog", path: file.value, kept: 0, isRotated: false, origin: file.origin))
        }
        return logs
    }
}
