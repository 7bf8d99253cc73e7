// `vnet.interface`: links of the host's that are the jail's as long as it is up.

extension NetworkPlanner {
    /// The namespace is kept first: from the moment a link is in it, it must not die with the jail's processes, for then
    /// the kernel would destroy every link that is no hardware.
    mutating func moveInterfaces(namespaceFile: String) throws(NetworkPlanError) {
        guard let first = network.interfaces.first else { return }
        for interface in network.interfaces { try check(interface) }
        add(.keepNamespace(file: namespaceFile), first.origin)
        for interface in network.interfaces {
            add(.moveLink(name: interface.value, file: namespaceFile), interface.origin)
        }
    }

    private func check(_ interface: Located<String>) throws(NetworkPlanError) {
        let name = interface.value
        guard let link = facts.link(named: name) else {
            throw .cannotMove(interface: name, reason: "no such interface", interface.origin)
        }
        if link.isLoopback { throw .cannotMove(interface: name, reason: "a loopback interface", interface.origin) }
        if link.isBridge {
            throw .cannotMove(interface: name, reason: "a bridge, which cannot be moved", interface.origin)
        }
        if let master = link.master {
            throw .cannotMove(
                interface: name, reason: "a port of \(master), which it would leave for good", interface.origin)
        }
        if let owner = facts.jailLinks.first(where: { $0.name == name }) {
            throw .interfaceOfJail(interface: name, jail: owner.jail, interface.origin)
        }
    }
}
