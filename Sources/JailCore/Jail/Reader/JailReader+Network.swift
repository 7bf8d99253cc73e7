/// What is done about a firewall of the host's.
private enum FirewallUse: String, CaseIterable { case adapt, no }

extension JailReader {
    mutating func network() -> NetworkSpec {
        let interface = interface()
        let addresses = addresses(.ipv4, interface) + addresses(.ipv6, interface)
        let mode = mode()
        var network = NetworkSpec(
            mode: mode, addresses: addresses, interfaces: vnetInterfaces(), lookup: lookup(interface, mode.value))
        readPorts(into: &network)
        if word("firewall", FirewallUse.self) == .no {
            network.leavesFirewall = string("firewall").map { Located(true, $0.origin) }
        }
        network.allowsSpoofing = optionalBoolean("allow.spoofing").flatMap { $0.value ? $0 : nil }
        return network
    }

    /// `ip_hostname`. The name is looked up when the jail starts.
    private mutating func lookup(_ interface: String?, _ mode: NetworkSpec.Mode) -> Located<String>? {
        guard let asked = optionalBoolean("ip_hostname"), asked.value else { return nil }
        let name = jail.parameter("host.hostname")?.lastValue?.bytes ?? []
        if name.isEmpty || name.first == UInt8(ascii: "-") {  // which getent(1) would take for an option
            error("ip_hostname: there is no host.hostname to look up", at: asked.place)
        } else if mode == .inherit || jailsys("vnet")?.value == .new {
            error(
                "ip_hostname: the jail gets no addresses", at: asked.place,
                hint: "it is in the host's network, or configures its own network")
        }
        return Located(interface ?? "", asked.origin)
    }

    // MARK: vnet

    private mutating func vnetInterfaces() -> [Located<String>] {
        let vnet = jailsys("vnet")
        var found: [Located<String>] = []
        for entry in strings("vnet.interface").flatMap(Self.split) {
            if !Self.isInterface(entry.value) {
                error(
                    "vnet.interface: \"\(entry.shown)\" is not an interface name", at: entry.place,
                    hint: "1 to 15 characters")
            } else if entry.value == "lo" {
                error("vnet.interface: lo cannot be moved", at: entry.place, hint: "the jail has a lo of its own")
            } else if found.contains(where: { $0.value == entry.value }) {
                error("vnet.interface: \(entry.shown) is given twice", at: entry.place)
            } else {
                found.append(entry)
            }
        }
        if let first = found.first, vnet?.value != .new {
            error(
                "vnet.interface: the jail has no network stack of its own to configure", at: first.place,
                hint: "add vnet;")
        }
        if let routing = optionalBoolean("allow.routing"), routing.value, vnet?.value != .new {
            say(
                .note, "allow.routing is not granted: without vnet, jailrun controls the jail's routes",
                at: routing.place, hint: "with vnet, root inside configures the network")
        }
        return found
    }

    private static func names(_ family: AddressSpec.Family) -> (mode: String, list: String, title: String) {
        family == .ipv4 ? ("ip4", "ip4.addr", "IPv4") : ("ip6", "ip6.addr", "IPv6")
    }

    // MARK: The stack

    /// One network namespace carries both families: they are inherited together, or not at all.
    private mutating func mode() -> Located<NetworkSpec.Mode> {
        let (ip4, ip6) = (jailsys("ip4"), jailsys("ip6"))
        checkAddresses(.ipv4, ip4)
        checkAddresses(.ipv6, ip6)
        checkVnet()
        guard let inherited = ip4?.value == .inherit ? ip4 : ip6?.value == .inherit ? ip6 : nil else {
            return jailsys("vnet").map { Located(.own, $0.origin) } ?? Located(.own, .standard("ip4 = inherit"))
        }
        checkInheritance(.ipv4, ip4, inherited)
        checkInheritance(.ipv6, ip6, inherited)
        if let vnet = jailsys("vnet"), vnet.value == .new {
            error("vnet: a network stack of its own cannot be the host's, too", at: vnet.place)
        }
        return Located(.inherit, inherited.origin)
    }

    private func list(_ family: AddressSpec.Family) -> EffectiveParameter? {
        jail.parameter(Self.names(family).list).flatMap { $0.values.isEmpty ? nil : $0 }
    }

    private mutating func checkAddresses(_ family: AddressSpec.Family, _ mode: Located<Jailsys>?) {
        let names = Self.names(family)
        guard let mode, mode.value != .new, let list = list(family) else { return }
        error(
            "\(written(names.mode)) contradicts \(names.list)", at: mode.place,
            hint: "\(names.list) is set in line \(list.location.line)")
    }

    private mutating func checkInheritance(
        _ family: AddressSpec.Family, _ mode: Located<Jailsys>?, _ inherited: Located<Jailsys>
    ) {
        let names = Self.names(family)
        guard let mode else {
            if let list = list(family) {
                return error(
                    "\(names.list): the jail is in the host's network and gets no addresses", at: list.location)
            }
            return say(
                .warning, "\(names.title) of the host is inherited, too: both are in one network namespace",
                at: inherited.place)
        }
        if mode.value != .inherit {
            error(
                "\(written(names.mode)): the other family is inherited, and both share a namespace",
                at: mode.place)
        }
    }

    private mutating func checkVnet() {
        guard let vnet = jailsys("vnet") else { return }
        refuseDisabled("vnet", vnet, hint: "use new or inherit; without vnet, leave it out")
        guard vnet.value == .new, let list = list(.ipv4) ?? list(.ipv6) else { return }
        error(
            "vnet jails cannot have IP address restrictions", at: list.location,
            hint: "without vnet the jail has a network stack of its own, with these addresses")
    }

    // MARK: Addresses

    private mutating func interface() -> String? {
        guard let interface = string("interface"), !interface.value.isEmpty else { return nil }
        if Self.isInterface(interface.value) { return interface.value }
        error(
            "interface: \"\(interface.shown)\" is not an interface name", at: interface.place,
            hint: "1 to 15 characters")
        return nil
    }

    /// dev_valid_name() of the kernel.
    private static func isInterface(_ name: String) -> Bool {
        (1...15).contains(name.utf8.count) && name != "." && name != ".."
            && name.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7f && $0 != .slash && $0 != UInt8(ascii: ":") }
    }

    private mutating func addresses(_ family: AddressSpec.Family, _ interface: String?) -> [AddressSpec] {
        let names = Self.names(family)
        var found: [AddressSpec] = []
        for entry in strings(names.list).flatMap(Self.split) {
            guard let address = address(entry, family, interface) else { continue }
            if found.contains(where: { $0.address == address.address }) {
                error("\(names.list): \(address.address) is given twice", at: entry.place)
            } else {
                found.append(address)
            }
        }
        if found.count > 255 { error("too many \(names.title) addresses: more than 255", at: jail.location) }
        return found
    }

    /// One value may list several addresses between commas, as jail_set(2)'s text form does.
    static func split(_ entry: Located<String>) -> [Located<String>] {
        entry.value.split(separator: ",").map { Located(String($0), entry.origin) }
    }

    private mutating func address(
        _ entry: Located<String>, _ family: AddressSpec.Family, _ standard: String?
    ) -> AddressSpec? {
        let list = Self.names(family).list
        var text = entry.value[...]
        var interface = standard
        if let bar = text.firstIndex(of: "|") {
            interface = String(text[..<bar])
            text = text[text.index(after: bar)...]
            guard Self.isInterface(interface ?? "") else {
                error("\(list): \"\(entry.shown)\" has no interface name before the |", at: entry.place)
                return nil
            }
        }
        let words = text.split { $0 == " " || $0 == "\t" }
        guard let first = words.first else {
            error("\(list): \"\(entry.shown)\" has no address", at: entry.place)
            return nil
        }
        guard let length = length(in: Array(words.dropFirst()), family, list, entry) else { return nil }
        return address(length.isEmpty ? first : "\(first)/\(length)", family, interface, entry)
    }

    /// ifconfig's words behind an address: what says how long the prefix is, and what holds here anyway. Nil when one is
    /// neither; empty when none gives a length.
    private mutating func length(
        in words: [Substring], _ family: AddressSpec.Family, _ list: String, _ entry: Located<String>
    ) -> String? {
        var length = ""
        var rest = words[...]
        while let word = rest.popFirst() {
            switch word {
            case "alias", "up", "nodad", "no_dad": continue
            case family == .ipv4 ? "netmask" : "prefixlen":
                guard let value = rest.popFirst(), length.isEmpty, !entry.value.utf8.contains(.slash) else {
                    error("\(list): \"\(entry.shown)\" has no valid prefix length", at: entry.place)
                    return nil
                }
                length = value.hasPrefix("0x") ? Self.dotted(value.dropFirst(2)) ?? String(value) : String(value)
            default:
                error(
                    "\(list): ifconfig's \"\(Bytes(word.utf8).printable())\" is not supported", at: entry.place,
                    hint: "alias, up, nodad; netmask MASK for IPv4, prefixlen LENGTH for IPv6")
                return nil
            }
        }
        return length
    }

    /// ifconfig's hexadecimal mask, `0xffffff00`.
    private static func dotted(_ digits: Substring) -> String? {
        guard digits.utf8.count == 8, let mask = UInt32(digits, radix: 16) else { return nil }
        return [24, 16, 8, 0].map { (shift: UInt32) -> String in String((mask >> shift) & 255) }.joined(separator: ".")
    }

    private mutating func address(
        _ text: Substring, _ family: AddressSpec.Family, _ interface: String?, _ entry: Located<String>
    ) -> AddressSpec? {
        let (_, list, title) = Self.names(family)
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).map { String($0) }
        guard let parsed = InternetAddress(parts[0]), parsed.family == family else {
            let shown = Bytes(parts[0].utf8).printable()
            error(
                "\(list): \"\(shown)\" is not an \(title) address", at: entry.place,
                hint: parts[0].contains("%") ? "name the interface in front: INTERFACE|ADDRESS" : nil,
                jailMessage: "\(list): not an \(title) address: \(shown)")
            return nil
        }
        if !parsed.isNameable {
            error("\(list): \(parsed) cannot be a jail's address", at: entry.place)
            return nil
        }
        let length = parts.count == 2 ? prefixLength(parts[1], family) : nil
        if parts.count == 2 && length == nil {
            let shown = Bytes(parts[1].utf8).printable()
            error(
                "\(list): \"\(shown)\" is not a \(family == .ipv4 ? "mask" : "prefix length")", at: entry.place,
                hint: family == .ipv4 ? "1 to 32, or 255.255.255.0" : "1 to 128")
            return nil
        }
        return AddressSpec(
            family: family, address: parsed.description, prefixLength: length, interface: interface,
            origin: entry.origin)
    }

    private func prefixLength(_ text: String, _ family: AddressSpec.Family) -> Int? {
        if let bits = DigitsOnly.value(text.utf8, in: 1...(family == .ipv4 ? 32 : 128)) { return bits }
        guard family == .ipv4, let mask = InternetAddress(text), mask.family == .ipv4 else { return nil }
        let bits = UInt32(mask.value)
        let length = (~bits).leadingZeroBitCount
        return length > 0 && bits == ~UInt32(0) << UInt32(32 - length) ? length : nil
    }
}
