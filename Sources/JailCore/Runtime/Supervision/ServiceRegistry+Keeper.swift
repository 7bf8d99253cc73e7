internal import Glibc
internal import SystemPackage

/// Who looks after a jail is also what a link beside its record leads to, `services/NAME.keeper -> PID.STARTTIME`: it is known
/// when the record cannot be read, and wherever that process is. An older jailrun makes no such link.
extension ServiceRegistry {
    static let keeperSuffix = ".keeper"

    struct Keeper: Equatable {
        var pid: Int32
        var startTime: UInt64

        init(of record: ServiceRecord) { (pid, startTime) = (record.supervisor, record.supervisorStartTime) }

        /// Nil for what `text` has not made.
        init?(text: String) {
            let words = text.split(separator: ".", omittingEmptySubsequences: false)
            guard words.count == 2, let pid = Int32(words[0]), pid > 0, let startTime = UInt64(words[1]) else {
                return nil
            }
            (self.pid, self.startTime) = (pid, startTime)
        }

        var text: String { "\(pid).\(startTime)" }
    }

    private func keeperPath(_ name: String) -> String { path(name).dropLast(".json".count) + Self.keeperSuffix }

    /// - Throws: when it could not be looked at. What is no such link is none.
    func keeper(of name: String) throws(RuntimeError) -> Keeper? {
        var target = [UInt8](repeating: 0, count: 64)
        let count = unsafe target.withUnsafeMutableBytes {
            unsafe readlink(keeperPath(name), $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        if count >= 0 { return Keeper(text: String(decoding: target[..<count], as: UTF8.self)) }
        let error = Errno.current
        if error.meansAbsent || error == .invalidArgument { return nil }
        throw .system("cannot look at \(Terminal.escaped(keeperPath(name)))", error)
    }

    /// Where it cannot be made there is none, and not a former one's.
    func noteKeeper(of record: ServiceRecord) {
        let keeper = Keeper(of: record)
        if (try? self.keeper(of: record.name)) == keeper { return }
        forgetKeeper(of: record.name)
        _ = unsafe symlink(keeper.text, keeperPath(record.name))
    }

    func forgetKeeper(of name: String) { _ = unsafe unlink(keeperPath(name)) }
}
