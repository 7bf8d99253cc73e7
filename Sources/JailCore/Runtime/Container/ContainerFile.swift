internal import Glibc
internal import SystemPackage

/// Files that a caller of the runtime names.
package enum ContainerFile {
    private static let mostBytes = 16 << 20

    /// - Parameter path: `-` is standard input.
    package static func bytes(_ path: String) throws(RuntimeError) -> [UInt8] {
        try attempt("cannot read \(Terminal.escaped(path))") { () throws(Errno) in
            if path == "-" { return try Files.standardInput(limit: mostBytes) }
            return try Files.read(try Files.open(path), limit: mostBytes)
        }
    }

    static func configuration(_ path: String) throws(RuntimeError) -> RuntimeConfiguration {
        try configuration(try bytes(path), path)
    }

    /// - Parameter path: their file, in messages.
    static func configuration(_ bytes: [UInt8], _ path: String) throws(RuntimeError) -> RuntimeConfiguration {
        do throws(Diagnostic) { return try RuntimeConfiguration(bytes, file: path) } catch {
            throw .file(jail: nil, error)
        }
    }

    /// - Throws: when there is one of that name.
    package static func make(_ path: String, _ bytes: [UInt8]) throws(RuntimeError) {
        try attempt("cannot make \(Terminal.escaped(path))") { () throws(Errno) in
            let file = try Files.open(path, O_WRONLY | O_CREAT | O_EXCL, mode: 0o644)
            try Files.write(bytes, to: file.number)
        }
    }
}
