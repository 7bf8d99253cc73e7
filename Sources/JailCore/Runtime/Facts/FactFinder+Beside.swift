internal import Glibc

/// What one jail can do to another by what both have, though each may have it: told, not refused.
extension FactFinder {
    // MARK: Ids

    /// Two jails with ids in common are one user to the host's files: root of one owns whatever the other's root owns, wherever both
    /// reach it. Who shares a volume may want that, so it is a warning.
    func checkIDs() throws(RuntimeError) {
        let own = jail.privileges.userNamespace
        guard case .range(let first, let count) = own.value, host.authority.sharedIDs == nil else { return }
        let range = IDRange(first: first, count: count)
        guard let (name, theirs) = try idRanges().first(where: { $0.range.overlaps(range) }) else { return }
        warn(
            .unsuitable(
                jail: jail.label, origin: own.origin,
                "userns: \(range.first)+\(range.count) has ids in common with \(theirs.first)+\(theirs.count) of jail "
                    + "\"\(Terminal.escaped(name))\": where both reach a file, root of one is the other's root",
                hint: "without userns each jail gets ids of its own"))
    }

    /// Of those of the file whose names come first, and of those that are up.
    private func idRanges() throws(RuntimeError) -> [(name: String, range: IDRange)] {
        let own = jail.name.value
        let planned = others.filter { $0.name.value < own }.compactMap { other -> (name: String, range: IDRange)? in
            guard case .range(let first, let count) = other.privileges.userNamespace.value else { return nil }
            return (other.name.value, IDRange(first: first, count: count))
        }
        let names = shared?.names(of: others) ?? Set(others.map(\.name.value))
        let traces = if let shared { try shared.traces(in: host.state) } else { try host.state.traces() }
        let up = traces.compactMap { trace -> (name: String, range: IDRange)? in
            if trace.name == own || names.contains(trace.name) { return nil }
            return trace.identity.idRange.map { (trace.name, $0) }
        }
        return (planned + up).filter { !JailName.isNest(of: $0.name, own) }
    }

    // MARK: What is below an overlay

    /// What an overlay shows of a folder that somebody writes to meanwhile is undefined, says the kernel's documentation; it is not
    /// told to crash or to lose what is there. So it is a warning.
    func checkLowers(_ neighbours: [ConfiguredJail]) {
        let (lowers, places) = (jail.lowerFolders, jail.writtenPlaces)
        for neighbour in neighbours where !JailName.isNest(of: neighbour.name.value, jail.name.value) {
            if !lowers.isEmpty, let pair = pair(lowers, neighbour.writtenPlaces) {
                return warn(objection(pair.lower, pair.place, of: neighbour, origin: pair.lower.origin))
            }
            if let pair = pair(neighbour.lowerFolders, places) {
                return warn(objection(pair.lower, pair.place, of: neighbour, origin: pair.place.origin))
            }
        }
    }

    private func pair(
        _ lowers: [Located<String>], _ places: [Located<String>]
    ) -> (lower: Located<String>, place: Located<String>)? {
        for lower in lowers {
            let below = keys(lower.value)
            for place in places {
                let written = keys(place.value)
                if below.isBelow(written) || written.isBelow(below) { return (lower, place) }
            }
        }
        return nil
    }

    private func objection(
        _ lower: Located<String>, _ place: Located<String>, of neighbour: ConfiguredJail, origin: Origin
    ) -> RuntimeError {
        let isOwn = origin == lower.origin
        let name = "jail \"\(Terminal.escaped(neighbour.name.value))\""
        return .unsuitable(
            jail: jail.label, origin: origin,
            "mount: \(Terminal.escaped(lower.value)) is below an overlay\(isOwn ? "" : " of \(name)"), and "
                + "\(isOwn ? name : "this jail") writes to \(Terminal.escaped(place.value))",
            hint:
                "what an overlay shows of a folder that is changed meanwhile is undefined: give it a copy of the folder, "
                + "or the other jail root.readonly or ro")
    }
}

extension ConfiguredJail {
    /// Folders of the host's that an overlay of the jail's shows, and that nothing writes to by it.
    var lowerFolders: [Located<String>] {
        if !mounts.contains(where: { $0.layers != nil }) { return [] }
        let lower = layerFolders.filter { !$0.isWritten }.map { Located($0.path, $0.origin) }
        let root = RootSource(self)
        return lower + root.layers.filter { $0.layers?.includesTarget == true }.map { Located(root.path, $0.origin) }
    }

    /// Where root inside writes on the host, and no overlay is between.
    var writtenPlaces: [Located<String>] {
        let root = RootSource(self).layers.isEmpty ? writtenRoot : nil
        let binds = mounts.filter { $0.kind.isBind && !$0.isReadOnly && !$0.relativeTarget.isEmpty }
        return [root].compactMap { $0 } + binds.map { Located($0.source, $0.origin) }
    }
}
