import Glibc
import SystemPackage
import Testing

@testable import JailCore

@Suite("Profiles in the OCI JSON form")
struct SeccompProfileTests {
    private func conditions(_ capabilities: [Capability] = [], kernel: String = "6.1") throws
        -> SeccompProfile.Conditions
    {
        var conditions = try SeccompProfile.Conditions.thisMachine(with: CapabilitySet(capabilities))
        conditions.kernel = try #require(KernelVersion(kernel))
        return conditions
    }

    private func compile(_ json: String, _ conditions: SeccompProfile.Conditions? = nil) throws -> SeccompFilter {
        let profile = try SeccompProfile(json: Array(json.utf8), name: "p.json")
        return try profile.compile(under: conditions ?? self.conditions())
    }

    @Test("rules answer with their action, all else with the default")
    func actions() throws {
        let filter = try compile(
            """
            {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 13, "syscalls": [
              {"names": ["read", "listns"], "action": "SCMP_ACT_ALLOW"},
              {"names": ["write"], "action": "SCMP_ACT_ERRNO", "errnoRet": 5},
              {"names": ["reboot"], "action": "SCMP_ACT_KILL_PROCESS"},
              {"names": ["no_such_call"], "action": "SCMP_ACT_ALLOW"}]}
            """)
        #expect(try filter.answer(to: "read") == .allow)
        #expect(try filter.answer(to: "write") == .errno(5))
        #expect(try filter.answer(to: "reboot") == .other(0x8000_0000))
        #expect(try filter.answer(to: "mount") == .errno(13))
    }

    @Test("numbers above the newest that a refusing profile names are absent, those below answer the default")
    func unknownNumbers() throws {
        let refusing = try compile(
            #"{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [{"names": ["openat2"], "action": "SCMP_ACT_ALLOW"}]}"#)
        #expect(try refusing.answer(to: SeccompCall(number: 436)) == .forbidden)
        #expect(try refusing.answer(to: SeccompCall(number: 437)) == .allow)
        for number: UInt32 in [438, 470, 1000, 0x3fff_ffff] {
            #expect(try refusing.answer(to: SeccompCall(number: number)) == .absent, "\(number)")
        }
        let allowing = try compile(
            #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["openat2"], "action": "SCMP_ACT_ERRNO"}]}"#)
        #expect(try allowing.answer(to: SeccompCall(number: 1000)) == .allow)
        #expect(try allowing.answer(to: SeccompCall(number: 437)) == .forbidden)
    }

    @Test("arguments are compared by every operator, and two on one index are alternatives")
    func arguments() throws {
        let filter = try compile(
            """
            {"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
              {"names": ["socket"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 38, "op": "SCMP_CMP_LT"}, {"index": 0, "value": 39, "op": "SCMP_CMP_EQ"},
                {"index": 0, "value": 40, "op": "SCMP_CMP_GT"}]},
              {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 2114060288, "valueTwo": 0, "op": "SCMP_CMP_MASKED_EQ"}]},
              {"names": ["kill"], "action": "SCMP_ACT_ALLOW", "args": [
                {"index": 0, "value": 5, "op": "SCMP_CMP_GE"}, {"index": 1, "value": 9, "op": "SCMP_CMP_NE"}]}]}
            """)
        let families = try (UInt64(0)..<50).filter { try filter.answer(to: "socket", $0) == .allow }
        #expect(families == Array(0..<38) + [39] + Array(41..<50))
        #expect(try filter.answer(to: "clone", 17) == .allow)
        #expect(try filter.answer(to: "clone", 0x1000_0000) == .forbidden)
        #expect(try filter.answer(to: "kill", 5, 15) == .allow)
        #expect(try filter.answer(to: "kill", 5, 9) == .forbidden)
        #expect(try filter.answer(to: "kill", 4, 15) == .forbidden)
    }

    #if arch(x86_64)
    @Test("an architecture that is not listed is absent, a listed one has the rules")
    func architectures() throws {
        let rules = #""syscalls": [{"names": ["getpid"], "action": "SCMP_ACT_ALLOW"}]"#
        let native = try compile(#"{"defaultAction": "SCMP_ACT_ERRNO", \#(rules)}"#)
        let both = try compile(
            #"{"defaultAction": "SCMP_ACT_ERRNO", "architectures": ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86", "SCMP_ARCH_X32"], \#(rules)}"#
        )
        let compat = SeccompCall(architecture: SeccompCall.i386, number: 20)
        let x32 = SeccompCall(number: 39 | 0x4000_0000)
        #expect(try native.answer(to: compat) == .absent)
        #expect(try native.answer(to: x32) == .absent)
        #expect(try both.answer(to: compat) == .allow)
        #expect(try both.answer(to: x32) == .allow)
        #expect(try both.answer(to: SeccompCall(number: 39)) == .allow)
        #expect(try both.answer(to: SeccompCall(architecture: SeccompCall.i386, number: 19)) == .forbidden)
        #expect(try both.answer(to: SeccompCall(architecture: SeccompCall.i386, number: 21)) == .absent)
        #expect(try both.answer(to: SeccompCall(number: 41 | 0x4000_0000)) == .absent)
    }
    #endif

    @Test("moby's conditions on capabilities, kernels and machines hold")
    func mobyConditions() throws {
        let json = """
            {"defaultAction": "SCMP_ACT_ERRNO", "archMap": [
                {"architecture": "SCMP_ARCH_X86_64", "subArchitectures": []}, {"architecture": "SCMP_ARCH_AARCH64"}],
             "syscalls": [
              {"names": ["openat2"], "action": "SCMP_ACT_ALLOW", "args": null, "comment": "", "includes": {}, "excludes": {}},
              {"names": ["ptrace"], "action": "SCMP_ACT_ALLOW", "includes": {"minKernel": "4.8"}},
              {"names": ["mount"], "action": "SCMP_ACT_ALLOW", "includes": {"caps": ["CAP_SYS_ADMIN"]}},
              {"names": ["clone"], "action": "SCMP_ACT_ALLOW", "excludes": {"caps": ["CAP_SYS_ADMIN"], "arches": ["s390"]}},
              {"name": "reboot", "action": "SCMP_ACT_ALLOW", "includes": {"arches": ["s390x"]}}]}
            """
        let plain = try compile(json, conditions())
        #expect(try plain.answer(to: "ptrace") == .allow)
        #expect(try plain.answer(to: "mount") == .forbidden)
        #expect(try plain.answer(to: "clone") == .allow)
        #expect(try plain.answer(to: "reboot") == .forbidden)
        let administrator = try compile(json, conditions([.sysAdmin]))
        #expect(try administrator.answer(to: "mount") == .allow)
        #expect(try administrator.answer(to: "clone") == .forbidden)
        #expect(try compile(json, conditions(kernel: "4.4")).answer(to: "ptrace") == .forbidden)
    }

    @Test("flags reach the call", arguments: [("SECCOMP_FILTER_FLAG_LOG", 2), ("SECCOMP_FILTER_FLAG_SPEC_ALLOW", 4)])
    func flags(name: String, bit: UInt32) throws {
        #expect(try compile(#"{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["\#(name)"]}"#).flags == bit)
    }

    @Test(
        "a profile that cannot be meant is refused, with its place",
        arguments: [
            ("{", ""), ("[]", ""), ("{}", "defaultAction: missing"),
            (
                #"{"defaultAction": "SCMP_ACT_ALOW"}"#,
                "defaultAction: unknown value \"SCMP_ACT_ALOW\" (did you mean \"SCMP_ACT_ALLOW\"?)"
            ),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "defaultErrnoRet": 1}"#,
                "defaultErrnoRet: SCMP_ACT_ALLOW returns no errno"
            ),
            (#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 4096}"#, "defaultErrnoRet: 4096: more than 4095"),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": [], "action": "SCMP_ACT_ERRNO"}]}"#,
                "syscalls[0].names: empty"
            ),
            (#"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"]}]}"#, "syscalls[0].action: missing"),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}]}"#,
                "syscalls[0].action: SCMP_ACT_NOTIFY needs a listener"
            ),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}]}"#,
                "syscalls[0].args[0].index: 6: a system call has"
            ),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ERRNO", "args": [{"index": 0, "value": 0, "op": "EQ"}]}]}"#,
                "syscalls[0].args[0].op: "
            ),
            (
                #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": [], "archMap": []}"#,
                "archMap: architectures is given, too"
            ),
        ])
    func malformed(json: String, expected: String) {
        let error = #expect(throws: SeccompError.self) { try compile(json) }
        guard case .malformed(let diagnostic) = error else {
            Issue.record("\(String(describing: error))")
            return
        }
        #expect(diagnostic.location?.file == "p.json" && diagnostic.message.hasPrefix(expected), "\(diagnostic)")
    }

    @Test("what is wrong in a profile is told with its line, a caret below the value, and what to do")
    func places() throws {
        func told(_ json: String) -> String {
            do throws(SeccompError) {
                _ = try SeccompProfile(json: Array(json.utf8), name: "p.json")
                return "nothing"
            } catch { return "\(error)" }
        }
        let word = """
            {
                "defaultAction": "SCMP_ACT_ERRNO",
                "syscalls": [{"names": ["read"],
            \t\t"action": "SCMP_ACT_ALOW"}]
            }
            """
        let message = "syscalls[0].action: unknown value \"SCMP_ACT_ALOW\" (did you mean \"SCMP_ACT_ALLOW\"?)"
        #expect(
            told(word) == """
                seccomp profile p.json:4:13: \(message)
                \t\t"action": "SCMP_ACT_ALOW"}]
                \t\t          ^
                """)
        #expect(
            told(#"{"defaultActon": "SCMP_ACT_ERRNO"}"#) == """
                seccomp profile p.json:1:1: defaultAction: missing
                {"defaultActon": "SCMP_ACT_ERRNO"}
                ^
                hint: it has "defaultActon": a spelling mistake?
                """)
        #expect(
            told(#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}"#) == """
                seccomp profile p.json:1:56: defaultErrnoRet: -1: not a whole number between 0 and 4294967295
                {"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": -1}
                \(String(repeating: " ", count: 55))^
                """)
    }

    @Test("an architecture that libseccomp does not know is an error that names it")
    func unknownArchitecture() {
        #expect(throws: SeccompError.compilation("architecture SCMP_ARCH_VAX", .invalidArgument)) {
            try compile(
                #"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_VAX"]}"#)
        }
    }

    @Test(
        "kernel releases are compared by number",
        arguments: [("4.8", "4.10"), ("4.19.0-21-amd64", "5.1"), ("5.15-rc1", "6.0")])
    func kernelVersions(older: String, newer: String) throws {
        #expect(try #require(KernelVersion(older)) < #require(KernelVersion(newer)))
    }
}

@Suite("The cache of compiled filters")
struct SeccompCacheTests {
    private func withDirectory(_ body: (FilePath) throws -> Void) throws {
        var template = Array("/tmp/jailrun-test.XXXXXX".utf8CString)
        let made = template.withUnsafeMutableBufferPointer { mkdtemp($0.baseAddress!) != nil }
        try #require(made)
        let path = FilePath(String(decoding: template.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self))
        defer { removeTree(path) }
        try body(path)
    }

    private func removeTree(_ path: FilePath) {
        for name in names(in: path) { unlink("\(path)/\(name)") }
        for name in names(in: path) { removeTree(path.appending(name)) }
        rmdir("\(path)")
    }

    private func names(in path: FilePath) -> [String] {
        guard let directory = opendir("\(path)") else { return [] }
        defer { closedir(directory) }
        var names: [String] = []
        while let entry = readdir(directory) {
            let name = withUnsafePointer(to: &entry.pointee.d_name) {
                $0.withMemoryRebound(to: CChar.self, capacity: 256) { String(cString: $0) }
            }
            if name != "." && name != ".." { names.append(name) }
        }
        return names.sorted()
    }

    private func write(_ bytes: [UInt8], to path: FilePath) throws {
        let file = try FileDescriptor.open(
            path, .writeOnly, options: [.create, .truncate], permissions: [.ownerReadWrite])
        _ = try file.closeAfter { try file.writeAll(bytes) }
    }

    private func privileges(_ seccomp: PrivilegeSpec.Seccomp) -> PrivilegeSpec {
        var privileges = PrivilegeSpec.standard
        privileges.seccomp.value = seccomp
        return privileges
    }

    @Test("what was compiled once is found, whole, under one file of mode 0600 in a directory of mode 0700")
    func roundTrip() throws {
        try withDirectory { parent in
            let directory = parent.appending("seccomp")
            let cache = SeccompCache(directory: directory)
            var filter = SeccompFilter.standard
            filter.flags = 6
            #expect(cache.filter(for: [1]) == nil)
            cache.store(filter, for: [1])
            #expect(cache.filter(for: [1]) == filter)
            #expect(cache.filter(for: [2]) == nil)
            let files = names(in: directory)
            try #require(files.count == 1)
            let modes = try [directory, directory.appending(files[0])].map { try $0.stat().permissions.rawValue }
            #expect(modes == [0o700, 0o600])
        }
    }

    @Test(
        "a file that is no program is compiled again",
        arguments: [
            [], Array("00000000".utf8), Array("00000000garbage".utf8),
            Array("xxxxxxxx".utf8) + [6, 0, 0, 0, 0, 0, 0xff, 0x7f],
            Array("00000000".utf8) + [0x20, 0, 0, 0, 0, 0, 0, 0],
            Array("00000000".utf8) + [UInt8](repeating: 6, count: 4097 * 8),
        ] as [[UInt8]])
    func damagedFiles(content: [UInt8]) throws {
        try withDirectory { directory in
            let cache = SeccompCache(directory: directory)
            cache.store(.standard, for: [1])
            let file = directory.appending(try #require(names(in: directory).first))
            try write(content, to: file)
            #expect(cache.filter(for: [1]) == nil)
        }
    }

    @Test("a directory that others can write, and a link to a file, are not trusted")
    func untrusted() throws {
        try withDirectory { directory in
            let cache = SeccompCache(directory: directory)
            cache.store(.standard, for: [1])
            let file = directory.appending(try #require(names(in: directory).first))
            chmod("\(directory)", 0o770)
            #expect(cache.filter(for: [1]) == nil)
            cache.store(.standard, for: [2])
            #expect(names(in: directory).count == 1)
            chmod("\(directory)", 0o700)
            #expect(cache.filter(for: [1]) != nil)
            rename("\(file)", "\(directory)/moved")
            symlink("moved", "\(file)")
            #expect(cache.filter(for: [1]) == nil)
        }
    }

    @Test("a profile's filter is taken from the cache until the profile changes")
    func profileFilters() throws {
        try withDirectory { directory in
            let cache = SeccompCache(directory: directory.appending("cache"))
            let path = directory.appending("p.json")
            try write(Array(#"{"defaultAction": "SCMP_ACT_ALLOW"}"#.utf8), to: path)
            let first = try SeccompFilter.filter(for: privileges(.profile("\(path)")), cachedIn: cache)
            #expect(try first?.answer(to: "mount") == .allow)
            #expect(try SeccompFilter.filter(for: privileges(.profile("\(path)")), cachedIn: cache) == first)
            #expect(names(in: directory.appending("cache")).count == 1)
            try write(Array(#"{"defaultAction": "SCMP_ACT_ERRNO"}"#.utf8), to: path)
            let second = try SeccompFilter.filter(for: privileges(.profile("\(path)")), cachedIn: cache)
            #expect(try second?.answer(to: "mount") == .forbidden)
        }
    }

    @Test(
        "a profile is read as a configuration is: not when others can write it, its folder, or own it, nor when too large"
    )
    func refusedProfiles() throws {
        let source = FileConfigurationSource(trustedOwners: [0, getuid()])
        try withDirectory { directory in
            func reason(_ name: String, _ source: FileConfigurationSource) -> String? {
                do throws(SeccompError) {
                    _ = try SeccompProfile.read(directory.appending(name), from: source)
                    return nil
                } catch { return "\(error)" }
            }
            let path = directory.appending("p.json")
            try write(Array(#"{"defaultAction": "SCMP_ACT_ALLOW"}"#.utf8), to: path)
            #expect(reason("p.json", source) == nil)
            let strangers = FileConfigurationSource(trustedOwners: [getuid() + 1])
            #expect(reason("p.json", strangers)?.contains("belongs to user") == true)
            chmod("\(path)", 0o666)
            #expect(reason("p.json", source)?.contains("others can write the file") == true)
            chmod("\(path)", 0o644)
            chmod("\(directory)", 0o777)
            #expect(reason("p.json", source)?.contains("others can write the folder") == true)
            chmod("\(directory)", 0o700)
            try write([], to: directory.appending("big"))
            truncate("\(directory)/big", FileConfigurationSource.maximumBytes + 1)
            #expect(reason("big", source)?.contains("larger than") == true)
            #expect(reason("", source)?.contains("directory") == true)
            #expect(reason("nowhere", source)?.contains("No such file") == true)
        }
    }

    @Test(
        "digests are SHA-256's",
        arguments: [
            ("", "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"),
            ("abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
            (
                "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq",
                "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"
            ),
        ])
    func digests(message: String, digest: String) {
        #expect(SHA256.hexadecimalDigest(of: Array(message.utf8)) == digest)
    }
}
