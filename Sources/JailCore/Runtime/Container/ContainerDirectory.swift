internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// What is recorded of a container, in a directory that is its id's name: `state.json`, a copy of its `config.json`, and the socket
/// on which it waits to be started.
package struct ContainerDirectory: Sendable {
    package let root: String
    package let id: String

    /// - Throws: `.host` for an id that is none.
    package init(root: String, id: String) throws(RuntimeError) {
        (self.root, self.id) = (root, id)
        let isPlain = id.utf8.allSatisfy { byte in
            byte.isLetter || byte.isDigit
                || [.dot, UInt8(ascii: "-"), UInt8(ascii: "_"), UInt8(ascii: "+")].contains(byte)
        }
        if id.isEmpty || !isPlain || id == "." || id == ".." || id.utf8.count > 255 {
            throw .host(
                "invalid container ID \"\(Terminal.escaped(id))\"", hint: "letters, digits, and . _ - +, at most 255")
        }
    }

    var path: String { "\(root)/\(id)" }
    var configurationPath: String { "\(path)/config.json" }
    private var recordPath: String { "\(path)/state.json" }
    private static let socket = "control"

    /// - Throws: `.host` when there is one of that name.
    func make() throws(RuntimeError) {
        do throws(Errno) {
            try Files.makeDirectories(root, mode: 0o700)
            _ = try unsafe checked(mkdir(path, 0o700))
        } catch {
            if error == .fileExists { throw .host("container with ID \"\(id)\" already exists", hint: nil) }
            throw .system("cannot make \(path)", error)
        }
    }

    /// What is not there is gone.
    func remove() throws(RuntimeError) {
        try attempt("cannot remove \(path)") { () throws(Errno) in
            for name in try Files.namesIfThere(in: path) { _ = unsafe unlink("\(path)/\(name)") }
            if unsafe rmdir(path) < 0, errno != ENOENT { throw .current }
        }
    }

    // MARK: The record

    func write(_ record: ContainerRecord) throws(RuntimeError) {
        try attempt("cannot write \(recordPath)") { () throws(Errno) in
            try Files.replace(recordPath, with: record.json.bytes, isSynced: false)
        }
    }

    /// Nil: a half-made one has none.
    func readIfThere() throws(RuntimeError) -> ContainerRecord? {
        let bytes = try attempt("cannot read \(recordPath)") { () throws(Errno) in try Files.recorded(recordPath) }
        guard let bytes else { return nil }
        do throws(Diagnostic) { return try ContainerRecord(bytes, file: recordPath) } catch {
            throw .file(jail: nil, error)
        }
    }

    /// - Throws: `.host` when there is no such container, in words that engines look for.
    package func read() throws(RuntimeError) -> ContainerRecord {
        if let record = try readIfThere() { return record }
        throw .host("container \"\(id)\" does not exist", hint: nil)
    }

    func configuration() throws(RuntimeError) -> RuntimeConfiguration {
        try ContainerFile.configuration(configurationPath)
    }

    func write(configuration bytes: [UInt8]) throws(RuntimeError) {
        try attempt("cannot write \(configurationPath)") { () throws(Errno) in
            try Files.replace(configurationPath, with: bytes, isSynced: false)
        }
    }

    // MARK: The socket

    func listen() throws(RuntimeError) -> Descriptor {
        try attempt("cannot make \(path)/\(Self.socket)") { () throws(Errno) in
            let directory = try Files.open(path, Int32(OpenFlags([.path, .directory]).rawValue))
            return Descriptor(try unsafe checkedResult(cns_listen_in(directory.number, Self.socket)))
        }
    }

    /// Nil when the container waits no more: its process listens until it becomes the one that was asked for.
    func connect() throws(RuntimeError) -> Descriptor? {
        do throws(Errno) {
            let directory = try Files.open(path, Int32(OpenFlags([.path, .directory]).rawValue))
            return Descriptor(try unsafe checkedResult(cns_connect_in(directory.number, Self.socket)))
        } catch {
            if error.meansAbsent || error == .connectionRefused { return nil }
            throw .system("cannot reach the first process of container \"\(id)\"", error)
        }
    }
}
