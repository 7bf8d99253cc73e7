/// One jail's parameters while settings are laid over each other.
struct ParameterMerge {
    struct Entry {
        var name: Bytes
        var isVariable: Bool
        var isImmutable: Bool
        var isImplied = false
        /// Known to jail(8) itself under this name; a variable that took the name does not count.
        var standsFor: String?
        var values: [ValueTemplate]
        var location: SourceLocation
    }

    let label: Bytes
    let location: SourceLocation
    let tree: ConfigurationTree
    private(set) var entries: [Entry] = []
    private(set) var errors: [Diagnostic] = []

    init(label: Bytes, location: SourceLocation, tree: ConfigurationTree) {
        (self.label, self.location, self.tree) = (label, location, tree)
    }

    func hasImpliedOrSet(_ name: String) -> Bool { entries.contains { $0.standsFor == name } }

    /// `name` or `jid` from the block's name; immutable from then on.
    mutating func imply(_ name: String, _ block: Block) {
        let value = ValueTemplate(text: block.name, location: block.location)
        entries.append(
            Entry(
                name: Bytes(name.utf8), isVariable: false, isImmutable: true, isImplied: true, standsFor: name,
                values: [value], location: block.location))
    }

    mutating func apply(_ settings: [Setting]) { settings.forEach { set($0) } }

    private mutating func set(_ setting: Setting) {
        guard let index = entries.firstIndex(where: { ParameterName.areEqual($0.name, setting.name) }) else {
            return add(setting)
        }
        if entries[index].isVariable != setting.isVariable { return reportNameClash(setting) }
        if entries[index].isImmutable { return reportRedefinition(of: entries[index].name, setting) }
        entries[index].name = setting.name
        entries[index].location = setting.location
        if setting.form != .append || setting.values.isEmpty { entries[index].values = [] }
        entries[index].values += setting.values
    }

    private mutating func add(_ setting: Setting) {
        let known = ParameterTable.reservedNames.first { ParameterName.areEqual(setting.name, $0) }
            .map { String(decoding: $0, as: UTF8.self) }
        let isKnown = known != nil && !setting.isVariable
        entries.append(
            Entry(
                name: setting.name, isVariable: setting.isVariable,
                isImmutable: isKnown && (known == "jid" || known == "name"), standsFor: isKnown ? known : nil,
                values: setting.values, location: setting.location))
        if known != nil && setting.isVariable { reportNameClash(setting) }
    }

    private mutating func reportNameClash(_ setting: Setting) {
        let name = setting.name.printable()
        report("variable \"$\(name)\" cannot have the same name as a parameter.", setting.location)
    }

    private mutating func reportRedefinition(of name: Bytes, _ setting: Setting) {
        report(
            "cannot redefine parameter \"\(name.printable())\".", setting.location,
            hint: "the block is named \(label.printable()); rename the block, or leave the parameter out")
    }

    private mutating func report(_ message: String, _ location: SourceLocation, hint: String? = nil) {
        errors.append(.init(ofJail: label, message, at: location, hint: hint, tree: tree))
    }
}

extension Diagnostic {
    /// An error of one jail: jail(8) writes the block's name before it.
    init(
        ofJail label: Bytes, _ message: String, at location: SourceLocation, hint: String? = nil,
        tree: ConfigurationTree
    ) {
        self.init(
            message.hasSuffix(".") ? String(message.dropLast()) : message, at: location, hint: hint,
            sourceLine: tree.line(at: location), jailMessage: label + Bytes(": \(message)".utf8))
    }
}
