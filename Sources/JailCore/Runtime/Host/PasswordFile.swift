internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// passwd(5) and group(5), read by ourselves: the C library's look-ups load modules, and from a jail's root that would be its
/// author's code. A jail's files are hostile data: bounded, numbers are digits only, a number is never looked up as a name.
struct PasswordFile {
    private let users: [[Substring]]
    private let groups: [[Substring]]
    /// Why a user that is not found here may yet be in passwd(5): it could not be read.
    private(set) var passwdFailure: RuntimeError?
    /// Why a user may be in groups that are not found here.
    private(set) var groupFailure: RuntimeError?
    var failure: RuntimeError? { passwdFailure ?? groupFailure }

    /// The host's.
    static let host = PasswordFile(of: "the host's") { (path) throws(Errno) in try Files.text("/\(path)") }

    init(passwd: String, group: String) {
        users = Self.lines(passwd)
        groups = Self.lines(group)
    }

    /// Of users that were looked up, and their groups.
    init(_ users: [StartFacts.User]) {
        self.init(
            passwd: users.map { "\($0.name):x:\($0.uid):\($0.gid)::\($0.home):\($0.shell)" }.joined(separator: "\n"),
            group: users.flatMap { user in user.groups.map { "\($0):x:\($0):\(user.name)" } }.joined(separator: "\n"))
    }

    /// Without passwords, and without what people are called.
    var passwd: String {
        users.filter { $0.count >= 7 }.map { "\($0[0]):x:\($0[2]):\($0[3])::\($0[5]):\($0[6])" }.joined(separator: "\n")
    }
    var group: String {
        groups.filter { $0.count >= 4 }.map { "\($0[0]):x:\($0[2]):\($0[3])" }.joined(separator: "\n")
    }

    /// Below a root directory, through nothing that leads out of it.
    init(root: Int32) {
        self.init(of: "the jail's") { (path) throws(Errno) in
            String(decoding: try Files.read(try RootPath.openRegular(path, root: root)), as: UTF8.self)
        }
    }

    private init(of owner: String, _ text: (String) throws(Errno) -> String) {
        /// A file that is not there has no names; no more has what is no regular file.
        func read(_ path: String, _ failure: inout RuntimeError?) -> String {
            do throws(Errno) { return try text(path) } catch {
                if !error.meansAbsent && error.rawValue != EINVAL {
                    failure = .system("cannot read \(owner) /\(path)", error)
                }
                return ""
            }
        }
        var (passwdFailure, groupFailure): (RuntimeError?, RuntimeError?) = (nil, nil)
        self.init(passwd: read("etc/passwd", &passwdFailure), group: read("etc/group", &groupFailure))
        (self.passwdFailure, self.groupFailure) = (passwdFailure, groupFailure)
    }

    private static func lines(_ text: String) -> [[Substring]] {
        text.split(separator: "\n").map { $0.split(separator: ":", omittingEmptySubsequences: false) }
    }

    /// The home of the first user of that number; nil where there is none.
    func home(of user: UInt32) -> String? {
        users.first { $0.count >= 7 && Self.id($0[2]) == user }.map { String($0[5]) }
    }

    /// The user of that name or number, with its groups; nil when there is none. A number needs no entry.
    func user(_ name: String) -> StartFacts.User? {
        guard let entry = entry(name), let uid = Self.id(entry[2]), let gid = Self.id(entry[3]) else {
            return Self.id(name).map {
                StartFacts.User(name: name, uid: $0, gid: $0, groups: [], home: "/", shell: "/bin/sh")
            }
        }
        return StartFacts.User(
            name: String(entry[0]), uid: uid, gid: gid, groups: supplementary(of: entry[0], primary: gid),
            home: entry[5].hasPrefix("/") ? String(entry[5]) : "/",
            shell: entry[6].hasPrefix("/") ? String(entry[6]) : "/bin/sh")
    }

    private func entry(_ name: String) -> [Substring]? {
        let number = Self.id(name)
        // Out of range: not the name of whoever the root's author lets be called so.
        if number == nil, name.utf8.allSatisfy({ (0x30...0x39).contains($0) }) { return nil }
        return users.first { fields in
            guard fields.count >= 7 else { return false }
            return number == nil ? fields[0] == name : Self.id(fields[2]) == number
        }
    }

    /// Whether passwd(5) has the user of that name or number: who is not there is in no group.
    func hasEntry(_ name: String) -> Bool { entry(name) != nil }

    /// The user of that name or number; nil when there is none.
    /// - Throws: when one of the files could not be read: it may name the user, or its groups.
    func known(_ name: String) throws(RuntimeError) -> StartFacts.User? {
        if let failure { throw failure }
        return user(name)
    }

    private func supplementary(of name: Substring, primary: UInt32) -> [UInt32] {
        let member = groups.filter { $0.count >= 4 && $0[3].split(separator: ",").contains(name) }
        return [primary] + member.compactMap { Self.id($0[2]) }.filter { $0 != primary }
    }

    /// Of all users, in the file's order.
    var names: [String] { users.filter { $0.count >= 7 }.map { String($0[0]) } }

    func uid(_ name: String) -> UInt32? { users.first { $0.count >= 7 && $0[0] == name }.flatMap { Self.id($0[2]) } }
    func gid(_ name: String) -> UInt32? { groups.first { $0.count >= 3 && $0[0] == name }.flatMap { Self.id($0[2]) } }

    /// Digits only, no leading zero, up to 4294967294: 4294967295 means "no change" to the kernel.
    static func id(_ text: some StringProtocol) -> UInt32? {
        guard text.utf8.allSatisfy({ (0x30...0x39).contains($0) }), text.first != "0" || text.utf8.count == 1,
            let id = UInt32(text), id != .max
        else { return nil }
        return id
    }
}

extension RuntimeError {
    var isTooLarge: Bool { if case .system(_, .fileTooLarge) = self { true } else { false } }
}

/// openat2(2) below a root directory: RESOLVE_IN_ROOT, no magic links.
enum RootPath {
    private static let noMagicLinks: UInt64 = 0x02
    private static let noSymlinks: UInt64 = 0x04
    private static let inRoot: UInt64 = 0x10
    /// Who goes on renaming can keep a walk from its end for as long as he likes.
    private static let mostTries = 128

    /// - Parameter mode: of a file that is made.
    /// - Throws: `EAGAIN` when a rename raced each of the walks.
    static func open(
        _ path: String, root: Int32, flags: Int32, mode: UInt64 = 0, followingLinks: Bool = true
    ) throws(Errno) -> Descriptor {
        let resolve = inRoot | noMagicLinks | (followingLinks ? 0 : noSymlinks)
        var how = (UInt64(UInt32(bitPattern: flags | O_CLOEXEC)), mode, resolve)
        var tries = 0
        while true {
            let result = unsafe cns_openat2(root, path, &how, MemoryLayout.size(ofValue: how))
            if result == -EINTR { continue }
            tries += 1
            if result == -EAGAIN && tries < mostTries { continue }
            return Descriptor(try checkedResult(result))
        }
    }

    /// Opens a file for reading if it is a regular one: to open a device or a FIFO of a hostile tree is to do something.
    static func openRegular(_ path: String, root: Int32) throws(Errno) -> Descriptor {
        let place = try open(path, root: root, flags: Int32(OpenFlags.path.rawValue))
        var status = stat()
        _ = try unsafe checked(fstat(place.number, &status))
        guard status.st_mode & S_IFMT == S_IFREG else { throw Errno(EINVAL) }
        return try Files.open("/proc/self/fd/\(place.number)")
    }
}
