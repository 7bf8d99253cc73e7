/// resolv.conf(5), as far as a jail can use it.
struct ResolverFile {
    private let lines: [[Substring]]

    init(_ text: String) {
        lines = text.split(separator: "\n").map { $0.split { $0 == " " || $0 == "\t" } }
    }

    private func values(of keyword: Substring) -> [String] {
        lines.filter { $0.first == keyword && $0.count > 1 }.map { $0.dropFirst().joined(separator: " ") }
    }

    /// Those that `isReachable` says, as they are written.
    func servers(_ isReachable: (InternetAddress) -> Bool) -> [String] {
        values(of: "nameserver").filter { InternetAddress($0).map(isReachable) ?? false }
    }

    /// Lines of everything but the servers. Other keywords are of no system's resolver that a jail has.
    var settings: [String] {
        ["domain", "search", "options"].flatMap { keyword in values(of: keyword[...]).map { "\(keyword) \($0)" } }
    }
}
