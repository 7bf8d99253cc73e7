extension ConfigurationReading {
    /// A link that two jails want is in one of them, and the other finds none; unless it has commands that may make one.
    mutating func checkInterfaces() {
        var owners: [String: Int] = [:]
        for index in jails.indices {
            let (interfaces, commands) = (jails[index].spec.network.interfaces, jails[index].spec.commands)
            for interface in interfaces {
                guard let owner = owners[interface.value] else {
                    owners[interface.value] = index
                    continue
                }
                if owner == index || !(commands.prepare + commands.prestart).isEmpty { continue }
                jails[index].reader.error(
                    "vnet.interface: jail \"\(jails[owner].label.printable())\" has \(interface.shown), too",
                    at: interface.place, hint: "an interface can be in one jail only")
            }
        }
    }
}
