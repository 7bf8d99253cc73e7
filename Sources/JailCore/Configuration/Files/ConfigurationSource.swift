/// Where configuration files come from: the file system, or a test's dictionary.
package protocol ConfigurationSource: Sendable {
    /// The bytes of a file; `-` is standard input.
    ///
    /// `isInclude` is true for a file that another one names: it must be a regular file.
    func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes

    /// The names in a directory, in any order, for the globs of `.include`; empty when there is no such directory.
    func names(in directory: String) throws(ConfigurationReadError) -> [String]

    /// The directory that a path is relative to.
    var workingDirectory: String { get }
}

extension ConfigurationSource {
    package var workingDirectory: String { "/" }
}

/// Why a file cannot be used, in the words of strerror(3) where the kernel said no.
package struct ConfigurationReadError: Error, Equatable, Sendable {
    package var reason: String
    package var hint: String?

    package init(_ reason: String, hint: String? = nil) {
        self.reason = reason
        self.hint = hint
    }
}
