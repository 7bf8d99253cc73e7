/// Folders laid over each other: `root.ephemeral`, and mounts of unionfs and overlay. Documentation/filesystems/overlayfs.
///
/// Made by jailrun, in a mount namespace of a moment: overlayfs wants its layers attached, and only the host may keep the
/// attributes (`trusted.overlay.*`) that mark a directory as replaced.
extension Planner {
    /// Where writes go.
    private enum Upper: Equatable {
        case nowhere
        /// A tmpfs that lives as long as the mount.
        case temporary
        /// Two folders of the clone of the folder that holds them: overlayfs wants both on one mount.
        case folders(in: Slot, upper: String, work: String)
    }

    private struct Overlay {
        /// From the top down.
        var lower: [Slot]
        var upper: Upper
        var result: Slot
        var attributes: MountAttributes
        var origin: Origin
        var layering: Layering
    }

    private var purpose: Purpose {
        layeredMounts.isEmpty
            ? .layerRoot(owner: firstID, withoutSetuid(.noDevices)) : .layers(overlays.map(\.layering), owner: firstID)
    }

    /// The mounts of unionfs and overlay, with their places among all.
    var layeredMounts: [(index: Int, mount: Mount, layers: MountSpec.Layers)] {
        jail.mounts.compactMap { mount in
            guard case .layers(let layers, _) = mount.source, let number = mount.number else { return nil }
            return (number, mount, layers)
        }
    }

    private func folder(_ index: Int, _ place: Int) -> Slot { Slot("layer-\(index)-\(place)") }
    private func upper(_ index: Int) -> Slot { Slot("upper-\(index)") }
    private func target(_ index: Int) -> Slot { Slot("target-\(index)") }

    private static func parent(of path: String) -> (folder: String, name: String) {
        let parts = path.split(separator: "/").map(String.init)
        return ("/" + parts.dropLast().joined(separator: "/"), parts.last ?? "")
    }

    // MARK: Opening

    /// What stands at the targets of unionfs mounts in the root.
    func openTargets() -> [Step] {
        layeredMounts.filter { $0.layers.includesTarget && !$0.mount.target.isEmpty }.flatMap {
            index, mount, _ in
            func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, mount.origin, words) }
            return [
                step(
                    .openInRoot(mount.target, root: .rootDirectory, resolve: Self.inside, into: .mountPoint),
                    "open /\(mount.target) of the root"),
                step(
                    .cloneTree("", at: .mountPoint, isRecursive: false, into: target(index)),
                    "clone the mount of /\(mount.target)"),
                step(.close(.mountPoint), "close /\(mount.target)"),
            ]
        }
    }

    func openLayers() -> [Step] {
        layeredMounts.flatMap { index, mount, layers in
            layers.folders.enumerated().flatMap { place, path in
                clone(path, into: folder(index, place), mount.origin)
            } + openUpper(index, mount, layers)
        }
    }

    private func openUpper(_ index: Int, _ mount: Mount, _ layers: MountSpec.Layers) -> [Step] {
        guard let path = layers.upper, let work = layers.work else { return [] }
        let workName = Self.parent(of: work).name
        let making = host(
            .makeDirectory(workName, at: upper(index), mode: 0o700, allowing: Self.exists), purpose, mount.origin,
            "make \(work), where overlayfs works")
        return clone(Self.parent(of: path).folder, into: upper(index), mount.origin)
            + (layers.makesWork ? [making] : [])
    }

    /// EEXIST.
    private static let exists: Int32 = 17

    private func clone(_ path: String, into slot: Slot, _ origin: Origin) -> [Step] {
        [
            host(.openPlace(facts.realPath(path), into: .mountPoint), purpose, origin, "open \(path)"),
            host(
                .cloneTree("", at: .mountPoint, isRecursive: false, into: slot), purpose, origin,
                "clone the mount of \(path)"),
            host(.close(.mountPoint), purpose, origin, "close \(path)"),
        ]
    }

    func mapLayers() -> [Step] {
        layeredMounts.flatMap { index, mount, layers in
            let slots =
                layers.folders.indices.map { folder(index, $0) } + (layers.upper == nil ? [] : [upper(index)])
                + (layers.includesTarget && !mount.target.isEmpty ? [target(index)] : [])
            return slots.map {
                map($0, .noDevices, isRecursive: false, purpose, mount.origin, "map the ids of a layer")
            }
        }
    }

    // MARK: Laying over each other

    /// The root's from the bottom up, then those of the other targets.
    private var overlays: [Overlay] {
        var overlays: [Overlay] = []
        var current = Slot.lower
        for (index, mount, layers) in layeredMounts {
            let lower = layers.folders.indices.map { folder(index, $0) }
            guard mount.target.isEmpty else {
                overlays.append(
                    overlay(
                        mount, layers, index, lower + (layers.includesTarget ? [target(index)] : []),
                        Slot("source-\(index)"), .path("\(jail.root.source.path)/\(mount.target)"),
                        .source(index)))
                continue
            }
            guard jail.root.source.numbers.contains(index) else { continue }  // covered by a later mount on the root
            let isTop = jail.root.source.numbers.last == index && !jail.root.isEphemeral.value
            let result = isTop ? Slot.root : Slot("root-\(index)")
            overlays.append(
                overlay(
                    mount, layers, index, lower + (layers.includesTarget ? [current] : []), result, .root, .root))
            current = result
        }
        if jail.root.isEphemeral.value {
            overlays.append(
                Overlay(
                    lower: [current], upper: .temporary, result: .root, attributes: .noDevices,
                    origin: jail.root.isEphemeral.origin,
                    layering: Layering(
                        lower: [.root], upper: .temporary, result: .root, attributes: withoutSetuid(.noDevices))))
        }
        return overlays
    }

    private func overlay(
        _ mount: Mount, _ layers: MountSpec.Layers, _ index: Int, _ lower: [Slot], _ result: Slot,
        _ target: Layering.Source, _ place: Layering.Result
    ) -> Overlay {
        var destination = Upper.nowhere
        var layering = Layering(
            lower: layers.folders.map { .path($0) } + (layers.includesTarget ? [target] : []), upper: .nowhere,
            result: place, attributes: withoutSetuid(mount.attributes.union(.noDevices)))
        if let path = layers.upper, let work = layers.work {
            destination = .folders(
                in: upper(index), upper: Self.parent(of: path).name, work: Self.parent(of: work).name)
            layering.upper = .folders(upper: path, work: work, makesWork: layers.makesWork)
        }
        return Overlay(
            lower: lower, upper: destination, result: result, attributes: mount.attributes, origin: mount.origin,
            layering: layering)
    }

    func makeOverlays() -> [Step] {
        let overlays = overlays
        guard let origin = overlays.first?.origin else { return [] }
        var steps = enterMoment(origin)
        for (number, overlay) in overlays.enumerated() { steps += makePlaces(number, overlay) }
        steps.append(host(.moveMount(.scratch, ontoPath: "/"), purpose, origin, "attach the place for the layers"))
        steps.append(host(.changeDirectory(to: .scratch), purpose, origin, "enter it"))
        for (number, overlay) in overlays.enumerated() { steps += layOver(number, overlay) }
        return steps + leaveMoment(origin) + overlays.flatMap(closeLayers)
    }

    private func enterMoment(_ origin: Origin) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, origin, words) }
        return [
            step(.openDirectory(".", into: .workingDirectory), "remember the working directory"),
            step(
                .openDirectory("/proc/self/ns/mnt", flags: .closeOnExec, into: .hostMounts),
                "remember the host's mounts"),
            step(.unshare(.mount), "leave the host's mount namespace for a moment"),
            step(.makeAllPrivate(), "stop mount propagation"),
            step(.openFilesystem("tmpfs", into: .filesystem), "open tmpfs"),
            step(.configure(.filesystem, "mode", "0755"), "set the mode of tmpfs"),
            step(.createSuperblock(.filesystem), "make a place for the layers"),
            step(.mountDetached(.filesystem, [], into: .scratch), "mount it"),
            step(.close(.filesystem), "close tmpfs"),
        ]
    }

    private func leaveMoment(_ origin: Origin) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, origin, words) }
        return [
            step(.joinNamespaces(.hostMounts, .mount), "return to the host's mount namespace"),
            step(.changeDirectory(to: .workingDirectory), "return to the working directory"),
            step(.close(.hostMounts), "close the host's mount namespace"),
            step(.close(.workingDirectory), "close the working directory"),
            step(.close(.scratch), "close the place for the layers"),
        ]
    }

    private func makePlaces(_ number: Int, _ overlay: Overlay) -> [Step] {
        func make(_ name: String) -> Step {
            host(
                .makeDirectory("\(number)\(name)", at: .scratch, mode: 0o755), purpose, overlay.origin,
                "make a directory for a layer")
        }
        var steps = [make("")] + overlay.lower.indices.map { make("/lower-\($0)") }
        switch overlay.upper {
        case .nowhere: break
        case .folders: steps.append(make("/over"))
        case .temporary:
            steps += [
                make("/upper"), make("/work"),
                host(
                    .changeOwner("\(number)/upper", at: .scratch, uid: firstID, gid: firstID), purpose, overlay.origin,
                    "give the upper directory to the jail"),
            ]
            steps += hideFiles(number)
        }
        return steps
    }

    private func layOver(_ number: Int, _ overlay: Overlay) -> [Step] {
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, overlay.origin, words) }
        func attach(_ layer: Slot, _ name: String) -> [Step] {
            [
                step(
                    .open("\(number)/\(name)", at: .scratch, [.path, .directory, .closeOnExec], into: .mountPoint),
                    "open the layer's directory"),
                step(.moveMount(layer, onto: .mountPoint), "attach the layer"),
                step(.close(.mountPoint), "close the layer's directory"),
            ]
        }
        let lower = overlay.lower.indices.map { "\(number)/lower-\($0)" }.joined(separator: ":")
        return overlay.lower.enumerated().flatMap { attach($1, "lower-\($0)") } + attachUpper(overlay, attach)
            + takeOwnership(overlay, firstID)
            + [
                step(.openFilesystem("overlay", into: .filesystem), "open overlayfs"),
                step(.configure(.filesystem, "lowerdir", lower), "set the lower layers"),
            ]
            + Self.upperPaths(number, overlay.upper).map {
                step(.configure(.filesystem, $0.key, $0.path), "set \($0.key)")
            }
            + [
                step(.createSuperblock(.filesystem), "make the overlay"),
                step(
                    .mountDetached(
                        .filesystem, withoutSetuid(overlay.attributes.union(.noDevices)), into: overlay.result),
                    "mount the overlay"),
                step(.close(.filesystem), "close overlayfs"),
            ]
            + takeOwnership(overlay, 0)
    }

    /// overlayfs works with the ids that made it, and the host's root has no id on a mount of the jail's ids: what it made
    /// in the work folder would belong to nobody (EOVERFLOW).
    private func takeOwnership(_ overlay: Overlay, _ id: UInt32) -> [Step] {
        guard isIdmapped, case .folders = overlay.upper else { return [] }
        func step(_ call: SystemCall, _ words: Phrase) -> Step { host(call, purpose, overlay.origin, words) }
        let change = [
            step(.setFileOwner(gid: id), "make files as group \(id)"),
            step(.setFileOwner(uid: id), "make files as user \(id)"),
        ]
        return id == 0
            ? change + [step(.keepCapabilities(false), "let a change of ids change capabilities")]
            : [step(.keepCapabilities(true), "keep the capabilities over a change of ids")] + change
    }

    private func attachUpper(_ overlay: Overlay, _ attach: (Slot, String) -> [Step]) -> [Step] {
        guard case .folders(let slot, _, _) = overlay.upper else { return [] }
        return attach(slot, "over")
    }

    private static func upperPaths(_ number: Int, _ upper: Upper) -> [(key: String, path: String)] {
        switch upper {
        case .nowhere: []
        case .temporary: [("upperdir", "\(number)/upper"), ("workdir", "\(number)/work")]
        case .folders(_, let upper, let work):
            [("upperdir", "\(number)/over/\(upper)"), ("workdir", "\(number)/over/\(work)")]
        }
    }

    private func closeLayers(_ overlay: Overlay) -> [Step] {
        var slots = overlay.lower
        if case .folders(let slot, _, _) = overlay.upper { slots.append(slot) }
        return slots.map { host(.close($0), purpose, overlay.origin, "close a layer") }
    }
}
