internal import Glibc
internal import SystemPackage

/// Writes the cgroup files of a running jail whose values change, and reads them back.
struct LimitChange {
    private let record: JailRecord
    private let host: Host

    init(of record: JailRecord, host: Host) {
        self.record = record
        self.host = host
    }

    /// - Throws: what the kernel refused, when those before it have their old values again.
    func run(to spec: JailSpec) throws(RuntimeError) {
        var written: [(path: String, old: String)] = []
        for setting in spec.cgroup where !record.spec.cgroup.contains(where: { $0.isSame(as: setting) }) {
            do throws(RuntimeError) { written += [try write(setting)] } catch {
                for (path, old) in written.reversed() { try? Files.overwrite(path, with: Array(old.utf8)) }
                throw error
            }
        }
    }

    private func write(_ setting: CgroupSetting) throws(RuntimeError) -> (path: String, old: String) {
        let path = "\(record.cgroup)/\(setting.file)"
        do throws(Errno) {
            if !Files.exists(path) { try enable(setting.controller) }
            let old = try Files.text(path).trimmed
            try writeLine(setting.value, to: path)
            let words = try Files.text(path).split(whereSeparator: \.isWhitespace)
            if setting.value.split(whereSeparator: \.isWhitespace).allSatisfy(words.contains) { return (path, old) }
            try? writeLine(old, to: path)
            throw .invalidArgument
        } catch {
            let reason =
                error == .noSuchFileOrDirectory
                ? "this host has no such cgroup controller"
                : error == .invalidArgument
                    ? "the kernel does not take \(Terminal.escaped(setting.value))" : error.description
            throw .unsuitable(
                jail: record.spec.label, origin: setting.origin, "cgroup.\(setting.file): \(reason)", hint: nil)
        }
    }

    private func writeLine(_ text: String, to path: String) throws(Errno) {
        let file = try Files.open(path, O_WRONLY)
        try Files.write(Array(text.utf8), to: file.number)
    }

    /// From the top of the hierarchy down to the jails' parent.
    private func enable(_ controller: String) throws(Errno) {
        var path = host.cgroupTop
        let parts = record.cgroup.dropFirst(path.utf8.count).split(separator: "/").dropLast()
        for part in [""] + parts.map({ "/\($0)" }) {
            path += part
            if Cgroup(path: path).enabledControllers.contains(controller) { continue }
            try writeLine("+\(controller)", to: "\(path)/cgroup.subtree_control")
        }
    }
}

extension CgroupSetting {
    fileprivate func isSame(as other: CgroupSetting) -> Bool { file == other.file && value == other.value }
    fileprivate var controller: String { String(file.prefix { $0 != "." }) }
}
