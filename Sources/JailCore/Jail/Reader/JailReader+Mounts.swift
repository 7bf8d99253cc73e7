extension JailReader {
    /// `mount`, then the lines of `mount.fstab`, in jail(8)'s order.
    mutating func mounts(root: String) -> [MountSpec] {
        var mounts: [MountSpec] = []
        for line in strings("mount") {
            let place = MountPlace(parameter: "mount", location: line.place, sourceLine: nil)
            if let mount = mount(Bytes(line.value.utf8), place, root: root) { mounts.append(mount) }
        }
        for file in strings("mount.fstab") { mounts += fstab(file, root: root) }
        checkOrder(mounts)
        for file in strings("mount.fstab") { checkNotWritten(file, mounts, "mount.fstab", "what is mounted") }
        for file in strings("seccomp") { checkNotWritten(file, mounts, "seccomp", "its own filter") }
        return mounts
    }

    /// What is in a folder that is mounted writable root inside writes, as what is below the jail's root.
    private mutating func checkNotWritten(
        _ file: Located<String>, _ mounts: [MountSpec], _ parameter: String, _ what: String
    ) {
        let parts = Self.components(file.value)
        let folders = mounts.filter { !$0.relativeTarget.isEmpty }.compactMap(\.writtenSource)
        guard let folder = folders.first(where: { parts.starts(with: Self.components($0)) }) else { return }
        error(
            "\(parameter): \(file.shown) lies where root of the jail can write and could change \(what)",
            at: file.place, hint: "keep it outside \(Bytes(folder.utf8).printable()), or mount that read-only")
    }

    /// Whoever writes a configuration file decides what root of the host does at the next start. It is often the folder of a
    /// project, mounted as it is, so that it is said and not refused.
    mutating func checkConfiguration(against folders: [Located<String>]) {
        for text in configuration.tree.sources where text.file != "STDIN" {
            let directory = text.file.hasPrefix("/") ? "" : configuration.source.workingDirectory
            let parts = Self.resolved("\(directory)/\(text.file)")
            for folder in folders {
                // Of path = / all is said by its posture.
                let inside = Self.resolved(folder.value)
                guard !inside.isEmpty, parts.starts(with: inside),
                    case .configuration(let place) = folder.origin
                else { continue }
                let file = Bytes(text.file.utf8).printable()
                return say(
                    .warning,
                    "root of the jail can write here and could change \(file), whose commands jailrun runs on the host",
                    at: place,
                    hint: "mount it read-only, or keep \(file) outside \(Bytes(folder.value.utf8).printable())")
            }
        }
    }

    /// The components of a path, by its text alone.
    private static func resolved(_ path: String) -> [Substring] {
        components(path).reduce(into: []) { parts, part in
            if part == ".." { _ = parts.popLast() } else { parts.append(part) }
        }
    }

    /// `root.unmask`, by paths of the host.
    mutating func unmasked(root: String) -> [Located<String>]? {
        let paths = strings("root.unmask")
        if paths.isEmpty { return nil }
        for path in paths where !path.value.hasPrefix("/") {
            error(
                "root.unmask: \(path.shown): not an absolute pathname", at: path.place,
                hint: "/etc/ssl/private, or / for all")
        }
        if !root.utf8.allSatisfy({ $0 == .slash }) {
            say(
                .warning, "root.unmask has no effect: nothing is hidden in a jail's own root",
                at: paths[0].place,
                hint: "it is for path = /")
        }
        return paths
    }

    struct MountPlace {
        var parameter: String
        var location: SourceLocation
        /// The line itself when it is not the configuration's.
        var sourceLine: Bytes?
    }

    /// A `#` anywhere ends a line.
    private mutating func fstab(_ file: Located<String>, root: String) -> [MountSpec] {
        guard isOutside(file, root, "mount.fstab", "what is mounted") else { return [] }
        let text: SourceText
        do {
            text = SourceText(
                file: file.value, bytes: try configuration.source.contents(of: file.value, isInclude: true))
        } catch {
            self.error("mount.fstab: \(file.shown): \(error.reason)", at: file.place, hint: error.hint)
            return []
        }
        var mounts: [MountSpec] = []
        for number in 1...text.lineCount {
            let line = text.line(number)
            let location = SourceLocation(file: file.value, line: number, column: 1)
            let place = MountPlace(parameter: "mount.fstab", location: location, sourceLine: line)
            if let mount = mount(Bytes(line.prefix { $0 != .hash }), place, root: root) { mounts.append(mount) }
        }
        return mounts
    }

    /// What is below the jail's root its processes write: no file there decides for root of the host.
    mutating func isOutside(_ file: Located<String>, _ root: String, _ parameter: String, _ what: String) -> Bool {
        let parts = Self.components(root)
        guard !parts.isEmpty, Self.components(file.value).starts(with: parts) else { return true }
        error(
            "\(parameter): \(file.shown) is inside the jail, which could change \(what)", at: file.place,
            hint: "keep it outside \(Bytes(root.utf8).printable())")
        return false
    }

    mutating func error(_ place: MountPlace, _ message: String, hint: String? = nil, jailMessage: String? = nil) {
        error(
            "\(place.parameter): \(message)", at: place.location, hint: hint,
            jailMessage: jailMessage.map { "\(place.parameter): \($0)" }, line: place.sourceLine)
    }

    private mutating func mount(_ text: Bytes, _ place: MountPlace, root: String) -> MountSpec? {
        do throws(MountLine.Flaw) {
            guard let line = try MountLine(text) else { return nil }
            return mount(line, place, root: root)
        } catch {
            report(error, text, place)
            return nil
        }
    }

    private mutating func report(_ flaw: MountLine.Flaw, _ text: Bytes, _ place: MountPlace) {
        switch flaw {
        case .missingInformation:
            error(place, "\(text.printable()): missing information", hint: "SOURCE TARGET TYPE [OPTIONS]")
        case .badEscape(let escape):
            error(
                place, "\(escape.printable()) is not an escape of fstab(5)",
                hint: "a blank is \\040, a backslash \\134")
        }
    }

    private mutating func mount(_ line: MountLine, _ place: MountPlace, root: String) -> MountSpec? {
        guard let kind = kind(line.type, place), let source = source(line.source, kind, place),
            let target = target(line.target, place, root: root)
        else { return nil }
        var mount = MountSpec(
            kind: kind, source: source, target: target.path, relativeTarget: target.relative, isReadOnly: false,
            isNoExec: false, isNoSetuid: false, isNoAccessTime: false, layers: nil, data: [],
            origin: .configuration(place.location))
        for option in line.options { apply(option, to: &mount, place) }
        if target.relative.isEmpty && !kind.canBeRoot {
            error(
                place, "target \(target.path) is the jail's root itself",
                hint: "mount nullfs, unionfs or overlay there, or let path name the directory")
        }
        checkPlace(of: mount, place)
        return mount.kind.isLayered ? layered(mount, place) : mount
    }

    /// `/dev` and `/dev/fd` are made in one place.
    private mutating func checkPlace(of mount: MountSpec, _ place: MountPlace) {
        guard case .devices(let only) = mount.kind.provision, mount.relativeTarget != only else { return }
        error(place, "\(mount.kind.rawValue) can only be mounted at /\(only) of the jail")
    }

    /// A mount covers what was mounted there, and below it, before.
    private mutating func checkOrder(_ mounts: [MountSpec]) {
        for (index, mount) in mounts.enumerated() where !mount.relativeTarget.isEmpty {
            guard case .configuration(let place) = mount.origin,
                let cover = mounts[(index + 1)...].first(where: { $0.hides(mount) }),
                case .configuration(let line) = cover.origin
            else { continue }
            let (target, above) = (Bytes(mount.target.utf8).printable(), Bytes(cover.target.utf8).printable())
            let file = line.file == place.file ? "" : "\(line.file), "
            error(
                "mount: \(target) is covered by the mount on \(above) in \(file)line \(line.line)", at: place,
                hint: mount.isBelow(cover) ? "put \(above) first" : "leave out one of them")
        }
        guard let root = mounts.lastIndex(where: \.relativeTarget.isEmpty),
            case .configuration(let line) = mounts[root].origin
        else { return }
        for mount in mounts[..<root] where !mount.relativeTarget.isEmpty {
            guard case .configuration(let place) = mount.origin else { continue }
            error(
                "mount: \(Bytes(mount.target.utf8).printable()) is covered by the mount on the jail's root in line \(line.line)",
                at: place, hint: "put the root first")
        }
        for mount in mounts where mount.kind == .unionfs && !mount.relativeTarget.isEmpty {
            guard case .configuration(let place) = mount.origin,
                mounts.contains(where: { $0.relativeTarget.isEmpty && $0.kind.isLayered })
            else { continue }
            error(
                "mount: unionfs below a root of layers is not supported", at: place,
                hint: "use overlay, and name its folders")
        }
    }

    private mutating func kind(_ type: Bytes, _ place: MountPlace) -> MountSpec.Kind? {
        let name = type.printable()
        if let kind = MountSpec.Kind(rawValue: name) { return kind }
        let known = MountSpec.Kind.allCases.map(\.rawValue)
        let isPath = type.first == .slash
        let alternative =
            isPath
            ? "a blank in a path is \\040 in fstab(5), and \"\\\\040\" in jail.conf"
            : Self.alternatives[name] ?? Spelling(name).closest(in: known).map { "did you mean \($0)?" }
        error(place, "file system type \(name) is not supported", hint: alternative ?? known.joined(separator: ", "))
        return nil
    }

    private static let alternatives = [
        "proc": "write procfs", "sysfs": "write linsysfs", "devtmpfs": "write devfs",
        "nfs": "mount it on the host, and here with nullfs", "smbfs": "mount it on the host, and here with nullfs",
        "fusefs": "mount it on the host, and here with nullfs", "ntfs": "mount it on the host, and here with nullfs",
    ]

    private mutating func source(_ source: Bytes, _ kind: MountSpec.Kind, _ place: MountPlace) -> String? {
        guard let text = source.text else {
            error(place, "the source is not UTF-8")
            return nil
        }
        if !kind.isOfPath || text.hasPrefix("/") { return text }
        error(place, "source \(source.printable()) is not an absolute path")
        return nil
    }

    private struct Target {
        var path: String
        var relative: String
    }

    /// The target is a host path below the root, compared component by component; the kernel resolves it inside the
    /// root.
    private mutating func target(_ target: Bytes, _ place: MountPlace, root: String) -> Target? {
        let shown = target.printable()
        guard let text = target.text, text.hasPrefix("/"), text.utf8.count < 4096 else {
            error(
                place, "target \(shown) is not an absolute path", hint: "use a path of the host: \(root)/\(shown)",
                jailMessage: "\(shown): not an absolute pathname")
            return nil
        }
        let parts = Self.components(text)
        let rootParts = Self.components(root)
        if parts.contains("..") {
            error(place, "target \(shown) has .. in it")
        } else if !parts.starts(with: rootParts) {
            let below = Bytes(root.utf8).printable()
            error(
                place, "target \(shown) is not below the jail's path \(below)",
                hint: "targets are paths of the host: \(below)\(below.hasSuffix("/") ? "" : shown)")
        } else {
            return Target(path: text, relative: parts.dropFirst(rootParts.count).joined(separator: "/"))
        }
        return nil
    }

    static func components(_ path: String) -> [Substring] { path.split(separator: "/").filter { $0 != "." } }

    // MARK: Options

    private mutating func apply(_ option: Bytes, to mount: inout MountSpec, _ place: MountPlace) {
        let text = option.printable()
        switch text {
        case "ro": mount.isReadOnly = true
        case "rw": mount.isReadOnly = false
        case "noexec": mount.isNoExec = true
        case "nosuid": mount.isNoSetuid = true
        case "noatime": mount.isNoAccessTime = true
        // Device nodes come from the rule set alone: nodev says what holds anyway. The others are the boot's business.
        case "late", "noauto", "failok", "nodev", "defaults": break
        case "linrdlnk" where mount.kind.options == .linkedDescriptors: break
        default: applyData(text, to: &mount, place)
        }
    }

    private mutating func applyData(_ option: String, to mount: inout MountSpec, _ place: MountPlace) {
        let parts = option.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        let (key, value) = (parts[0], parts.count == 2 ? parts[1] : nil)
        switch mount.kind.options {
        case .ruleset where key == "ruleset" && value != nil: mount.data.append(option)
        case .folders where ["lowerdir", "upperdir", "workdir"].contains(key) && value != nil: mount.data.append(option)
        case .own where !["union", "nocover", "snapshot", "below"].contains(option): mount.data.append(option)
        case .tmpfs: applyTmpfs(option, key, value, to: &mount, place)
        case .none, .linkedDescriptors, .ruleset, .folders, .own: refuse(option, of: mount, place)
        }
    }

    private mutating func refuse(_ option: String, of mount: MountSpec, _ place: MountPlace) {
        let known = ["ro", "rw", "noexec", "nosuid", "noatime", "late", "noauto", "failok"]
        let hint = Spelling(option).closest(in: known).map { "did you mean \($0)?" }
        error(place, "mount option \(option) is not supported for \(mount.kind.rawValue)", hint: hint)
    }

    private mutating func applyTmpfs(
        _ option: String, _ key: String, _ value: String?, to mount: inout MountSpec, _ place: MountPlace
    ) {
        guard let value, let form = Self.tmpfsOptions[key] else { return refuse(option, of: mount, place) }
        guard form.accepts(value) else {
            return error(place, "mount option \(option) has a bad value", hint: form.hint)
        }
        mount.data.append("\(key == "inodes" ? "nr_inodes" : key)=\(value)")
    }

    private enum DataForm {
        case size, octal, number

        func accepts(_ value: String) -> Bool {
            let bytes = Bytes(value.utf8)
            switch self {
            case .number: return DigitsOnly.value(bytes, in: 0...(UInt32.max - 1)) != nil
            case .octal: return (1...4).contains(bytes.count) && bytes.allSatisfy(\.isOctalDigit)
            case .size:
                let hasSuffix = bytes.last.map { "kKmMgG%".utf8.contains($0) } ?? false
                return DigitsOnly.value(hasSuffix ? bytes.dropLast() : bytes[...], in: 1...Int.max >> 30) != nil
            }
        }

        var hint: String {
            switch self {
            case .size: "digits, and k, m or g"
            case .octal: "octal digits"
            case .number: "digits"
            }
        }
    }

    private static let tmpfsOptions: [String: DataForm] = [
        "size": .size, "nr_blocks": .size, "nr_inodes": .size, "inodes": .size, "mode": .octal, "uid": .number,
        "gid": .number,
    ]

    // MARK: Pseudo file systems

    mutating func pseudoFilesystems(_ mounts: [MountSpec]) -> PseudoFilesystemSpec {
        let devfs = presence("mount.devfs", "mount.nodevfs", mounts, at: "dev") { $0.kind == .devfs }
        if devfs.value == .always, jail.parameter("path")?.lastValue == nil {
            error("mount.devfs: no jail root path defined", at: devfs.place)
        }
        return PseudoFilesystemSpec(
            devfs: devfs, devfsRuleset: devfsRuleset(mounts),
            fdescfs: presence("mount.fdescfs", "mount.nofdescfs", mounts, at: "dev/fd") { $0.kind == .fdescfs },
            procfs: presence("mount.procfs", "mount.noprocfs", mounts, at: "proc") { $0.isProcfs },
            sysfs: presence("mount.sysfs", "mount.nosysfs", mounts, at: "sys") { $0.isSysfs })
    }

    /// A line of fstab(5) asks for it as the parameter does. One that mounts something else there has it instead.
    private mutating func presence(
        _ name: String, _ off: String, _ mounts: [MountSpec], at target: String, _ isMeant: (MountSpec) -> Bool
    ) -> Located<PseudoFilesystemSpec.Presence> {
        let asked = optionalBoolean(name)
        let other = mounts.last { $0.relativeTarget == target && !isMeant($0) }
        if let line = mounts.last(where: isMeant) {
            if let asked, !asked.value {
                error("\(name) = false contradicts a mount of \(line.kind.rawValue)", at: asked.place)
            }
            return Located(.always, line.origin)
        }
        if let other {
            if let asked, asked.value { reportSecond(other, name) }
            return Located(.never, other.origin)
        }
        guard let asked else { return Located(.ifPresent, .standard(off)) }
        return Located(asked.value ? .always : .never, asked.origin)
    }

    private mutating func reportSecond(_ mount: MountSpec, _ first: String) {
        guard case .configuration(let place) = mount.origin else { return }
        error(
            "mount: \(Bytes(mount.target.utf8).printable()) is where \(first) is, too", at: place,
            hint: "leave out one of them")
    }

    /// jail(8) mounts devfs with rule set 4 when none is named.
    private mutating func devfsRuleset(_ mounts: [MountSpec]) -> Located<String> {
        let option = mounts.last { $0.kind == .devfs && !$0.data.isEmpty }.flatMap { mount in
            mount.data.last.map { Located(String($0.dropFirst("ruleset=".utf8.count)), mount.origin) }
        }
        let standard = option ?? Located("4", .standard("devfs_ruleset = NUMBER"))
        guard let ruleset = string("devfs_ruleset"), let first = ruleset.value.utf8.first else { return standard }
        let bytes = Bytes(ruleset.value.utf8)
        let isName =
            !first.isDigit && bytes.count < 64
            && bytes.allSatisfy { $0.isLetter || $0.isDigit || "_.-".utf8.contains($0) }
        if isName || DigitsOnly.value(bytes, in: 0...65535) != nil { return ruleset }
        error("devfs_ruleset: \"\(ruleset.shown)\" is neither a number up to 65535 nor a name", at: ruleset.place)
        return standard
    }
}
