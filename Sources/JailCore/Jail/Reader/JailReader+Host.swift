extension JailReader {
    /// `host`, `host.domainname`, `host.hostuuid`, `host.hostid`.
    mutating func host() -> HostSpec {
        let host = HostSpec(isInherited: isHostInherited(), domainName: domainName(), uuid: uuid(), id: hostID())
        if host.isInherited.value {
            for name in ["host.hostname", "host.domainname"] {
                guard let parameter = jail.parameter(name) else { continue }
                error(
                    "\(name): the jail has the host's names", at: parameter.location,
                    hint: "host = inherit is set in line \(host.isInherited.place.line)")
            }
        }
        return host
    }

    private mutating func isHostInherited() -> Located<Bool> {
        guard let host = jailsys("host") else { return Located(false, .standard("host = inherit")) }
        refuseDisabled("host", host, hint: "use new or inherit")
        return Located(host.value == .inherit, host.origin)
    }

    /// setdomainname(2) takes 64 bytes.
    private mutating func domainName() -> Located<String>? {
        guard let name = string("host.domainname"), !name.value.isEmpty else { return nil }
        if name.value.utf8.count <= 64, name.value.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7f }) { return name }
        error(
            "host.domainname: \"\(name.shown)\" is not a domain name", at: name.place,
            hint: "at most 64 characters, no blanks")
        return nil
    }

    /// Hexadecimal digits, 8-4-4-4-12.
    private mutating func uuid() -> Located<String>? {
        guard let uuid = string("host.hostuuid"), !uuid.value.isEmpty else { return nil }
        let text = uuid.value.lowercased()
        let parts = text.split(separator: "-", omittingEmptySubsequences: false)
        let isHexadecimal = text.utf8.allSatisfy { $0.isDigit || $0 == UInt8(ascii: "-") || (0x61...0x66).contains($0) }
        if parts.map(\.utf8.count) == [8, 4, 4, 4, 12], isHexadecimal { return Located(text, uuid.origin) }
        error(
            "host.hostuuid: \"\(uuid.shown)\" is not a UUID", at: uuid.place,
            hint: "01234567-89ab-cdef-0123-456789abcdef")
        return nil
    }

    private mutating func hostID() -> Located<UInt32>? {
        integer("host.hostid", in: 0...Int(UInt32.max)).map { Located(UInt32($0.value), $0.origin) }
    }

    /// `mount.resolvconf`. The jails around it are introduced later.
    mutating func names(of jail: ConfiguredJail) -> NameSpec? {
        guard let asked = optionalBoolean("mount.resolvconf"), asked.value else { return nil }
        return NameSpec(origin: asked.origin, own: jail.hostNames, neighbours: [])
    }

    // MARK: meta, env

    mutating func metadata() -> MetadataSpec {
        MetadataSpec(meta: lines("meta"), environment: lines("env"))
    }

    /// security.jail.meta_maxbufsize of FreeBSD, and its default.
    private static let metadataCapacity = 4096

    /// The whole text, then each key: a line of the same key is replaced, a new one goes first; without a value it is
    /// taken away.
    private mutating func lines(_ family: String) -> Located<String>? {
        var all: [String] = []
        var origin: Origin?
        for parameter in jail.parameters {
            guard let name = parameter.name.text, name == family || name.hasPrefix("\(family).") else { continue }
            let value = parameter.lastValue.flatMap { text($0, of: parameter)?.value }
            origin = .configuration(parameter.location)
            if name == family {
                all = (value ?? "").split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
                if all == [""] { all = [] }
                continue
            }
            let key = String(name.dropFirst(family.utf8.count + 1))
            let index = all.firstIndex { $0.hasPrefix("\(key)=") }
            switch (index, value) {
            case (let index?, let value?): all[index] = "\(key)=\(value)"
            case (let index?, nil): all.remove(at: index)
            case (nil, let value?): all.insert("\(key)=\(value)", at: 0)
            case (nil, nil): break
            }
        }
        guard let origin else { return nil }
        let whole = all.joined(separator: "\n")
        if whole.utf8.count >= Self.metadataCapacity, case .configuration(let place) = origin {
            error("\(family): too large: more than \(Self.metadataCapacity - 1) bytes", at: place)
        }
        return Located(whole, origin)
    }
}
