import JailCore

/// The host and all jails of a page: on their bridge, inside each other, with their ports. A jail is chosen here.
struct JailMap {
    /// A jail, and what it has of the network.
    private struct Place {
        var name: String
        /// Where the page has it; nil for one that is around a jail of the page and is none of its own.
        var index: Int?
        /// The bridge that it is on.
        var bridge: String?
        var words: [String] = []
        var ports: [PortSpec] = []
    }

    private var places: [Place] = []
    /// Names of bridges, with their addresses.
    private var bridges: [(name: String, addresses: [String])] = []
    private var inside: [String: [Int]] = [:]
    private var outermost: [Int] = []

    init(_ jails: [ExplanationPage.Jail], shared: Plan?) {
        let first = shared?.parts.map(\.purpose) ?? []
        for (index, jail) in jails.enumerated() {
            add(Self.place(of: jail, index), first + jail.plan.parts.map(\.purpose))
        }
        let present = Set(places.map(\.name))
        var absent: [String] = []
        for name in places.flatMap({ JailName.ancestors(of: $0.name) })
        where !present.contains(name) && !absent.contains(name) { absent.append(name) }
        places += absent.map { Place(name: $0) }
        for (index, place) in places.enumerated() {
            if let parent = JailName.parent(of: place.name) {
                inside[parent, default: []].append(index)
            } else {
                outermost.append(index)
            }
        }
    }

    private mutating func add(_ place: Place, _ purposes: [Purpose]) {
        places.append(place)
        guard let bridge = place.bridge else { return }
        if !bridges.contains(where: { $0.name == bridge }) { bridges.append((bridge, [])) }
        for case .network(.addAddress(let address)) in purposes where address.link == bridge {
            let known = bridges.firstIndex { $0.name == bridge } ?? 0
            if !bridges[known].addresses.contains(address.address) { bridges[known].addresses.append(address.address) }
        }
    }

    // MARK: What a plan says of a jail's place

    private static func place(of jail: ExplanationPage.Jail, _ index: Int) -> Place {
        var place = Place(name: jail.spec.name.value, index: index, ports: jail.spec.network.ports)
        for part in jail.plan.parts {
            switch part.purpose {
            case .clone(let flags, let holder):
                if let holder {
                    place.words.append("in the network of \(holder)")
                } else if !flags.contains(.network) {
                    place.words.append("in the host's network")
                }
            case .network(.raiseLink(let state)): place.bridge = state.master ?? place.bridge
            case .network(.addAddress(let address)):
                if address.namespace == .jail { place.words.append(address.address) }
            case .network(.addProxy(let link, _)): place.words.append("by \(link)")
            case .network(.moveLink(let name, _)): place.words.append("has \(name)")
            default: break
            }
        }
        if place.words.isEmpty { place.words.append("lo only") }
        let first = jail.spec.depend.map(\.value)
        if !first.isEmpty { place.words.append("after \(first.joined(separator: ", "))") }
        return place
    }

    // MARK: Drawn

    var html: String {
        let groups = bridges.map { bridge in
            let words = (["bridge"] + bridge.addresses).map { "<span>\(Markup.text($0))</span>" }
            return "<p class=\"bar\"><b>\(Markup.text(bridge.name))</b> \(words.joined(separator: " "))</p>"
                + list(outermost.filter { places[$0].bridge == bridge.name }, on: bridge.name)
        }
        return """
            <nav class="map" id="jails" aria-label="jails">
            <h2>host</h2>
            \(groups.joined())\(list(outermost.filter { places[$0].bridge == nil }, on: nil))
            </nav>
            """
    }

    private func list(_ indices: [Int], on bridge: String?, depth: Int = 0) -> String {
        if indices.isEmpty { return "" }
        let items = indices.map { item(places[$0], on: bridge, depth) }
        let kind = depth > 0 ? "inside" : bridge == nil ? "jails" : "jails bridged"
        return "<ul class=\"\(kind)\">\n\(items.joined())</ul>"
    }

    private func item(_ place: Place, on bridge: String?, _ depth: Int) -> String {
        let isOn = bridge != nil && place.bridge == bridge
        let style = isOn && depth > 0 ? " style=\"--d:\(depth)\"" : ""
        return "<li\(isOn ? " class=\"on\"" : "")\(style)><div>\(label(place, isElsewhere: !isOn))"
            + ports(place) + list(inside[place.name] ?? [], on: bridge, depth: depth + 1) + "</div></li>\n"
    }

    private func label(_ place: Place, isElsewhere: Bool) -> String {
        let name = "<b>\(Markup.text(place.name))</b>"
        guard let index = place.index else { return "<p>\(name) <span>is there before</span></p>" }
        let other = isElsewhere ? place.bridge.map { ["on \($0)"] } ?? [] : []
        let words = (place.words + other).map { "<span>\(Markup.text($0))</span>" }.joined(separator: " ")
        let checked = index == 0 ? " checked" : ""
        return "<label><input type=\"radio\" name=\"jail\" id=\"j\(index)\"\(checked)>\(name) \(words)</label>"
    }

    private func ports(_ place: Place) -> String {
        if place.ports.isEmpty { return "" }
        let items = place.ports.map { "<li><i>\($0.inside)</i><s></s><b>\(Markup.text($0.outside))</b></li>" }
        return "<ul class=\"ports\" aria-label=\"ports\">\(items.joined())</ul>"
    }
}

extension PortSpec {
    /// What others call.
    var outside: String { hostPort == 0 ? "a free port/\(transport.rawValue)" : published }

    /// What the jail listens on.
    var inside: String { count == 1 ? "\(jailPort)" : "\(jailPort)-\(jailPort + count - 1)" }
}
