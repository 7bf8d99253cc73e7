internal import SystemPackage

/// Whether the kernel can hold links to a jail's addresses: one without that family of nftables cannot, and a start fails there.
/// Who only looks asks once, since the kernel waits for every processor before it answers.
final class HoldTrial {
    private struct Answer {
        var errno: Errno?
        var message: String
    }

    private var answer: Answer?

    /// - Throws: what the start of a jail with that operation fails with.
    func check(_ hold: LinkHold, _ netlink: borrowing Netlink) throws(NetlinkError) {
        if answer == nil { answer = try ask(hold, netlink) }
        guard let answer, let errno = answer.errno else { return }
        throw .operation(.holdLink(hold), errno, message: answer.message)
    }

    private func ask(_ hold: LinkHold, _ netlink: borrowing Netlink) throws(NetlinkError) -> Answer {
        do throws(NetlinkError) {
            try netlink.tryHold(hold)
            return Answer(message: "")
        } catch {
            guard case .operation(_, let errno, let message) = error else { throw error }
            return Answer(errno: errno, message: message)
        }
    }
}
