import JailCore

/// What `check --json` prints.
struct CheckDocument: Encodable {
    /// Of this form.
    var version = 1
    var diagnostics: [DiagnosticObject]
    /// Left out when they could not be looked up.
    var facts: HostFacts?
    /// Left out without --posture.
    var jails: [PostureObject]?

    init(_ found: [Diagnostic], _ facts: HostFacts?, _ postures: [Posture]?) {
        (diagnostics, self.facts) = (found.map(DiagnosticObject.init), facts)
        jails = postures?.map(PostureObject.init)
    }
}

/// A posture with its figures computed.
struct PostureObject: Encodable {
    struct Part: Encodable {
        var subject: Posture.Subject
        var exposure: Exposure
        var most: Exposure
        var summary: String
        var findings: [Finding]
    }

    struct Finding: Encodable {
        var exposure: Exposure
        var text: String
        /// `configuration`, `commandLine` or `standard`.
        var origin: String
        var file: String?
        var line: Int?
        var mend: String
        var givesMachine: Bool
    }

    var name: String
    var exposure: Exposure
    var verdict: String
    var givesMachine: Bool
    var parts: [Part]
    var capabilities: [Posture.Reach]
    var calls: [Posture.Calls]
    var devices: [Posture.Reach]

    init(_ posture: Posture) {
        (name, exposure, verdict) = (posture.jail, posture.exposure, posture.verdict)
        givesMachine = posture.givesMachine
        parts = posture.parts.map(Part.init)
        (capabilities, calls, devices) = (posture.capabilities, posture.calls, posture.devices)
    }
}

extension PostureObject.Part {
    init(_ part: Posture.Part) {
        self.init(
            subject: part.subject, exposure: part.exposure, most: part.subject.most, summary: part.summary,
            findings: part.findings.map(PostureObject.Finding.init))
    }
}

extension PostureObject.Finding {
    init(_ finding: Posture.Finding) {
        (exposure, text, mend, givesMachine) = (finding.exposure, finding.text, finding.mend, finding.givesMachine)
        switch finding.origin {
        case .configuration(let location): (origin, file, line) = ("configuration", location.file, location.line)
        case .commandLine: origin = "commandLine"
        case .standard: origin = "standard"
        }
    }
}
