internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// The names that a running jail's processes read: those that it was given, or what root inside has made of them.
struct HostNames {
    let hostname: String
    let domain: String

    /// uname(2): 64 bytes and a 0.
    private static let capacity = 65

    /// Nil when the jail has ended.
    /// - Throws: when it could not be asked.
    init?(of record: JailRecord) throws(RuntimeError) {
        if record.pid <= 0 { return nil }
        let found = try attempt("cannot ask for the names of \(record.name)") { () throws(Errno) in
            try Self.names(of: record.pid)
        }
        guard let found, try record.isAlive() else { return nil }
        hostname = found.host
        domain = found.domain == "(none)" ? "" : found.domain  // Linux' word for none
    }

    /// Nil of a process that has ended, or whose names are not to be seen from here.
    private static func names(of pid: Int32) throws(Errno) -> (host: String, domain: String)? {
        var host = [CChar](repeating: 0, count: capacity)
        var domain = host
        do throws(Errno) {
            let pidfd = Descriptor(try checkedResult(cns_pidfd_open(pid)))
            _ = try unsafe checkedResult(cns_names_in(pidfd.number, &host, &domain, capacity))
        } catch {
            if [ESRCH, EPERM].contains(error.rawValue) { return nil }
            throw error
        }
        return (text(host), text(domain))
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
