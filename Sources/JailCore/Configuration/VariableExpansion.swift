/// Puts the values of variables and parameters in the place of `$name`.
///
/// The order in which parameters are visited and moved is jail(8)'s, since its `-e` shows it: a parameter that still
/// has references of its own is expanded before the one that uses it, and moved in front of it.
struct VariableExpansion {
    private struct Entry {
        var parameter: ParameterMerge.Entry
        var values: [PartialValue]
        /// Parameters of one chain of references share a generation: meeting one's own is a loop.
        var generation = 0
        var isBad = false
    }

    private let merge: ParameterMerge
    private var entries: [Entry]
    /// Indices of the entries, as they are visited and listed.
    private var order: [Int]
    private lazy var named = Dictionary(grouping: entries.indices) { merge.entries[$0].name }
    private var errors: [Diagnostic]
    private var generation = 0
    /// The entries of this generation.
    private var chain: [Int] = []
    /// Bytes that substitution may still add to this jail: a few lines can double a value dozens of times.
    private var budget = 4 << 20

    init(_ merge: ParameterMerge) {
        self.merge = merge
        entries = merge.entries.map { Entry(parameter: $0, values: $0.values.map { PartialValue($0) }) }
        order = Array(entries.indices)
        errors = merge.errors
    }

    mutating func expanded() -> EffectiveJail {
        var place = 0
        while place < order.count {
            generation += 1
            chain = []
            join(order[place])
            place = expand(place) + 1
        }
        return EffectiveJail(
            label: merge.label, location: merge.location,
            parameters: order.map { entries[$0] }.filter { !$0.parameter.isVariable }.map(Self.effective),
            errors: errors)
    }

    private mutating func join(_ index: Int) {
        entries[index].generation = generation
        chain.append(index)
    }

    /// Expands the parameter at a place of the order, or the first one it depends on; returns the place of that.
    private mutating func expand(_ start: Int) -> Int {
        var place = start
        var index = order[place]
        var value = 0
        while value < entries[index].values.count {
            guard let reference = entries[index].values[value].reference else {
                value += 1
                continue
            }
            switch lookUp(reference, for: index, value) {
            case .ready(let found):
                entries[index].values[value].fill(found[0].text)
                // The first value goes into the text; further ones follow as values of their own.
                let location = entries[index].values[value].location
                let further = found.dropFirst().map { PartialValue(ValueTemplate(text: $0.text, location: location)) }
                entries[index].values.insert(contentsOf: further, at: value + 1)
                value += further.count
            case .pending(let other):
                place = move(other, before: place)
                index = other
                value = 0
            case .failed:
                entries[index].values[value].skip()
            }
        }
        return place
    }

    private enum Lookup {
        case ready([PartialValue])
        case pending(Int)
        case failed
    }

    private mutating func lookUp(_ reference: ValueTemplate.Reference, for index: Int, _ value: Int) -> Lookup {
        if budget < 0 { return markBad() }
        let user = entries[index].parameter.name + Bytes(": ".utf8)
        let name = reference.name
        let place = entries[index].values[value].location
        guard let other = first(reference.name), !entries[other].values.isEmpty else {
            let message = user + Bytes("variable \"".utf8) + name + Bytes("\" not found".utf8)
            return fail(message, place, hint: notFoundHint(name.printable()))
        }
        if entries[other].isBad { return markBad() }
        if entries[other].generation == generation { return fail(name + Bytes(": variable loop".utf8), place) }
        let found = entries[other].values
        if found.contains(where: { $0.reference != nil }) { return .pending(other) }
        if found.count > 1 && !entries[index].values[value].isOnlyAReference {
            return fail(user + Bytes("array cannot be substituted inline".utf8), place)
        }
        budget -= found.reduce(0) { $0 + $1.text.count + 16 }
        return budget < 0 ? fail(user + Bytes("value too long after substitution".utf8), place) : .ready(found)
    }

    private func notFoundHint(_ name: String) -> String {
        "write \\$\(name), or use single quotes, if it is meant for the shell"
    }

    private mutating func fail(_ message: Bytes, _ location: SourceLocation, hint: String? = nil) -> Lookup {
        errors.append(.init(ofJail: merge.label, message, at: location, hint: hint, tree: merge.tree))
        return markBad()
    }

    /// Whoever uses one of this chain fails silently: the cause has been told.
    private mutating func markBad() -> Lookup {
        for index in chain { entries[index].isBad = true }
        return .failed
    }

    /// The first in order of that name: renaming can leave two.
    private mutating func first(_ name: Bytes) -> Int? {
        guard let indices = named[name], indices.count > 1 else { return named[name]?.first }
        return order.first(where: indices.contains)
    }

    /// Only what stands between the two places is shifted: a chain of a thousand variables moves a thousand times.
    private mutating func move(_ index: Int, before place: Int) -> Int {
        join(index)
        if let from = order[place...].firstIndex(of: index) {
            for position in stride(from: from, to: place, by: -1) { order[position] = order[position - 1] }
            order[place] = index
            return place
        }
        let from = order[..<place].firstIndex(of: index) ?? 0
        for position in from..<place - 1 { order[position] = order[position + 1] }
        order[place - 1] = index
        return place - 1
    }

    private static func effective(_ entry: Entry) -> EffectiveParameter {
        EffectiveParameter(
            name: entry.parameter.name,
            values: entry.values.map { ParameterValue(bytes: $0.text, location: $0.location) },
            location: entry.parameter.location, isImplied: entry.parameter.isImplied)
    }
}

/// A value whose references are filled in from the left, each byte being copied once.
private struct PartialValue {
    /// Complete when no reference is left.
    private(set) var text: Bytes = []
    private let template: ValueTemplate
    private var copied = 0
    private var next = 0

    init(_ template: ValueTemplate) {
        self.template = template
        finish()
    }

    var location: SourceLocation { template.location }

    /// The first reference that has no value yet.
    var reference: ValueTemplate.Reference? {
        next < template.references.count ? template.references[next] : nil
    }

    /// Nothing but one reference: a list can take its place.
    var isOnlyAReference: Bool { text.isEmpty && template.text.isEmpty && next == template.references.count - 1 }

    mutating func fill(_ value: Bytes) {
        let position = template.references[next].position
        text += template.text[copied..<position]
        text += value
        copied = position
        skip()
    }

    /// The reference stands for nothing.
    mutating func skip() {
        next += 1
        finish()
    }

    private mutating func finish() {
        guard next == template.references.count else { return }
        text += template.text[copied...]
        copied = template.text.count
    }
}
