import Testing

@testable import JailCore

@Suite("The default system call filter")
struct SeccompDefaultTests {
    let filter = SeccompFilter.standard

    @Test("every row of the table gets the answer that it promises")
    func rowsHold() throws {
        for row in SeccompTable.rows {
            guard let number = row.number else { continue }
            let answer = try filter.answer(to: SeccompCall(number: UInt32(number)))
            switch row.verdict {
            case .allow: #expect(answer == .allow, "\(row.name)")
            case .deny: #expect(answer == .forbidden, "\(row.name)")
            case .absent: #expect(answer == .absent, "\(row.name)")
            case .check: #expect(answer != .absent, "\(row.name)")
            }
        }
    }

    @Test("no call stands in the table twice, and every denial says why")
    func tableIsTidy() {
        let rows = SeccompTable.rows
        #expect(Set(rows.map(\.name)).count == rows.count)
        let numbers = rows.compactMap(\.number)
        #expect(Set(numbers).count == numbers.count)
        #expect(rows.filter { $0.verdict != .allow && $0.why.isEmpty }.isEmpty)
    }

    @Test("at most 290 numbers are let through, whatever their arguments")
    func letsFewThrough() throws {
        let interesting: [UInt64] = [0, 1, 2, 8, 0x11, .max]
        let through = try (UInt32(0)..<1024).filter { number in
            try interesting.contains { value in
                let call = SeccompCall(number: number, arguments: Array(repeating: value, count: 6))
                return try filter.answer(to: call) == .allow
            }
        }
        #expect(through.count <= 290)
        #expect(through.count == SeccompTable.rows.count { $0.number != nil && [.allow, .check].contains($0.verdict) })
    }

    @Test("numbers that the table does not know are absent, up to the last")
    func unknownNumbersAreAbsent() throws {
        let known = Set(SeccompTable.rows.compactMap(\.number))
        for number in (0..<2048).filter({ !known.contains($0) }) + [0x3fff_ffff, 0x7fff_ffff, 0xffff_fffe] {
            #expect(try filter.answer(to: SeccompCall(number: UInt32(number))) == .absent, "\(number)")
        }
    }

    @Test("no call of i386 or x32 is there")
    func foreignCallsAreAbsent() throws {
        for number in UInt32(0)..<1024 {
            let compat = SeccompCall(architecture: SeccompCall.i386, number: number)
            #expect(try filter.answer(to: compat) == .absent, "i386 \(number)")
            let x32 = SeccompCall(architecture: SeccompCall.amd64, number: number | 0x4000_0000)
            #expect(try filter.answer(to: x32) == .absent, "x32 \(number)")
        }
    }

    @Test(
        "clone makes threads and processes, and no namespace",
        arguments: [
            0x2_0000, 0x200_0000, 0x400_0000, 0x800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
        ])
    func cloneMakesNoNamespace(flag: UInt64) throws {
        let thread: UInt64 = 0x3d_0f00
        #expect(try filter.answer(to: "clone", thread) == .allow)
        #expect(try filter.answer(to: "clone", 17) == .allow)
        #expect(try filter.answer(to: "clone", thread | flag) == .forbidden)
        #expect(try filter.answer(to: "clone3", 0, 88) == .absent)
    }

    @Test("ioctl types into no terminal, whatever stands in the upper half of the request")
    func ioctlDoesNotType() throws {
        for request: UInt64 in [0x5412, 0x541c] {
            for upper: UInt64 in [0, 1 << 32, 0xffff_ffff << 32] {
                #expect(try filter.answer(to: "ioctl", 0, upper | request) == .forbidden)
            }
        }
        for request: UInt64 in [0x5401, 0x5411, 0x5413, 0x541b, 0x541d, 0x8000_5412] {
            #expect(try filter.answer(to: "ioctl", 0, request) == .allow)
        }
    }

    @Test("sockets are of five families", arguments: ["socket", "socketpair"])
    func socketFamilies(call: String) throws {
        let allowed: Set<UInt64> = [1, 2, 10, 16, 17]
        for family: UInt64 in 0..<64 {
            let expected: SeccompAnswer = allowed.contains(family) ? .allow : .forbidden
            #expect(try filter.answer(to: call, family, 1, 0) == expected, "family \(family)")
        }
        #expect(try filter.answer(to: call, 1 << 32 | 38, 5, 0) == .forbidden)
    }

    @Test("personality takes five values and no other")
    func personalities() throws {
        for value: UInt64 in [0, 8, 0x20000, 0x20008, 0xffff_ffff] {
            #expect(try filter.answer(to: "personality", value) == .allow)
        }
        for value: UInt64 in [1, 0x4_0000, 0x40_0000, 0x28, 0xffff_fffe] {
            #expect(try filter.answer(to: "personality", value) == .forbidden)
        }
    }

    @Test("what was compiled at build time is what the same table compiles now")
    func embeddedIsCurrent() throws {
        #expect(try SeccompFilter.compileStandard(adding: []) == filter)
    }
}

@Suite("Filters for added capabilities")
struct SeccompCapabilityTests {
    @Test(
        "a capability opens its rows and no others",
        arguments: [
            Capability.sysAdmin, .sysTime, .sysBoot, .sysModule, .sysPtrace, .sysNice, .syslog, .bpf, .perfmon,
            .dacReadSearch, .sysPacct, .sysRawio, .sysTtyConfig,
        ])
    func opensItsRows(capability: Capability) throws {
        let filter = try SeccompFilter.compileStandard(adding: CapabilitySet([capability]))
        let opened = SeccompTable.rows.filter { $0.capabilities.contains(capability) && $0.number != nil }
        #expect(!opened.isEmpty)
        for row in SeccompTable.rows where row.verdict == .deny {
            guard let number = row.number else { continue }
            let expected: SeccompAnswer = row.capabilities.contains(capability) ? .allow : .forbidden
            #expect(try filter.answer(to: SeccompCall(number: UInt32(number))) == expected, "\(row.name)")
        }
    }

    @Test("CAP_SYS_ADMIN makes namespaces, and still does not type into a terminal")
    func administrator() throws {
        let filter = try SeccompFilter.compileStandard(adding: CapabilitySet([.sysAdmin]))
        #expect(try filter.answer(to: "clone", 0x1000_0000) == .allow)
        #expect(try filter.answer(to: "mount") == .allow)
        #expect(try filter.answer(to: "ioctl", 0, 0x5412) == .forbidden)
        #expect(try filter.answer(to: "io_uring_setup") == .forbidden)
    }

    @Test("a capability without rows gives the default filter, compiled by nobody")
    func rawSocketsNeedNoFilter() throws {
        var privileges = PrivilegeSpec.standard
        privileges.allowsRawSockets.value = true
        #expect(try SeccompFilter.filter(for: privileges, cachedIn: nil) == .standard)
        privileges.seccomp.value = .none
        #expect(try SeccompFilter.filter(for: privileges, cachedIn: nil) == nil)
    }
}
