internal import Glibc
internal import SystemPackage

/// A log and the older ones beside it, `log.1` and on, by their folder's descriptor: a jail may write to the folder, and to those
/// above it, and put links in their places at any moment.
final class LogFile {
    let path: String
    private let name: String
    private let walk: HostWalk
    private var folder: Int32 = -1

    init(_ path: String, walk: HostWalk) {
        (self.path, self.walk) = (path, walk)
        name = HostWalk.parts(path).name
    }

    deinit { if folder >= 0 { close(folder) } }

    /// Never waits, and makes no terminal the process's own.
    func open(_ flags: Int32, _ suffix: String = "", mode: UInt32 = 0) throws(HostWalkError) -> Descriptor {
        let flags = flags | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK
        let isKept = folder >= 0
        let place = try openFolder()
        do throws(Errno) { return try Files.open(name + suffix, at: place, flags, mode: mode) } catch {
            // The folder may have been removed, and made anew, since it was opened.
            guard isKept, error.meansAbsent else { throw HostWalkError(error) }
        }
        close(folder)
        folder = -1
        return try open(flags, suffix, mode: mode)
    }

    /// Before the jail runs, which could put another in its place. What it lacks is reported when the log is opened.
    func openPresentFolder() { _ = try? openFolder() }

    private func openFolder() throws(HostWalkError) -> Int32 {
        if folder < 0 { folder = try walk.openFolder(of: path).release() }
        return folder
    }

    /// Nil when there is none.
    func inode(_ suffix: String = "") throws(HostWalkError) -> ino_t? {
        var status = stat()
        do throws(HostWalkError) {
            let folder = try openFolder()
            if unsafe fstatat(folder, name + suffix, &status, AT_SYMLINK_NOFOLLOW) == 0 { return status.st_ino }
            throw HostWalkError(.current)
        } catch {
            if error.errno.meansAbsent { return nil }
            throw error
        }
    }

    /// The log becomes `log.1`, and so on; what would be older than `kept` is gone.
    func rotate(kept: Int) {
        guard let folder = try? openFolder() else { return }
        if kept == 0 {
            _ = unsafe unlinkat(folder, name, 0)
            return
        }
        for number in stride(from: kept - 1, through: 1, by: -1) {
            _ = unsafe renameat(folder, "\(name).\(number)", folder, "\(name).\(number + 1)")
        }
        _ = unsafe renameat(folder, name, folder, "\(name).1")
    }

    func remove() {
        guard let folder = try? openFolder() else { return }
        _ = unsafe unlinkat(folder, name, 0)
        var number = 1
        while unsafe unlinkat(folder, "\(name).\(number)", 0) == 0 { number += 1 }
    }
}

extension ConfiguredJail {
    /// To a log that cannot be opened, by a start and by `check`.
    func objection(toLog path: String, _ error: HostWalkError) -> RuntimeError {
        .unsuitable(
            jail: label, origin: log.file?.origin ?? .commandLine,
            "cannot write the log \(Terminal.escaped(path)): \(error.description)", hint: error.hint)
    }

    /// FreeBSD's words, but for a file of the root's.
    func objection(toConsoleLog log: Located<String>, _ error: HostWalkError) -> RuntimeError {
        let isLink = error.errno == .tooManySymbolicLinkLevels
        return .unsuitable(
            jail: label, origin: log.origin,
            "\(isBelowRoot(log.value) ? "exec.consolelog:" : "open") \(Terminal.escaped(log.value)): \(error.description)",
            hint: error.hint ?? (isLink ? "the path must not have a symbolic link in it" : nil))
    }

    func isBelowRoot(_ file: String) -> Bool { path.value != "/" && file.hasPrefix(path.value + "/") }
}
