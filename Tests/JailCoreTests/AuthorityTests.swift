import Foundation
import Glibc
import Testing

@testable import JailCore

@Suite("What jailrun may do, and where")
struct AuthorityTests {
    private static let jailMap = "         0 1879048192      65536\n"
    private static let rootlessMap = "         0       1000          1\n         1     100000      65536\n"

    private static func authority(
        _ kind: OwnUserNamespace.Kind, users: String, groups: String? = nil, _ capabilities: CapabilitySet = .all
    ) -> Authority {
        Authority(
            namespace: OwnUserNamespace(kind: kind, userMap: users, groupMap: groups ?? users),
            capabilities: capabilities,
            cgroup: .delegated("/sys/fs/cgroup", by: .jail), stateDirectory: "/dev/jail/run")
    }

    @Test("the machine's root may do all of it, and gives each jail ids of its own") func machines() {
        let authority = Authority.machines
        #expect(authority.canMakeNodes && authority.canLoadPrograms && authority.canIdmap)
        #expect(
            authority.canConfigureNetwork && authority.mark == .trusted && authority.mark.attribute == "trusted.jailrun"
        )
        #expect(authority.sharedIDs == nil && !authority.isInJail)
        let namespace = authority.namespace
        #expect(namespace.hasMachinesRoot && namespace.hasEveryID && namespace.raisesLimits && namespace.seesEveryRule)
    }

    @Test(
        "root of any other user namespace makes no device, loads no program, idmaps nothing, whatever it can do there")
    func elsewhere() {
        for kind in [OwnUserNamespace.Kind.own, .jail] {
            let authority = Self.authority(kind, users: Self.jailMap)
            #expect(!authority.canMakeNodes && !authority.canLoadPrograms && !authority.canIdmap)
            #expect(authority.mark.attribute == "user.jailrun")
            let namespace = authority.namespace
            #expect(!namespace.hasMachinesRoot && !namespace.hasEveryID && !namespace.raisesLimits)
            #expect(!namespace.seesEveryRule)
        }
    }

    @Test("the network of a jail is configured with CAP_NET_ADMIN, which vnet gives, and not without") func network() {
        #expect(Self.authority(.jail, users: Self.jailMap, CapabilitySet([.netAdmin])).canConfigureNetwork)
        #expect(!Self.authority(.jail, users: Self.jailMap, .standard).canConfigureNetwork)
    }

    private static let counts: [(String, String, UInt32)] = [
        (jailMap, jailMap, 65536), (rootlessMap, rootlessMap, 65537), (rootlessMap, "0 1000 1\n", 1),
        ("0 1000 1\n5 100000 10\n", "0 1000 1\n5 100000 10\n", 1), ("", "", 1),
        ("1000 1000 1\n", "1000 1000 1\n", 1),
    ]

    @Test(
        "the ids that jails share are those from 0 on that users and groups both have, and one at least",
        arguments: counts)
    func ids(users: String, groups: String, count: UInt32) {
        let authority = Self.authority(.own, users: users, groups: groups)
        #expect(authority.sharedIDs == IDRange(first: 0, count: count))
    }

    @Test("a map says which ids are inside, and whose they are outside; a text that is none says nothing") func maps() {
        let map = IDMapping.read(Self.rootlessMap)
        #expect(map == [.init(inside: 0, outside: 1000, count: 1), .init(inside: 1, outside: 100000, count: 65536)])
        #expect(map.has(0) && map.has(65536) && !map.has(65537))
        #expect(map.has(outside: 1000) && map.has(outside: 165535) && !map.has(outside: 0) && !map.has(outside: 165536))
        #expect(IDMapping.read("0 0\nx y z\n") == [] && [IDMapping].everything.has(65534))
        #expect([IDMapping].everything.countFromRoot == .max && !([IDMapping].everything.has(.max)))
    }

    @Test("an owner without an id may be root outside where that one has no id and / is his, and only there")
    func strangers() {
        func isOutside(_ map: String, slash: UInt32 = 65534) -> Bool {
            UnmappedOwner.isOutside(IDMapping.read(map), slash: slash)
        }
        #expect(isOutside("0 1000 1\n") && isOutside("1000 1000 1\n") && isOutside(Self.rootlessMap))
        #expect(!isOutside(Self.jailMap, slash: 0), "65534 is nobody of the jail's")
        #expect(!isOutside("0 0 4294967295\n"), "the machine's first")
        #expect(!isOutside("0 0 1\n"), "root outside is known, and is not that owner")
        #expect(!isOutside(""), "nothing is known")
    }

    @Test("what is root's on every machine: /etc and /usr whole, of others the folder and its links") func places() {
        for folder in ["/etc", "/etc/jail.conf.d", "/usr/local/etc"] {
            #expect(UnmappedOwner.isRoots(fileIn: folder) && UnmappedOwner.isRoots(linkIn: folder))
        }
        for folder in ["/", "/home", "/var"] {
            #expect(!UnmappedOwner.isRoots(fileIn: folder) && UnmappedOwner.isRoots(linkIn: folder))
        }
        for folder in ["/tmp", "/home/mallory", "/etcetera", "/srv/a"] {
            #expect(!UnmappedOwner.isRoots(linkIn: folder))
        }
    }

    // MARK: Facts

    private func facts(_ name: String, adding line: String = "") throws -> HostFacts {
        let text = try String(contentsOfFile: Golden.folder("Plan/\(name)facts.json"), encoding: .utf8)
        let path = NSTemporaryDirectory() + "/jailrun-facts-\(UUID().uuidString).json"
        try ("{" + line + text.drop { $0 != "{" }.dropFirst()).write(toFile: path, atomically: false, encoding: .utf8)
        defer { unlink(path) }
        return try HostFacts.read(from: path)
    }

    @Test("facts of before, which say how many ids a jail has, mean root of that jail; without, the machine's root")
    func olderFacts() throws {
        let machine = try facts("").authorityThere
        #expect(machine.namespace == .initial && machine.canMakeNodes && machine.canConfigureNetwork)
        let jail = try facts("inside-a-jail/").authorityThere
        #expect(jail.namespace.kind == .jail && jail.sharedIDs == IDRange(first: 0, count: 65536) && jail.isInJail)
        #expect(!jail.canConfigureNetwork && !jail.canMakeNodes && jail.mark == .user)
    }

    @Test("facts carry the authority itself, and it is read as it was") func facts() throws {
        var told = Self.authority(.own, users: Self.rootlessMap, CapabilitySet([.netAdmin]))
        (told.cgroup, told.stateDirectory) = (.none, "/run/user/1000/jailrun")
        let read = try facts("inside-a-jail/", adding: "\"authority\": \(JSONText.of(told)),")
        #expect(read.authorityThere == told)
        #expect(Host(assuming: read).authority == told)
    }
}
