internal import CNamespaces
internal import Glibc

/// The names that a running jail's processes read: those that it was given, or what root inside has made of them.
struct HostNames {
    let hostname: String
    let domain: String

    /// uname(2): 64 bytes and a 0.
    private static let capacity = 65

    /// Nil when the jail has ended.
    init?(of record: JailRecord) {
        let number = cns_pidfd_open(record.pid)
        guard number >= 0 else { return nil }
        let pidfd = Descriptor(number)
        var host = [CChar](repeating: 0, count: Self.capacity)
        var domain = host
        let result = unsafe cns_names_in(pidfd.number, &host, &domain, Self.capacity)
        guard result == 0, record.isAlive else { return nil }
        hostname = Self.text(host)
        let name = Self.text(domain)
        self.domain = name == "(none)" ? "" : name  // Linux' word for none
    }

    private static func text(_ name: [CChar]) -> String {
        String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
