/// What may be done with which devices: an entry of a device cgroup's list.
package struct DeviceRule: Equatable, Sendable {
    /// BPF_DEVCG_ACC_* of linux/bpf.h.
    package struct Access: OptionSet, Sendable {
        package let rawValue: UInt32
        package init(rawValue: UInt32) { self.rawValue = rawValue }
        package static let make = Self(rawValue: 1)
        package static let read = Self(rawValue: 2)
        package static let write = Self(rawValue: 4)
        package static let all: Self = [.make, .read, .write]
    }

    package var isAllowed: Bool
    /// Nil: both kinds.
    package var kind: DeviceNode.Kind?
    /// Nil: all numbers.
    package var major: UInt32?
    package var minor: UInt32?
    package var access: Access

    package init(
        isAllowed: Bool, kind: DeviceNode.Kind? = nil, major: UInt32? = nil, minor: UInt32? = nil,
        access: Access = .all
    ) {
        (self.isAllowed, self.kind, self.major, self.minor) = (isAllowed, kind, major, minor)
        self.access = access
    }

    /// Whether the list refuses nothing.
    static func allowsAll(_ rules: [DeviceRule]) -> Bool {
        rules.lastIndex(where: \.isAboutAll).map { rules[$0...].allSatisfy(\.isAllowed) } ?? false
    }

    var isAboutAll: Bool { kind == nil && major == nil && minor == nil && access == .all }
}
