/// Every parameter that jailrun knows, and what jailrun does with it: the only source for `check`, `params`, `jls`,
/// `jail -m` and the documentation.
package enum ParameterTable {
    /// How a value is written.
    package enum Kind: String, Sendable, CaseIterable {
        case boolean = "bool"
        /// `disable`, `new` or `inherit`.
        case jailsys
        case integer = "int"
        case string
        /// An absolute path of the host.
        case path
        case list
        /// Shell commands, run in the order in which they are written.
        case commands = "command list"
        /// Known, but not settable.
        case readOnly = "read-only"
    }

    /// What jailrun does with a parameter.
    package enum Fate: Equatable, Sendable {
        case done
        /// Harmless as long as the value is one of `values`; `otherwise` says why another one is refused.
        case noted(why: String, values: NotedValues, otherwise: String)
        /// A permission that no jail gets, and why: who asks for it gets a jail that is tighter.
        case withheld(String)
        /// It would promise what is not kept; the text names the alternative.
        case refused(String)

        /// Whether a jail has the value that is set, which is not one that is accepted and has no effect.
        var isInForce: Bool {
            switch self {
            case .noted(_, .any, _), .withheld: false
            case .done, .noted, .refused: true
            }
        }

        /// `done`, `noted` or `refused`.
        package var name: String {
            switch self {
            case .done: "done"
            case .noted, .withheld: "noted"
            case .refused: "refused"
            }
        }
    }

    /// The values of a noted parameter that have no effect here.
    package enum NotedValues: Equatable, Sendable {
        case any
        case boolean(Bool)
        case words([String])
        case numbers(ClosedRange<Int>)
    }

    package struct Row: Equatable, Sendable {
        /// The name; a last component `*` stands for any: `cgroup.*`.
        package var name: String
        package var kind: Kind
        /// The default's value as it would be written, empty for none.
        package var standard: String
        package var fate: Fate
        /// One line, no full stop.
        package var meaning: String
        /// The Linux mechanism that carries it.
        package var mechanism: String
        /// A name that jail(8) itself uses, which no variable may have.
        package var isReserved = false
        /// A line of jail.conf(5) that sets it; empty for a parameter that cannot be set.
        package var example: String
        package var change: Change
        package var listing: Listing
        package var reading: Reading

        /// The part before the `*` of a family of names.
        var prefix: String? { name.hasSuffix(".*") ? String(name.dropLast()) : nil }

        /// Most names differ in length from most others, by anything but `no`.
        fileprivate func isSpelled(_ name: Bytes) -> Bool {
            let difference = abs(self.name.utf8.count - name.count)
            guard difference == 0 || difference == ParameterName.no.count, prefix == nil else { return false }
            return ParameterName.areEqual(name, Bytes(self.name.utf8))
        }

        fileprivate func isFamily(of name: Bytes) -> Bool {
            guard let prefix else { return false }
            return name.starts(with: prefix.utf8) && name.count > prefix.utf8.count
        }
    }

    /// The row of a name that is spelled as it stands there, or is of a family; nil for one with a `no` too many.
    static func row(exactly name: String) -> Row? {
        row(Bytes(name.utf8)).flatMap { $0.prefix != nil || $0.name == name ? $0 : nil }
    }

    /// The reserved name that this is a spelling of, with or without `no`.
    static func reservedName(_ name: Bytes) -> String? {
        first { $0.isReserved && $0.isSpelled(name) }?.name
    }

    /// The row of a name, spelled with or without `no`, or of the family it belongs to.
    package static func row(_ name: Bytes) -> Row? {
        first { $0.name.utf8.count == name.count && $0.name.utf8.elementsEqual(name) }
            ?? first { $0.isSpelled(name) || $0.isFamily(of: name) }
    }

    /// The known name that a mistyped one most likely means.
    package static func suggestion(for name: Bytes) -> String? {
        guard let text = name.text else { return nil }
        let names = rows.filter { $0.prefix == nil }.map(\.name)
        let isNegated = ParameterName.isNegated(name)
        let negations = isNegated ? names.map(negated) : []
        return Spelling(text).closest(in: names + negations)
    }

    private static func negated(_ name: String) -> String {
        let start = name.utf8.lastIndex(of: .dot).map { name.utf8.index(after: $0) } ?? name.startIndex
        return name[..<start] + "no" + name[start...]
    }
}
