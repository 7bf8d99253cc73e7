/// Mounts of unionfs and overlay: which folders lie over each other.
extension JailReader {
    mutating func layered(_ mount: MountSpec, _ place: MountPlace) -> MountSpec? {
        var mount = mount
        mount.layers = mount.kind == .unionfs ? union(mount, place) : overlay(mount, place)
        mount.data = []
        return mount.layers == nil ? nil : mount
    }

    private mutating func union(_ mount: MountSpec, _ place: MountPlace) -> MountSpec.Layers? {
        guard let source = folder(mount.source, place) else { return nil }
        return MountSpec.Layers(
            upper: mount.isReadOnly ? nil : source, work: mount.isReadOnly ? nil : "\(source).work", makesWork: true,
            folders: mount.isReadOnly ? [source] : [], includesTarget: true)
    }

    private mutating func overlay(_ mount: MountSpec, _ place: MountPlace) -> MountSpec.Layers? {
        func value(_ key: String) -> String? {
            mount.data.last { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
        }
        let lower = (value("lowerdir") ?? "").split(separator: ":").map(String.init)
        if lower.isEmpty {
            error(
                place, "overlay: lowerdir is missing", hint: "lowerdir=/one:/two,upperdir=/three/up,workdir=/three/work"
            )
            return nil
        }
        let folders = lower.compactMap { folder($0, place) }
        let upper = value("upperdir").flatMap { folder($0, place) }
        let work = value("workdir").flatMap { folder($0, place) }
        if upper.map({ Self.parent(of: $0) }) != work.map({ Self.parent(of: $0) }) || upper != nil && upper == work {
            error(place, "overlay: upperdir and workdir must be two folders in one folder, or both be left out")
            return nil
        }
        if upper == nil && lower.count < 2 {
            error(
                place, "overlay: without upperdir, lowerdir must have at least two folders",
                hint: "use nullfs to show one folder as it is")
            return nil
        }
        if folders.count < lower.count { return nil }
        return MountSpec.Layers(upper: upper, work: work, makesWork: false, folders: folders, includesTarget: false)
    }

    /// An absolute path without needless slashes; its name is one that overlayfs does not take apart.
    private mutating func folder(_ path: String, _ place: MountPlace) -> String? {
        let parts = Self.components(path)
        let shown = Bytes(path.utf8).printable()
        if !path.hasPrefix("/") || parts.isEmpty || parts.contains("..") {
            error(place, "layer \(shown) is not the absolute path of a folder", hint: "without .. in it")
            return nil
        }
        if path.utf8.contains(where: { ",:\\".utf8.contains($0) }) {
            error(place, "layer \(shown): a layer's name must not contain a comma, colon or backslash")
            return nil
        }
        return "/" + parts.joined(separator: "/")
    }

    private static func parent(of path: String) -> String { components(path).dropLast().joined(separator: "/") }
}
