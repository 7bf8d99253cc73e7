internal import CNamespaces
internal import Glibc

/// A terminal whose keys are read one by one, as long as this exists.
package final class RawTerminal {
    private let descriptor: Int32
    private let saved: [UInt8]

    /// Nil if it is not a terminal.
    package init?(_ descriptor: Int32) {
        var bytes = [UInt8](repeating: 0, count: 128)
        guard unsafe cns_make_raw(descriptor, &bytes, bytes.count) == 0 else { return nil }
        (self.descriptor, saved) = (descriptor, bytes)
    }

    deinit { _ = unsafe cns_restore_terminal(descriptor, saved) }
}
