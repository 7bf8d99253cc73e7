import CNamespaces
import Foundation
import JailCore
import Testing

@Suite("A user namespace for questions")
struct UserNamespaceTests {
    /// Each is held by a child, and a child that is forked meanwhile has the pipes of the one before it.
    @Test("threads that ask at once do not wait for each other", .enabled(if: geteuid() == 0))
    func atOnce() {
        let asked = DispatchGroup()
        for _ in 0..<4 {
            asked.enter()
            Thread.detachNewThread {
                defer { asked.leave() }
                for _ in 0..<50 {
                    let namespace = cns_user_namespace(1_879_048_192, 65536)
                    #expect(namespace >= 0)
                    close(namespace)
                }
            }
        }
        #expect(asked.wait(timeout: .now() + 120) == .success)
    }
}
