/// A block name that stands for several jails: `*` is a whole component between dots.
package struct JailWildcard: Equatable, Sendable {
    let components: [ArraySlice<UInt8>]

    /// Nil when the name is an ordinary one, as `f*o` is.
    package init?(_ name: Bytes) {
        components = Self.parts(of: name)
        if !components.contains([.star]) { return nil }
    }

    /// A `*` that is not last matches exactly one component, a last one matches one or more.
    package func matches(_ name: Bytes) -> Bool { matches(Self.parts(of: name)) }

    static func parts(of name: Bytes) -> [ArraySlice<UInt8>] {
        name.split(separator: .dot, omittingEmptySubsequences: false)
    }

    func matches(_ parts: [ArraySlice<UInt8>]) -> Bool {
        let isOpenEnded = components.last == [.star]
        guard isOpenEnded ? parts.count >= components.count : parts.count == components.count else { return false }
        return zip(components, parts).allSatisfy { $0 == [.star] || $0 == $1 }
    }
}
