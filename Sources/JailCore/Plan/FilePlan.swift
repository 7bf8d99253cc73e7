/// The plan of a file: what its jails share, decided once for all of them, and what each does of its own, which is the same
/// whether it is started alone or with others, first or last.
///
/// The start of a jail performs those shared steps that it needs and nobody has performed yet, so that they can be
/// found by that jail, whenever jailrun is killed.
package struct FilePlan: Sendable {
    package struct Jail: Sendable {
        package var spec: ConfiguredJail
        /// Its own steps.
        package var plan: Plan
        /// Commands of the host's when it has ended: `exec.poststop`, `exec.release`. Of a complete plan.
        var afterwards: [Plan.Command]
    }

    /// A jail, and what was looked up and chosen for it.
    struct Prepared {
        var spec: ConfiguredJail
        var identity: JailIdentity
        var facts: StartFacts
    }

    /// Only steps on the host's side; none if everything is there.
    package var shared: Plan
    /// In the order in which they can be started.
    package var jails: [Jail]

    init(_ jails: [Prepared]) {
        var planner = SharedPlanner()
        for jail in jails { planner.add(jail.spec, jail.facts) }
        shared = Plan(steps: planner.steps)
        self.jails = jails.map { jail in
            let spec = jail.spec.lowered(as: jail.identity, on: jail.facts)
            return Jail(
                spec: jail.spec, plan: Planner(jail: spec, facts: jail.facts).start(),
                afterwards: spec.hooks.ended.map(\.planned))
        }
    }

    /// The jail of this plan in whose network that one is, if it is not up yet.
    func holder(ofJailAt index: Int) -> Int? {
        for case .enterNetwork(let holder) in jails[index].plan.steps.map(\.purpose) where holder.pid == 0 {
            return jails.firstIndex { $0.spec.name.value == holder.jail }
        }
        return nil
    }
}
