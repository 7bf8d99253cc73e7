internal import SystemPackage

/// The rules of this machine: devfs.rules(5).
extension DevfsRules {
    static let hostPath = "/etc/devfs.rules"

    /// - Returns: the bytes of the file; nil when there is none.
    /// - Throws: `.refused` when others can write it, or it cannot be read: it decides what a jail may open.
    static func hostBytes() throws(DevfsRulesError) -> Bytes? {
        do throws(Errno) { if try !Files.isThere(hostPath) { return nil } } catch {
            throw .refused(file: hostPath, error.description, hint: nil)
        }
        do throws(ConfigurationReadError) {
            return try FileConfigurationSource().contents(of: hostPath, isInclude: true)
        } catch { throw .refused(file: hostPath, error.reason, hint: error.hint) }
    }

    /// - Throws: the first line that is no rule, and what `hostBytes()` throws.
    static func ofHost() throws(DevfsRulesError) -> DevfsRules {
        guard let bytes = try hostBytes() else { return .standard }
        return try DevfsRules(reading: bytes, file: hostPath)
    }
}
