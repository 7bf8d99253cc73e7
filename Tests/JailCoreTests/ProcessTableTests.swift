import Foundation
import Glibc
import Testing

@testable import JailCore

@Suite("Processes of the host")
struct ProcessTableTests {
    /// A shell that does not read SIGQUIT.
    private func deafShell(_ script: String) throws -> pid_t {
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        defer { posix_spawnattr_destroy(&attributes) }
        var mask = sigset_t()
        sigemptyset(&mask)
        sigaddset(&mask, SIGQUIT)
        posix_spawnattr_setsigmask(&attributes, &mask)
        posix_spawnattr_setflags(&attributes, Int16(POSIX_SPAWN_SETSIGMASK))
        var pid: pid_t = 0
        let words = ["/bin/sh", "-c", script]
        var arguments: [UnsafeMutablePointer<CChar>?] = words.map { strdup($0) } + [nil]
        defer { arguments.forEach { free($0) } }
        try #require(posix_spawn(&pid, "/bin/sh", nil, &attributes, &arguments, environ) == 0)
        return pid
    }

    private func end(_ pid: pid_t) {
        kill(pid, SIGKILL)
        waitpid(pid, nil, 0)
    }

    @Test("who sleeps over a signal is deaf, and who only waits for a processor is not")
    func deaf() throws {
        let sleeper = try deafShell("exec sleep 1000")
        let worker = try deafShell("while :; do :; done")
        defer { [sleeper, worker].forEach(end) }
        for pid in [sleeper, worker] { kill(pid, SIGQUIT) }
        var isDeaf = false
        for _ in 0..<500 where !isDeaf {
            usleep(10000)
            isDeaf = ProcessTable.isDeaf(sleeper, to: SIGQUIT)
        }
        #expect(isDeaf && !ProcessTable.isDeaf(worker, to: SIGQUIT))
    }
}
