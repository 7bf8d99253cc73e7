/// Puts the values of variables and parameters in the place of `$name`.
///
/// The order in which parameters are visited and moved is jail(8)'s, since its `-e` shows it: a parameter that still has
/// references of its own is expanded before the one that uses it, and moved in front of it.
struct VariableExpansion {
    private struct Entry {
        var parameter: ParameterMerge.Entry
        /// Parameters of one chain of references share a generation: meeting one's own is a loop.
        var generation = 0
        var isBad = false
    }

    private let merge: ParameterMerge
    private var entries: [Entry]
    private var errors: [Diagnostic]
    private var generation = 0
    /// Bytes that substitution may still add to this jail: a few lines can double a value dozens of times.
    private var budget = 4 << 20

    init(_ merge: ParameterMerge) {
        self.merge = merge
        entries = merge.entries.map { Entry(parameter: $0) }
        errors = merge.errors
    }

    mutating func expanded() -> EffectiveJail {
        var index = 0
        while index < entries.count {
            generation += 1
            entries[index].generation = generation
            index = expand(index) + 1
        }
        return EffectiveJail(
            label: merge.label, location: merge.location,
            parameters: entries.filter { !$0.parameter.isVariable }.map(\.parameter.effective), errors: errors)
    }

    /// Expands one parameter, or the first one it depends on; returns the index of that.
    private mutating func expand(_ start: Int) -> Int {
        var index = start
        var value = 0
        while value < entries[index].parameter.values.count {
            guard let reference = entries[index].parameter.values[value].references.first else {
                value += 1
                continue
            }
            switch lookUp(reference, for: index) {
            case .ready(let values):
                substitute(values, in: index, value)
                value += max(0, values.count - 1)
            case .pending(let other):
                index = moveBefore(index, other)
                value = 0
            case .failed:
                entries[index].parameter.values[value].references.removeFirst()
            }
        }
        return index
    }

    private enum Lookup {
        case ready([ValueTemplate])
        case pending(Int)
        case failed
    }

    private mutating func lookUp(_ reference: ValueTemplate.Reference, for index: Int) -> Lookup {
        let user = entries[index].parameter.name.printable()
        let name = reference.name.printable()
        guard let other = entries.firstIndex(where: { $0.parameter.name == reference.name }),
            !entries[other].parameter.values.isEmpty
        else { return fail("\(user): variable \"\(name)\" not found", index, hint: notFoundHint(name)) }
        if entries[other].isBad { return markBad() }
        if entries[other].generation == generation { return fail("\(name): variable loop", index) }
        let values = entries[other].parameter.values
        if values.contains(where: { !$0.references.isEmpty }) { return .pending(other) }
        if values.count > 1 && !isAlone(index) {
            return fail("\(user): array cannot be substituted inline", index)
        }
        budget -= values.reduce(0) { $0 + $1.text.count + 64 }
        return budget < 0 ? fail("\(user): value too long after substitution", index) : .ready(values)
    }

    /// The value being expanded, the first that has references, consists of one variable.
    private func isAlone(_ index: Int) -> Bool {
        entries[index].parameter.values.first { !$0.references.isEmpty }
            .map { $0.text.isEmpty && $0.references.count == 1 } ?? true
    }

    private func notFoundHint(_ name: String) -> String {
        "write \\$\(name), or use single quotes, if the shell is to see it"
    }

    private mutating func fail(_ message: String, _ index: Int, hint: String? = nil) -> Lookup {
        let values = entries[index].parameter.values
        let location = values.first { !$0.references.isEmpty }?.location ?? entries[index].parameter.location
        errors.append(.init(ofJail: merge.label, message, at: location, hint: hint, tree: merge.tree))
        return markBad()
    }

    /// Whoever uses one of this chain fails silently: the cause has been told.
    private mutating func markBad() -> Lookup {
        for index in entries.indices where entries[index].generation == generation { entries[index].isBad = true }
        return .failed
    }

    private mutating func moveBefore(_ index: Int, _ other: Int) -> Int {
        var moved = entries.remove(at: other)
        moved.generation = generation
        let place = other < index ? index - 1 : index
        entries.insert(moved, at: place)
        return place
    }

    /// The first value goes into the text; further ones follow as values of their own.
    private mutating func substitute(_ values: [ValueTemplate], in index: Int, _ value: Int) {
        var target = entries[index].parameter.values[value]
        let reference = target.references.removeFirst()
        target.text.insert(contentsOf: values[0].text, at: reference.position)
        for later in target.references.indices { target.references[later].position += values[0].text.count }
        let further = values.dropFirst().map { ValueTemplate(text: $0.text, location: target.location) }
        entries[index].parameter.values[value] = target
        entries[index].parameter.values.insert(contentsOf: further, at: value + 1)
    }
}

extension ParameterMerge.Entry {
    fileprivate var effective: EffectiveParameter {
        EffectiveParameter(
            name: name, values: values.map { ParameterValue(bytes: $0.text, location: $0.location) }, location: location,
            isImplied: isImplied)
    }
}
