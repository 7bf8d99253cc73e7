/// The plan of starts that are not made: the same facts are looked up, nothing is written.
package struct DryRun {
    let jails: [ConfiguredJail]
    let host: Host
    let terminals: [Int]
    /// Also says what happens to this process's descriptors 0 to 2.
    package var handsDescriptors = false

    /// - Parameter jails: in the order of the file.
    package init(jails: [ConfiguredJail], host: Host, terminals: [Int]) {
        self.jails = jails
        self.host = host
        self.terminals = terminals
    }

    /// - Parameter isComplete: includes what jails that are up now have made, for a time when they are not.
    /// - Throws: what would stop a start before its first step.
    package func plan(isComplete: Bool = false) throws(RuntimeError) -> FilePlan {
        // Where there is a supervisor, it reads what the jail prints.
        let isSupervised = jails.count > 1 || jails.contains { $0.isSupervised }
        var requirements = HostRequirements(jails: jails, host: host)
        requirements.assumesNoJails = isComplete
        var prepared = try requirements.preview(terminals: isSupervised ? [] : terminals)
        for index in prepared.indices {
            let jail = prepared[index].spec
            let isPiped = isSupervised && jail.commands.consoleLog == nil
            prepared[index].facts.isOutputPiped = isPiped
            if !handsDescriptors { continue }
            prepared[index].facts.handedDescriptors = try HandedDescriptors.facts(
                of: jail.handedDescriptors(terminals: prepared[index].facts.terminals, hasOutput: isPiped),
                jail: jail.label, authority: host.authority)
        }
        return FilePlan(prepared)
    }
}
