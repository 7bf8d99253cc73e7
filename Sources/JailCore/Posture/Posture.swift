/// What a process inside a jail could reach, part by part, and a figure for it: 0 is nothing, 10 everything.
///
/// Each part has a maximum, and the maxima add up to 10. A part is the sum of its findings, up to its maximum; the
/// figure is the sum of the parts. A finding that gives away the whole machine raises it to 8 and more, because the
/// other protections do not matter then: docs/design/0018.
package struct Posture: Sendable {
    package enum Subject: String, CaseIterable, Sendable, Encodable {
        case ids
        case capabilities
        case calls = "system calls"
        case devices
        case files
        case namespaces
        case network
        case limits

        package var most: Exposure {
            switch self {
            case .ids, .capabilities: Exposure(hundredths: 200)
            case .calls, .files: Exposure(hundredths: 150)
            case .devices: Exposure(hundredths: 100)
            case .network, .limits: Exposure(hundredths: 80)
            case .namespaces: Exposure(hundredths: 40)
            }
        }
    }

    package struct Part: Sendable {
        package var subject: Subject
        /// In a few words.
        package var summary: String
        package var findings: [Finding]
        package var exposure: Exposure {
            min(subject.most, Exposure(hundredths: findings.reduce(0) { $0 + $1.exposure.hundredths }))
        }
    }

    /// Something that is open.
    package struct Finding: Sendable {
        package var exposure: Exposure
        /// What a process inside could do, without a full stop.
        package var text: String
        /// The line that opened it.
        package var origin: Origin
        /// What to write instead, in jail.conf's words.
        package var mend: String
        /// Root of the host, by this alone.
        package var givesMachine: Bool

        init(_ hundredths: Int, _ text: String, _ origin: Origin, mend: String, givesMachine: Bool = false) {
            exposure = Exposure(hundredths: hundredths)
            (self.text, self.origin, self.mend, self.givesMachine) = (text, origin, mend, givesMachine)
        }
    }

    /// Something that a process holds, and what it allows.
    package struct Reach: Sendable, Encodable {
        package var name: String
        package var allows: String
    }

    /// System calls of one risk that pass.
    package struct Calls: Sendable, Encodable {
        package var risk: String
        package var allows: String
        package var names: [String]
        /// Those of them that pass only with some arguments.
        package var checked: [String]
    }

    /// The jail's label.
    package var jail: String
    package var parts: [Part]
    package var capabilities: [Reach]
    package var calls: [Calls]
    package var devices: [Reach]

    package init(of jail: ConfiguredJail, _ facts: PostureFacts) {
        let judge = PostureJudge(jail: jail, facts: facts)
        self.jail = jail.label
        parts = [
            judge.ids, judge.capabilities, judge.calls, judge.devices, judge.files, judge.namespaces, judge.network,
            judge.limits,
        ]
        capabilities = judge.capabilityReach
        calls = judge.answers.reach
        devices = judge.deviceReach
    }

    package var givesMachine: Bool { parts.contains { $0.findings.contains(where: \.givesMachine) } }

    /// What the parts add up to.
    package var sum: Exposure { Exposure(hundredths: parts.reduce(0) { $0 + $1.exposure.hundredths }) }

    /// The figure.
    package var exposure: Exposure { givesMachine ? Exposure(hundredths: 800 + sum.hundredths / 5) : sum }

    /// The figure in words.
    package var verdict: String {
        switch exposure.hundredths {
        case ..<200: "well confined"
        case ..<400: "confined, with openings"
        case ..<800: "exposed"
        default: "not confined"
        }
    }
}

/// Looks at a jail for `Posture`: one property a part.
struct PostureJudge {
    let jail: ConfiguredJail
    let facts: PostureFacts
    let answers: FilterAnswers

    init(jail: ConfiguredJail, facts: PostureFacts) {
        (self.jail, self.facts) = (jail, facts)
        answers = facts.answers ?? FilterAnswers(facts.filter)
    }

    /// Ids are the host's: what counts over the machine counts.
    var isHostRoot: Bool { jail.privileges.userNamespace.value == .host }

    /// What the commands have effectively: no_new_privs keeps another user from getting any.
    var heldCapabilities: CapabilitySet {
        (facts.user?.uid ?? 0) == 0 ? CapabilitySet(jail.privileges) : []
    }
}
