internal import Glibc
internal import SystemPackage

/// A process that is in a jail's namespaces and cannot come back: whatever it did next, it would do to the wrong names.
enum LostProcess {
    private static let attempts = 100
    private static let pauseMicroseconds: UInt32 = 10000

    /// Comes back, or ends this process, which says so. What is left is taken back by whoever comes next, from the host's side.
    /// - Parameters:
    ///   - jail: for the message, as is what is done.
    ///   - leave: says why it could not; nil when it has.
    static func comeBack(_ jail: String, _ purpose: String = "leave the jail's namespaces", _ leave: () -> String?) {
        for attempt in 1...attempts {
            guard let objection = leave() else { return }
            if attempt == attempts { end("\(jail): cannot \(purpose): \(objection)") }
            usleep(pauseMicroseconds)
        }
    }

    private static func end(_ why: String) -> Never {
        try? Files.write(Array("jailrun: \(why)\n    hint: jailrun prune removes what is left\n".utf8), to: 2)
        _exit(125)
    }
}
