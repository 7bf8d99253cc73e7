// The network of a jail that runs, by the operations of a start. Where its addresses stay, its links do, too.

extension ChangePlanner {
    typealias Operations = [Located<NetworkOperation>]

    /// - Throws: what is wrong with the new addresses or ports.
    func changeNetwork() throws(NetworkPlanError) -> (steps: [Step], undo: [NetworkOperation]) {
        guard var before = facts.network else { return ([], facts.networkUndo) }
        let after = before.renaming(old.name.value, to: new.name.value)
        // What it has it has: only the new ones can be taken.
        before.takenPorts = []
        // A door that it does not have is none of what it had, though a start of today would open it.
        if before.doors?.contains(old.name.value) == false { before.obstacles = [] }
        if old.network.hasSameAddresses(as: new.network) {
            let (was, becomes) = (try rules(of: old, before), try rules(of: new, after))
            let fresh = becomes.map(\.value).undo
            let kept = facts.networkUndo.filter { !$0.isOfRules && !fresh.contains($0) }
            let door = passDoor(becomes, was, before)
            return (renameLinks(before) + door.first + publish(becomes, insteadOf: was) + door.last, fresh + kept)
        }
        let becomes = try network(of: new, after)
        return (
            reconnect(becomes, insteadOf: (try? network(of: old, before)) ?? []),
            becomes.map(\.value).undo + facts.networkUndo.filter(\.isOfMovedLink)
        )
    }

    /// What takes back the network that it has. Who joined another's and is the last there has the links of who made it.
    private func undo(of before: Operations) -> [NetworkOperation] {
        let made = before.map(\.value).undo
        let hasLinks = made.allSatisfy { $0.isOfLink ? facts.networkUndo.contains($0) : true }
        return hasLinks ? facts.networkUndo : made
    }

    /// Interfaces that were moved into the jail stay there.
    private func network(of jail: ConfiguredJail, _ facts: HostNetworkFacts) throws(NetworkPlanError) -> Operations {
        var network = jail.network
        network.interfaces = []
        return network.isConnected
            ? try NetworkPlan(for: network, jail: (jail.name.value, self.facts.networkNumber), facts: facts).operations
            : []
    }

    private func rules(of jail: ConfiguredJail, _ facts: HostNetworkFacts) throws(NetworkPlanError) -> Operations {
        try NetworkPlan(publishing: jail.network, jail: (jail.name.value, self.facts.networkNumber), facts: facts)
            .operations
    }

    private func step(
        _ operation: NetworkOperation, _ origin: Origin, _ words: Phrase, undo: [NetworkOperation]
    ) -> Step {
        Step(
            operation: .network(operation), side: .host, purpose: .network(operation), origin: origin, words: words,
            undo: undo.map(Operation.network))
    }

    // MARK: Addresses

    /// The links go and come again. A plan of the difference would need an operation and an undo for each way from one state to
    /// another; connections of addresses that stay survive, for the kernel keeps sockets when a link goes.
    private func reconnect(_ after: Operations, insteadOf before: Operations) -> [Step] {
        let origin = new.network.addresses.first?.origin ?? .commandLine
        let undo = undo(of: before)
        let own = undo.filter { !$0.isShared && !$0.isOfMovedLink }
        let disconnection = own.enumerated().map { index, operation in
            step(operation, origin, "disconnect the network", undo: index == 0 ? before.map(\.value) : [])
        }
        let made = after.map(\.value)
        let connection = after.map {
            step($0.value, $0.origin, "connect the network", undo: made.undo(of: $0.value))
        }
        let unused = undo.filter { $0.isShared && !isNeeded($0, after.map(\.value)) }
        return disconnection + connection
            + unused.map { step($0, origin, "restore what no jail needs", undo: $0.shared.map { [$0] } ?? []) }
    }

    /// By this jail or by another one, as far as is known here.
    private func isNeeded(_ operation: NetworkOperation, _ after: [NetworkOperation]) -> Bool {
        let others = facts.network?.jailLinks.filter { $0.jail != old.name.value } ?? []
        switch operation {
        case .removeBridge(let name):
            return others.contains { $0.interface == name }
                || after.contains { if case .createBridge(name, _) = $0 { true } else { false } }
        case .removeAddress(let address):
            let network = InternetPrefix(address.address)
            return after.contains(.addAddress(address))
                || others.contains { link in link.interface == address.link && network.map(link.uses) ?? false }
        case .restoreSysctl(let sysctl): return after.contains { $0.setsSysctl(sysctl.path) }
        default: return false
        }
    }

    // MARK: Ports

    private func renameLinks(_ facts: HostNetworkFacts) -> [Step] {
        if new.name.value == old.name.value { return [] }
        return facts.jailLinks.filter { $0.jail == old.name.value }.map { link in
            let aliases = [new, old].map { jail in
                NetworkOperation.raiseLink(
                    LinkState(
                        name: link.name, namespace: .host,
                        alias: JailLink.alias(
                            jail: jail.name.value, interface: link.interface, addresses: link.addresses)))
            }
            return step(aliases[0], new.name.origin, "rename the jail's link", undo: [aliases[1]])
        }
    }

    /// All rules of the jail are replaced in one batch, so that no packet meets half of them. Connections that are translated
    /// already stay so.
    private func publish(_ after: Operations, insteadOf before: Operations) -> [Step] {
        let (old, new) = (before.map(\.value), after.map(\.value))
        let origin = after.first?.origin ?? self.new.name.origin
        return after.filter { !old.contains($0.value) && !$0.value.opensDoor }.map { operation in
            step(operation.value, operation.origin, "publish the jail's ports", undo: taking(operation.value, old))
        }
            // Newest first: forwarding is needed for as long as there are rules.
            + before.reversed().filter { !new.contains($0.value) }.compactMap { operation in
                removal(of: operation.value, new).map {
                    step($0, origin, "publish the jail's ports", undo: [operation.value])
                }
            }
    }

    /// Through another's firewall, by the jail's name; what is asked is what stands there, for that firewall may have come meanwhile.
    /// - Returns: what is done before the rules are replaced, without which a door has no gates, and what after.
    private func passDoor(
        _ after: Operations, _ before: Operations, _ facts: HostNetworkFacts
    ) -> (first: [Step], last: [Step]) {
        let isOpen = facts.doors?.contains(old.name.value) == true
        let isRenamed = new.name.value != old.name.value
        let former = before.map(\.value).filter(\.opensDoor)
        let words: Phrase = "pass the host's firewall"
        let closing = step(.closeDoor(jail: old.name.value), new.name.origin, words, undo: former)
        guard let opening = after.first(where: \.value.opensDoor) else { return (isOpen ? [closing] : [], []) }
        if isOpen, !isRenamed, former == [opening.value] { return ([], []) }
        let undo = opening.value.undo.map { [$0] } ?? []
        let opened = [step(opening.value, opening.origin, words, undo: undo)]
        if !isOpen { return ([], opened) }
        return isRenamed ? ([], opened + [closing]) : ([closing], opened)
    }

    /// What brings back the state before an operation on rules.
    private func taking(_ operation: NetworkOperation, _ before: [NetworkOperation]) -> [NetworkOperation] {
        if case .publish(let rules) = operation, let other = before.first(where: { $0.publishes(rules.jail) }) {
            return [other]
        }
        return (operation.undo ?? operation.off).map { [$0] } ?? []
    }

    /// What a former operation on rules leaves is taken away, unless the new ones have replaced it.
    private func removal(of operation: NetworkOperation, _ after: [NetworkOperation]) -> NetworkOperation? {
        switch operation {
        case .publish(let rules): after.contains { $0.publishes(rules.jail) } ? nil : operation.undo
        case .setSysctl(let sysctl):
            after.contains { $0.setsSysctl(sysctl.path) }
                ? nil : operation.undo ?? (facts.othersPublish ? nil : operation.off)
        case .reflect: after.contains(operation) ? nil : operation.off
        default: nil
        }
    }
}

extension NetworkSpec {
    func hasSameAddresses(as other: NetworkSpec) -> Bool {
        addresses.count == other.addresses.count
            && zip(addresses, other.addresses).allSatisfy { left, right in
                left.address == right.address && left.prefixLength == right.prefixLength
                    && left.interface == right.interface
            }
    }

    func hasSamePorts(as other: NetworkSpec) -> Bool {
        ports == other.ports && (masquerade == nil) == (other.masquerade == nil)
    }
}

extension NetworkOperation {
    /// Takes back what other jails may use, too.
    var isShared: Bool { possession == .shared }

    /// Takes away a link of the jail's own.
    fileprivate var isOfLink: Bool { if case .removeLink = self { true } else { false } }

    var isOfMovedLink: Bool { possession == .movedLink }

    /// What is taken back.
    fileprivate var shared: NetworkOperation? {
        switch self {
        case .removeAddress(let address): .addAddress(address)
        case .restoreSysctl(let sysctl): .setSysctl(sysctl)
        default: nil
        }
    }

    /// A setting of a link of the jail's own. By one the host speaks from 127.0.0.1: without a rule nothing guards that address.
    fileprivate var off: NetworkOperation? {
        if case .reflect(let port) = self { return .unreflect(port: port) }
        guard case .setSysctl(var sysctl) = self, sysctl.users == nil else { return nil }
        sysctl.value = "0"
        return .setSysctl(sysctl)
    }

    fileprivate var opensDoor: Bool { if case .openDoor = self { true } else { false } }

    /// Takes back rules, by the jail's name.
    var isOfRules: Bool { possession == .rules }

    fileprivate func publishes(_ jail: String) -> Bool {
        if case .publish(let rules) = self { rules.jail == jail } else { false }
    }

    fileprivate func setsSysctl(_ path: String) -> Bool {
        if case .setSysctl(let sysctl) = self { sysctl.path == path } else { false }
    }
}

extension HostNetworkFacts {
    /// As they are once a jail has another name.
    fileprivate func renaming(_ old: String, to name: String) -> Self {
        if old == name { return self }
        var facts = self
        for (index, link) in links.enumerated() {
            guard let own = JailLink(name: link.name, alias: link.alias, master: link.master), own.jail == old else {
                continue
            }
            facts.links[index].alias = JailLink.alias(
                jail: name, interface: own.interface, addresses: own.addresses)
        }
        for index in jailAddresses.indices where jailAddresses[index].jail == old {
            facts.jailAddresses[index].jail = name
        }
        for index in takenPorts.indices where takenPorts[index].jail == old { facts.takenPorts[index].jail = name }
        return facts
    }
}
