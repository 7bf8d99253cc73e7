internal import CNamespaces
internal import Glibc
internal import SystemPackage

extension NetworkNamespace {
    /// Of this thread.
    static func own() throws(RuntimeError) -> Self {
        try attempt("cannot look at jailrun's own network") { () throws(Errno) in try ofThread() }
    }

    // MARK: The way there

    /// Where to find one that a jail's links and rules are in.
    enum Way {
        case here
        case there(String)
        /// No process is in it, and no file holds it, or another one has its inode: the kernel has taken it apart, with all that
        /// was in it.
        case gone
    }

    /// - Parameter keeper: who is looked at first.
    /// - Throws: when it was not found, and a process could not be looked at.
    func way(keeper: Int32) throws(RuntimeError) -> Way {
        let own = try Self.own()
        if own.hasInode(of: self) { return own.isSame(as: self) ? .here : .gone }
        // Few, and none of them another user's: processes are many, and one that cannot be looked at leaves a doubt.
        var place = try file()
        if place == nil { place = try process(keeper) }
        guard let place else { return .gone }
        return try isReplaced(at: place) ? .gone : .there(place)
    }

    /// Whether another one has its inode there, which only a look from inside tells.
    private func isReplaced(at place: String) throws(RuntimeError) -> Bool {
        guard cookie != nil, let visit = try NetworkVisit(place) else { return false }
        let found = try Self.own()
        _ = consume visit
        return found.hasInode(of: self) && !found.isSame(as: self)
    }

    private func process(_ keeper: Int32) throws(RuntimeError) -> String? {
        var doubt: (pid: String, error: Errno)?
        let all = try attempt("/proc") { () throws(Errno) in try Files.unsortedNames(in: "/proc") }
        for pid in ["\(keeper)"] + all where pid.utf8.allSatisfy(\.isDigit) {
            let place = "/proc/\(pid)/ns/net"
            do throws(Errno) {
                if try stands(place) { return place }
            } catch {
                // One that is reaped meanwhile is nobody's to look at: EACCES.
                if try Self.isThere(pid) { doubt = (pid, error) }
            }
        }
        guard let doubt else { return nil }
        throw .host(
            "its network is in another network namespace, \(name), which was not found: cannot look at that of process "
                + "\(doubt.pid): \(doubt.error.description)",
            hint: "run the command there: nsenter --net=FILE jailrun …")
    }

    private static func isThere(_ pid: String) throws(RuntimeError) -> Bool {
        try attempt("/proc/\(pid)") { () throws(Errno) in
            try Files.ifThere { () throws(Errno) in try Self.at("/proc/\(pid)") } != nil
        }
    }

    /// What ip-netns(8) mounts.
    private func file() throws(RuntimeError) -> String? {
        try attempt("/proc/self/mountinfo") { () throws(Errno) in
            for place in try MountTable.points(of: "nsfs", root: name) {
                if try stands(place) { return place }
            }
            return nil
        }
    }

    /// Whether the file is there, and has its inode.
    private func stands(_ place: String) throws(Errno) -> Bool {
        try Files.ifThere { () throws(Errno) in try Self.at(place) }?.hasInode(of: self) ?? false
    }
}

extension JailTrace {
    /// Whether its links and rules are in this process's network; always for what an older jailrun wrote.
    func isNetworkHere() throws(RuntimeError) -> Bool {
        guard hasNetwork, let home else { return true }
        return try NetworkNamespace.own().isSame(as: home)
    }

    /// Nothing of its network can be changed from here.
    func elsewhere() throws(RuntimeError) -> RuntimeError? {
        guard try !isNetworkHere(), let home else { return nil }
        guard case .there(let place) = try home.way(keeper: supervisor) else {
            return .unsuitable(
                jail: label, origin: .commandLine, "its network was in a network namespace that is gone, \(home.name)",
                hint: "jail -mr makes the jail anew")
        }
        // jail(8) has no hints.
        return .unsuitable(
            jail: label, origin: .commandLine,
            "its network is in another network namespace, for nsenter(1) that of \(place)", hint: nil)
    }
}

/// The thread is in another network namespace for as long as this lives.
struct NetworkVisit: ~Copyable {
    private let home: CInt

    /// - Parameter place: a file that stands for the namespace. Nil when it is gone.
    init?(_ place: String) throws(RuntimeError) {
        var home: CInt = -1
        let isEntered = try attempt("cannot enter \(place)") { () throws(Errno) in
            guard let namespace = try Files.ifThere({ () throws(Errno) in try Files.open(place) }) else { return false }
            let code = unsafe cns_enter_network(namespace.number, &home)
            if code != 0 { throw Errno(rawValue: -code) }
            return true
        }
        if !isEntered { return nil }
        self.home = home
    }

    deinit { cns_leave_network(home) }
}
