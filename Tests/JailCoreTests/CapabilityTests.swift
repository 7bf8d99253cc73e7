import Testing

@testable import JailCore

extension PrivilegeSpec {
    /// What a jail has that says nothing about privileges.
    static let standard = PrivilegeSpec(
        capAdd: [], capDrop: [], seccomp: Located(.standard, .standard("")),
        userNamespace: Located(.private, .standard("")), allowsRawSockets: Located(false, .standard("")))
}

@Suite("Capabilities")
struct CapabilityTests {
    @Test("there are 41, numbered without a gap, and each is found by its own name")
    func namesAndNumbers() {
        #expect(Capability.allCases.map { Int($0.rawValue) } == Array(0..<41))
        for capability in Capability.allCases {
            #expect(Capability(name: capability.name) == capability)
            #expect(Capability(name: String(capability.name.dropFirst(4)).lowercased()) == capability)
        }
    }

    @Test(
        "names have the kernel's numbers",
        arguments: [
            ("CAP_CHOWN", 0), ("CAP_KILL", 5), ("CAP_NET_BIND_SERVICE", 10), ("CAP_NET_RAW", 13),
            ("CAP_SYS_CHROOT", 18),
            ("CAP_SYS_ADMIN", 21), ("CAP_MKNOD", 27), ("CAP_SETFCAP", 31), ("CAP_SYSLOG", 34), ("CAP_PERFMON", 38),
            ("CAP_CHECKPOINT_RESTORE", 40),
        ])
    func kernelNumbers(name: String, number: UInt8) {
        #expect(Capability(name: name)?.rawValue == number)
    }

    @Test("the running kernel is asked how many it has") func count() throws {
        let last = try Files.text("/proc/sys/kernel/cap_last_cap").trimmed
        #expect(try CapabilitySet.countOfKernel() == Int(last)! + 1)
    }

    @Test("the own ones are what proc(5) says") func own() throws {
        let lines = try Files.text("/proc/self/status").split(separator: "\n")
        let shown = try #require(lines.first { $0.hasPrefix("CapEff:") })
        #expect(try CapabilitySet.ofThisProcess().procDescription == shown.suffix(16))
    }

    @Test("a word that is no capability is none", arguments: ["", "CAP_", "CAP_ROOT", "CAP_CAP_KILL", "21", "NET RAW"])
    func unknownNames(name: String) {
        #expect(Capability(name: name) == nil)
    }

    @Test("the standard set is the eleven of /proc's 00000000800405fb")
    func standardSet() {
        #expect(CapabilitySet.standard.procDescription == "00000000800405fb")
        #expect(CapabilitySet.standard.capabilities.count == 11)
        #expect(CapabilitySet.all.procDescription == "000001ffffffffff")
    }

    @Test("a description lists names in the order of their numbers")
    func order() {
        #expect(CapabilitySet([.bpf, .kill, .chown]).description == "CAP_CHOWN CAP_KILL CAP_BPF")
        #expect(CapabilitySet([]).description == "none")
    }

    @Test("what is dropped is gone, even when it was added")
    func dropWins() {
        var privileges = PrivilegeSpec.standard
        privileges.capAdd = [Located("CAP_SYS_TIME", .commandLine), Located("CAP_SYS_NICE", .commandLine)]
        privileges.capDrop = [Located("CAP_SYS_NICE", .commandLine), Located("CAP_CHOWN", .commandLine)]
        privileges.allowsRawSockets.value = true
        let set = CapabilitySet(privileges)
        #expect(
            set
                == CapabilitySet.standard.union(CapabilitySet([.sysTime, .netRaw])).subtracting(CapabilitySet([.chown]))
        )
    }
}
