/// One of several runs of the same file at the same time: its jails have names and addresses of their own.
///
/// The jails of the instance `ci7` are `ci7-db`, `ci7-web`; inside they are called as in the file. Their addresses keep
/// their place in a network of the instance's own, and commands that name an address name the new one.
package struct Instance: Equatable, Sendable {
    /// Why there can be no second instance of a jail.
    package struct Objection: Error, Equatable {
        package var label: String
        package var origin: Origin
        package var message: String
        package var hint: String?
    }

    package let name: String

    /// Nil when jails could not be named after it: letters, digits, _ and -, 20 at most.
    package init?(_ name: String) {
        let bytes = Bytes(name.utf8)
        guard (1...20).contains(bytes.count), !bytes.contains(.dot), JailName.objection(to: bytes) == nil else {
            return nil
        }
        self.name = name
    }

    package func name(of jail: String) -> String { "\(name)-\(jail)" }

    /// The networks of the bridge that the jails are in, each once.
    func networks(of jails: [ConfiguredJail]) -> [InternetPrefix] {
        var result: [InternetPrefix] = []
        for address in jails.flatMap(\.network.addresses) {
            guard let network = Self.network(of: address), !result.contains(network) else { continue }
            result.append(network)
        }
        return result
    }

    private static func network(of address: AddressSpec) -> InternetPrefix? {
        guard let parsed = InternetAddress(address.address) else { return nil }
        return InternetPrefix(onBridge: parsed, length: address.prefixLength).network
    }

    /// - Parameter networks: what each network of the file is in this instance.
    func applied(
        to jails: [ConfiguredJail], networks: [(from: InternetPrefix, to: InternetPrefix)]
    ) throws(Objection) -> [ConfiguredJail] {
        var renumbered: [(from: String, to: String)] = []
        var result: [ConfiguredJail] = []
        for jail in jails {
            try check(jail)
            var jail = jail
            jail.instance = name
            jail.name.value = name(of: jail.name.value)
            for index in jail.depend.indices { jail.depend[index].value = name(of: jail.depend[index].value) }
            if let parent = jail.parent?.value { jail.parent?.value = name(of: parent) }
            for index in jail.network.addresses.indices {
                let address = jail.network.addresses[index]
                guard let network = Self.network(of: address), let parsed = InternetAddress(address.address),
                    let target = networks.first(where: { $0.from == network })?.to
                else { continue }
                let moved = InternetAddress(
                    parsed.family, target.address.value | (parsed.value - network.address.value))
                jail.network.addresses[index].address = moved.description
                renumbered.append((address.address, moved.description))
            }
            jail.network.moveGateways(to: networks)
            result.append(jail)
        }
        let addresses = zip(jails, result).map { (jail: $0.name.value, addresses: $1.network.addresses) }
        return result.map { jail in
            var jail = jail
            jail.names?.keepNeighbours(at: addresses)
            jail.commands.replace(renumbered)
            jail.health?.command.value.replaceAddresses(renumbered)
            return jail
        }
    }

    /// - Throws: why there can be no second instance of a jail.
    package func checkAll(_ jails: [ConfiguredJail]) throws(Objection) { for jail in jails { try check(jail) } }

    /// Nothing may be shared but what is read.
    private func check(_ jail: ConfiguredJail) throws(Objection) {
        func refuse(_ origin: Origin, _ message: String, _ hint: String) -> Objection {
            Objection(label: jail.label, origin: origin, message: message, hint: hint)
        }
        let full = Bytes(name(of: jail.name.value).utf8)
        if JailName.objection(to: full) != nil {
            throw refuse(jail.name.origin, "the name \(name(of: jail.name.value)) is too long", "63 characters at most")
        }
        if let jid = jail.jid {
            throw refuse(jid.origin, "two instances cannot both have jid \(jid.value)", "leave it out")
        }
        if !jail.root.isEphemeral.value && !jail.root.isReadOnly.value {
            throw refuse(
                jail.path.origin, "two instances would write to the same root",
                "use root.ephemeral, whose writes vanish with the jail, or root.readonly")
        }
        if let log = jail.log.file ?? jail.commands.consoleLog {
            throw refuse(log.origin, "two instances would write to the same \(log.value)", "--logs DIR")
        }
        if let address = jail.network.addresses.first(where: {
            $0.interface != nil && $0.interface != NetworkSpec.bridge
        }) {
            throw refuse(
                address.origin,
                "\(address.address) is an address of \(address.interface ?? "")'s network; only one jail can have it",
                "use an address without an interface")
        }
        if let moved = jail.network.interfaces.first {
            throw refuse(moved.origin, "\(moved.value) can be in one jail only", "use an address without an interface")
        }
    }
}

extension NetworkSpec {
    fileprivate mutating func moveGateways(to networks: [(from: InternetPrefix, to: InternetPrefix)]) {
        gateways = gateways?.compactMap { text in
            guard let gateway = InternetPrefix(text),
                let moved = networks.first(where: { $0.from == gateway.network })
            else { return nil }
            let host = gateway.address.value - moved.from.address.value
            let address = InternetAddress(gateway.address.family, moved.to.address.value | host)
            return InternetPrefix(address, length: gateway.length).description
        }
    }
}

extension CommandSpec {
    fileprivate mutating func replace(_ addresses: [(from: String, to: String)]) {
        let lists: [WritableKeyPath<CommandSpec, [Located<String>]>] = [
            \.prepare, \.prestart, \.created, \.start, \.command, \.poststart, \.prestop, \.stop, \.poststop, \.release,
        ]
        for list in lists {
            for index in self[keyPath: list].indices { self[keyPath: list][index].value.replaceAddresses(addresses) }
        }
    }
}

extension String {
    /// Whole addresses only: 10.0.0.1 is not in 10.0.0.10. All at once: one's new address may be another's old one.
    mutating func replaceAddresses(_ addresses: [(from: String, to: String)]) {
        // Hexadecimal digits are parts of IPv6 addresses; a colon may be in front of a port.
        let isPart = { (byte: UInt8) in byte == .dot || byte.isDigit || (0x61...0x66).contains(byte) }
        let bytes = Bytes(utf8)
        var result = Bytes()
        var index = 0
        while index < bytes.count {
            let begins = index == 0 || !isPart(bytes[index - 1])
            let found = addresses.first { address in
                let end = index + address.from.utf8.count
                return begins && bytes[index...].starts(with: address.from.utf8)
                    && (end == bytes.count || !isPart(bytes[end]))
            }
            if let found {
                result += Bytes(found.to.utf8)
                index += found.from.utf8.count
            } else {
                result.append(bytes[index])
                index += 1
            }
        }
        self = String(decoding: result, as: UTF8.self)
    }
}
