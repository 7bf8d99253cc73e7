/// What a process inside a jail could reach, part by part, and a figure for it: 0 is nothing, 10 everything.
///
/// Each part has a most, and the mosts add up to 10. What is open of a part is the sum of its findings, at most its most; the
/// figure is the sum of the parts. A finding by which the whole machine is given away raises it to 8 and more, for the other
/// walls do not matter then: docs/design/0018.
public struct Posture: Sendable {
    public enum Subject: String, CaseIterable, Sendable, Encodable {
        case ids
        case capabilities
        case calls = "system calls"
        case devices
        case files
        case namespaces
        case network
        case limits

        public var most: Exposure {
            switch self {
            case .ids, .capabilities: Exposure(hundredths: 200)
            case .calls, .files: Exposure(hundredths: 150)
            case .devices: Exposure(hundredths: 100)
            case .network, .limits: Exposure(hundredths: 80)
            case .namespaces: Exposure(hundredths: 40)
            }
        }
    }

    public struct Part: Sendable {
        public var subject: Subject
        /// In a few words.
        public var summary: String
        public var findings: [Finding]
        public var exposure: Exposure {
            min(subject.most, Exposure(hundredths: findings.reduce(0) { $0 + $1.exposure.hundredths }))
        }
    }

    /// Something that is open.
    public struct Finding: Sendable {
        public var exposure: Exposure
        /// What a process inside could do, without a full stop.
        public var text: String
        /// The line that opened it.
        public var origin: Origin
        /// What to write instead, in jail.conf's words.
        public var mend: String
        /// Root of the host, by this alone.
        public var givesMachine: Bool

        init(_ hundredths: Int, _ text: String, _ origin: Origin, mend: String, givesMachine: Bool = false) {
            exposure = Exposure(hundredths: hundredths)
            (self.text, self.origin, self.mend, self.givesMachine) = (text, origin, mend, givesMachine)
        }
    }

    /// Something that a process holds, and what it allows.
    public struct Reach: Sendable, Encodable {
        public var name: String
        public var allows: String
    }

    /// System calls of one risk that pass.
    public struct Calls: Sendable, Encodable {
        public var risk: String
        public var allows: String
        public var names: [String]
        /// Those of them that pass with some arguments only.
        public var checked: [String]
    }

    /// The jail's label.
    public var jail: String
    public var parts: [Part]
    public var capabilities: [Reach]
    public var calls: [Calls]
    public var devices: [Reach]

    public init(of jail: ConfiguredJail, _ facts: PostureFacts) {
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

    public var givesMachine: Bool { parts.contains { $0.findings.contains(where: \.givesMachine) } }

    /// What the parts add up to.
    public var sum: Exposure { Exposure(hundredths: parts.reduce(0) { $0 + $1.exposure.hundredths }) }

    /// The figure.
    public var exposure: Exposure { givesMachine ? Exposure(hundredths: 800 + sum.hundredths / 5) : sum }

    /// The figure in words.
    public var verdict: String {
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
