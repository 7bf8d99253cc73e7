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
    /// The entries by their names' bytes, those of one name in their own order. Not a dictionary, whose types are made at
    /// every start: docs/design/0009.
    private var places: [Int] = []
    private(set) var errors: [Diagnostic] = []

    init(label: Bytes, location: SourceLocation, tree: ConfigurationTree) {
        (self.label, self.location, self.tree) = (label, location, tree)
    }

    func hasImpliedOrSet(_ name: String) -> Bool { entries.contains { $0.standsFor == name } }

    /// `name` or `jid` from the block's name; immutable from then on.
    mutating func imply(_ name: String, _ block: Block) {
        let value = ValueTemplate(text: block.name, location: block.location)
        append(
            Entry(
                name: Bytes(name.utf8), isVariable: false, isImmutable: true, isImplied: true, standsFor: name,
                values: [value], location: block.location))
    }

    mutating func apply(_ settings: [Setting]) { settings.forEach { set($0) } }

    private mutating func append(_ entry: Entry) {
        entries.append(entry)
        place(entries.count - 1)
    }

    private mutating func place(_ index: Int) {
        places.insert(index, at: position(of: entries[index].name, index))
    }

    /// Where an entry of that name and number stands in `places`, or would.
    private func position(of name: Bytes, _ index: Int) -> Int {
        var (low, high) = (0, places.count)
        while low < high {
            let middle = (low + high) / 2
            let other = entries[places[middle]].name
            let isBefore = other == name ? places[middle] < index : other.lexicographicallyPrecedes(name)
            if isBefore { low = middle + 1 } else { high = middle }
        }
        return low
    }

    /// The first entry that is spelled so.
    private func first(spelled name: Bytes) -> Int? {
        let position = position(of: name, 0)
        guard position < places.count, entries[places[position]].name == name else { return nil }
        return places[position]
    }

    private mutating func rename(_ index: Int, to name: Bytes) {
        if entries[index].name == name { return }
        places.remove(at: position(of: entries[index].name, index))
        entries[index].name = name
        place(index)
    }

    /// The first entry of that parameter, however it is spelled.
    private func first(_ name: Bytes) -> Int? {
        guard let spellings = ParameterName.spellings(of: name) else {
            return entries.firstIndex { ParameterName.areEqual($0.name, name) }
        }
        return spellings.compactMap(first(spelled:)).min()
    }

    private mutating func set(_ setting: Setting) {
        guard let index = first(setting.name) else { return add(setting) }
        if entries[index].isVariable != setting.isVariable { return reportNameClash(setting) }
        if entries[index].isImmutable { return reportRedefinition(of: entries[index].name, setting) }
        rename(index, to: setting.name)
        entries[index].location = setting.location
        if setting.form != .append || setting.values.isEmpty { entries[index].values = [] }
        entries[index].values += setting.values
    }

    private mutating func add(_ setting: Setting) {
        let known = ParameterTable.reservedName(setting.name)
        let isKnown = known != nil && !setting.isVariable
        append(
            Entry(
                name: setting.name, isVariable: setting.isVariable,
                isImmutable: isKnown && (known == "jid" || known == "name"), standsFor: isKnown ? known : nil,
                values: setting.values, location: setting.location))
        if known != nil && setting.isVariable { reportNameClash(setting) }
    }

    private mutating func reportNameClash(_ setting: Setting) {
        report(
            Bytes("variable \"$".utf8) + setting.name + Bytes("\" cannot have the same name as a parameter.".utf8),
            setting.location)
    }

    private mutating func reportRedefinition(of name: Bytes, _ setting: Setting) {
        report(
            Bytes("cannot redefine parameter \"".utf8) + name + Bytes("\".".utf8), setting.location,
            hint: "the block is named \(label.printable()); rename the block, or leave out the parameter")
    }

    private mutating func report(_ message: Bytes, _ location: SourceLocation, hint: String? = nil) {
        errors.append(.init(ofJail: label, message, at: location, hint: hint, tree: tree))
    }
}

extension Diagnostic {
    /// An error of one jail: jail(8) writes the block's name before it, and the file's bytes as they are.
    init(
        ofJail label: Bytes, _ message: Bytes, at location: SourceLocation, hint: String? = nil,
        tree: ConfigurationTree
    ) {
        let text = message.printable()
        self.init(
            text.hasSuffix(".") ? String(text.dropLast()) : text, at: location, hint: hint,
            sourceLine: tree.line(at: location), jailMessage: label + Bytes(": ".utf8) + message)
    }
}
