internal import Glibc
internal import SystemPackage

/// Looks for the programs of commands as execve(2) would, in a root that is not entered: along a PATH, executable, and with
/// what the kernel needs to run them, the interpreter of a `#!` line or of an ELF program.
///
/// A start does not ask: its execve(2) is the answer, and this says afterwards what was missing. `check` asks before.
final class CommandLookup {
    private let tree: RootTree
    /// Folders with a colon between them.
    let path: String
    /// The host's, whose PATH differs from caller to caller.
    private let isHosts: Bool
    /// What the jail can have at most, where capabilities of files count; nil where they do not.
    private let capabilities: CapabilitySet?

    private init(_ tree: RootTree, path: String, isHosts: Bool, capabilities: CapabilitySet? = nil) {
        (self.tree, self.path, self.isHosts, self.capabilities) = (tree, path, isHosts, capabilities)
    }

    /// In a jail's root as it will be, with what its file mounts there.
    /// - Parameter user: who is to execute it; nil, if that is not known, may whatever somebody may.
    convenience init(rootOf jail: ConfiguredJail, as user: StartFacts.User? = nil) {
        self.init(RootTree(of: jail), path: Lowering.path, isHosts: false, capabilities: jail.privileges.ofFiles)
        tree.rights = user.map { Rights($0, inside: jail) }
    }

    /// In the root of a jail, with all that is mounted there as long as its first process lives.
    convenience init(inside jail: JailRecord) {
        // A process that has ended has none. It may end at any moment: its root is opened once.
        let opened =
            (try? Files.open("/proc/\(jail.pid)/root", Int32(OpenFlags([.path, .directory]).rawValue)))
            ?? Descriptor.none
        let isGone = !opened.isOpen
        let root = "/proc/self/fd/\(opened.number)"
        self.init(
            isGone ? RootTree(of: jail.spec) : RootTree(folders: [root]), path: Lowering.path, isHosts: false,
            capabilities: jail.spec.privileges.ofFiles)
        tree.rights = Self.user(of: jail.spec, root: isGone ? RootSource(jail.spec).path : root).map {
            Rights($0, inside: jail.spec)
        }
        _ = consume opened
    }

    /// `exec.jail_user`; nil where none is named, or none is found any more.
    private static func user(of jail: ConfiguredJail, root: String) -> StartFacts.User? {
        guard let name = jail.commands.jailUser?.value else { return nil }
        if jail.commands.isJailUserOfHost.value { return PasswordFile.host.user(name) }
        guard let folder = try? Files.open(root, Int32(OpenFlags([.path, .directory]).rawValue)) else { return nil }
        return PasswordFile(root: folder.number).user(name)
    }

    /// On the host.
    /// - Parameters:
    ///   - isClean: `exec.clean`.
    ///   - user: `exec.system_user`.
    convenience init(onHost isClean: Bool, as user: StartFacts.User? = nil) {
        let callers = unsafe getenv("PATH").map { unsafe String(cString: $0) } ?? Lowering.path
        let path = isClean ? HookLowering.cleanPath : callers
        self.init(RootTree(folders: ["/"]), path: path, isHosts: true)
        tree.rights = user.map { Rights($0) }
    }

    /// The kernel's BINPRM_BUF_SIZE: a `#!` line is no longer.
    private static let headerBytes = 256
    /// As often as the kernel lets interpreters be scripts.
    private static let deepest = 5

    /// What a command needs and the root does not have.
    struct Lack: Equatable {
        enum Problem: Equatable {
            case missing(Errno)
            case interpreter(String, Errno)
            /// Where it would be is not known before something is mounted.
            case unseen
            /// Neither `#!` nor a program: ENOEXEC.
            case noProgram
            case foreign(machine: UInt16)
            /// It has these, and cannot do without: capabilities(7), "Safety checking for capability-dumb binaries".
            case capabilities(CapabilitySet)
        }

        var program: String
        var problem: Problem
        /// The folder, or file, that keeps the user out.
        var barrier: String?
        /// The command fails for it. A shell goes on without, and the kernel may have been taught to run what it does not know.
        var isCertain = true
    }

    // MARK: -

    /// Of the programs of a command, as far as its text tells.
    func lacks(of command: JailCommand) -> [Lack] {
        command.programs.compactMap { program in
            if !program.isCertain && !isNameKept(program.name) { return nil }
            guard var lack = lack(of: program.name) else { return nil }
            lack.isCertain = lack.isCertain && program.isCertain
            return lack
        }
    }

    /// Nil when nothing is known to be missing.
    func lack(of program: String) -> Lack? {
        if tree.isEmpty { return nil }
        if program.utf8.contains(UInt8(ascii: "/")) {
            // Where the host's commands are run is not known here.
            return isHosts && !program.hasPrefix("/") ? nil : lack(of: program, at: [program], depth: 0)
        }
        guard var lack = lack(of: program, at: Self.places(of: program, along: path), depth: 0) else { return nil }
        let isElsewhere =
            isHosts && self.lack(of: program, at: Self.places(of: program, along: Lowering.path), depth: 0) == nil
        lack.isCertain = lack.isCertain && !isElsewhere
        return lack
    }

    private static func places(of program: String, along path: String) -> [String] {
        path.split(separator: ":").map { "\($0)/\(program)" }
    }

    /// A busybox shell may have programs of its own, of which no file tells.
    private func isNameKept(_ name: String) -> Bool {
        if name.utf8.contains(UInt8(ascii: "/")) { return true }
        guard let shell = try? tree.open("bin/sh"), let target = Self.place(of: shell.file) else { return true }
        return target.split(separator: "/").last != "busybox"
    }

    /// execve(2) of the first candidate that can be executed; the answer of the last, but EACCES of any.
    private func lack(of program: String, at places: [String], depth: Int) -> Lack? {
        var answer = Errno.noSuchFileOrDirectory
        var barrier: String?
        var isUnseen = false
        for place in places {
            do throws(RootTree.Absence) {
                let found = try executable(place)
                return lack(of: program, in: found.file, depth: depth)
            } catch {
                switch error {
                case .unknown: isUnseen = true
                case .barred(let place): (answer, barrier) = (.permissionDenied, barrier ?? place)
                case .errno(.noSuchFileOrDirectory), .errno(.notDirectory): continue
                case .errno(.permissionDenied): answer = .permissionDenied
                case .errno(let other): return Lack(program: program, problem: .missing(other))
                }
            }
        }
        if isUnseen { return Lack(program: program, problem: .unseen, isCertain: false) }
        // Root may enter every folder.
        return Lack(
            program: program, problem: .missing(answer), barrier: barrier,
            isCertain: answer != .permissionDenied || geteuid() == 0)
    }

    /// Of whoever asks: an id inside has the rights of another one outside.
    private func executable(_ place: String) throws(RootTree.Absence) -> RootTree.Found {
        let found = try tree.open(place)
        var status = stat()
        if unsafe fstat(found.file.number, &status) < 0 { throw .errno(.current) }
        let isProgram = status.st_mode & S_IFMT == S_IFREG && status.st_mode & 0o111 != 0 && !found.isNoExec
        if !isProgram { throw .errno(.permissionDenied) }
        if let rights = tree.rights, !rights.mayExecute(found.file, status) { throw .barred(place) }
        return found
    }

    private static func place(of file: borrowing Descriptor) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe readlink("/proc/self/fd/\(file.number)", $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        return count > 0 ? String(decoding: buffer[..<count], as: UTF8.self) : nil
    }

    // MARK: What the kernel reads of it

    private func lack(of program: String, in file: borrowing Descriptor, depth: Int) -> Lack? {
        do throws(Errno) {
            let opened = try Files.open("/proc/self/fd/\(file.number)")
            let header = try Self.read(opened, at: 0, Self.headerBytes)
            if header.starts(with: "#!".utf8) { return script(program, header, depth) }
            if let missing = capabilities.map({ FileCapabilities(of: opened).missing(from: $0) }), !missing.isEmpty {
                return Lack(program: program, problem: .capabilities(missing))
            }
            if let elf = ELFHeader(header) { return try binary(program, elf, header, opened) }
            let isText = header.allSatisfy { $0 >= 0x20 && $0 < 0x7f || (0x09...0x0d).contains($0) || $0 >= 0x80 }
            return Lack(program: program, problem: .noProgram, isCertain: isText || !KnownFormats.mayTake(header))
        } catch {
            // Who may execute a program need not be one who may read it.
            return error == .permissionDenied ? nil : Lack(program: program, problem: .missing(error))
        }
    }

    private static func read(_ file: borrowing Descriptor, at offset: Int, _ count: Int) throws(Errno) -> [UInt8] {
        var buffer = [UInt8](repeating: 0, count: count)
        let got = unsafe pread(file.number, &buffer, count, off_t(offset))
        if got < 0 { throw .current }
        return Array(buffer[..<got])
    }

    private func script(_ program: String, _ header: [UInt8], _ depth: Int) -> Lack? {
        let line = header.dropFirst(2).prefix { $0 != UInt8(ascii: "\n") && $0 != 0 }
        let words = line.split { $0 == UInt8(ascii: " ") || $0 == UInt8(ascii: "\t") || $0 == UInt8(ascii: "\r") }
            .map { String(decoding: $0, as: UTF8.self) }
        guard let interpreter = words.first else { return Lack(program: program, problem: .noProgram) }
        // A line of MS-DOS ends in a carriage return, which belongs to the name.
        let name = line.last == UInt8(ascii: "\r") && words.count == 1 ? "\(interpreter)\r" : interpreter
        guard depth < Self.deepest else { return nil }
        if let lack = lack(of: name, at: [name], depth: depth + 1) {
            if case .interpreter = lack.problem {
                return Lack(
                    program: program, problem: lack.problem, barrier: lack.barrier, isCertain: lack.isCertain)
            }
            return Lack(
                program: program, problem: .interpreter(lack.program, lack.errno), barrier: lack.barrier,
                isCertain: lack.isCertain)
        }
        guard name.hasSuffix("/env"), words.count == 2, !words[1].hasPrefix("-"),
            !words[1].utf8.contains(UInt8(ascii: "=")), let lack = lack(of: words[1])
        else { return nil }
        return Lack(program: program, problem: .interpreter(words[1], lack.errno), isCertain: lack.isCertain)
    }

    private func binary(
        _ program: String, _ elf: ELFHeader, _ header: [UInt8], _ file: borrowing Descriptor
    ) throws(Errno) -> Lack? {
        if elf.isForeign {
            let isKnown = KnownFormats.mayTake(header)
            return Lack(program: program, problem: .foreign(machine: elf.machine), isCertain: !isKnown)
        }
        guard let table = elf.programTable,
            let place = ELFHeader.interpreter(in: try Self.read(file, at: table.offset, table.size)),
            case let bytes = try Self.read(file, at: place.offset, place.size), bytes.count == place.size
        else { return nil }
        let interpreter = String(decoding: bytes.prefix { $0 != 0 }, as: UTF8.self)
        do throws(RootTree.Absence) {
            _ = try executable(interpreter)
            return nil
        } catch {
            switch error {
            case .errno(let errno): return Lack(program: program, problem: .interpreter(interpreter, errno))
            case .barred(let place):
                return Lack(program: program, problem: .interpreter(interpreter, .permissionDenied), barrier: place)
            case .unknown: return Lack(program: program, problem: .unseen, isCertain: false)
            }
        }
    }
}

extension CommandLookup.Lack {
    /// What execve(2) says of it.
    var errno: Errno {
        switch problem {
        case .missing(let errno), .interpreter(_, let errno): errno
        case .unseen: .noSuchFileOrDirectory
        case .noProgram, .foreign: Errno(ENOEXEC)
        case .capabilities: Errno(EPERM)
        }
    }

    /// The program first, the cause last.
    var message: String { "\(Terminal.escaped(program)): \(cause)" }

    /// `TEXT: CAUSE`, in the words of the start that fails for it.
    func words(for line: JailCommand) -> String { "\(Terminal.escaped(line.text)): \(cause(in: line))" }

    /// With the program, where the command does not begin with its name.
    func cause(in line: JailCommand) -> String {
        line.isShell || line.arguments.first != program ? message : cause
    }

    private var cause: String {
        switch problem {
        case .missing(let errno): errno.description
        case .interpreter(let interpreter, let errno):
            "its interpreter \(Terminal.escaped(interpreter)): \(errno.description)"
        case .unseen: "not visible before the jail's mounts are made"
        case .noProgram: errno.description
        case .foreign(let machine): "built for another machine: \(ELFHeader.name(of: machine))"
        case .capabilities(let missing):
            "the file has \(missing.capabilities.map(\.name).enumerated), which the jail does not have"
        }
    }

    /// What to do about it.
    func hint(path: String) -> String? {
        if let barrier {
            let place = Terminal.escaped(barrier)
            return "the user who executes it may not enter \(place): chmod a+x \(place), or chown it to that user"
        }
        return switch problem {
        case .missing(.noSuchFileOrDirectory) where !program.utf8.contains(UInt8(ascii: "/")): "looked for in \(path)"
        case .missing(.permissionDenied):
            "it is not a file, not executable (chmod +x), or on a mount with noexec"
        case .noProgram: "its first line names no interpreter, such as #!/bin/sh"
        case .capabilities(let missing) where missing == CapabilitySet([.netRaw]):
            "allow.raw_sockets; or leave out allow.suid, then ping needs no capability"
        case .capabilities(let missing):
            "cap.add = \(missing.capabilities.map(\.shortName).joined(separator: ", ")); or leave out allow.suid, "
                + "and the file's capabilities are ignored"
        case .missing, .interpreter, .unseen, .foreign: nil
        }
    }
}
