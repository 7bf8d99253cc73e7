import CNamespaces
import Glibc
import Testing

@testable import JailCore

@Suite("Words over a socket whose other end is closed")
struct ControlSocketTests {
    /// A pair whose first end has something unread.
    private func pair() -> [Int32] {
        var ends: [Int32] = [-1, -1]
        #expect(cns_control_pair(&ends) == 0)
        #expect(cns_send(ends[1], Int32(CNS_READY.rawValue), 0, 0, nil, 0) == 0)
        return ends
    }

    @Test("an order that was given before the end is heard, though the giver left news unread") func order() {
        let ends = pair()
        for order in [SupervisedRun.Order.beside(pid: 300), .letGo] {
            var words = order.words
            #expect(send(ends[0], &words, 8, 0) == 8)
        }
        close(ends[0])
        #expect(SupervisedRun.Order(from: ends[1]) == .beside(pid: 300))
        #expect(SupervisedRun.Order(from: ends[1]) == .letGo)
        #expect(SupervisedRun.Order(from: ends[1]) == nil)
        close(ends[1])
    }

    @Test("a report that was sent before the end is received, though its sender left one unread") func report() {
        let ends = pair()
        #expect(cns_send(ends[0], Int32(CNS_FINISHED.rawValue), 7, 0, nil, 0) == 0)
        close(ends[0])
        var report = cns_report()
        #expect(cns_receive(ends[1], &report, nil, 0, 0) == 0)
        #expect(report.index == 7)
        #expect(cns_receive(ends[1], &report, nil, 0, 0) == -ECONNRESET)
        close(ends[1])
    }
}
