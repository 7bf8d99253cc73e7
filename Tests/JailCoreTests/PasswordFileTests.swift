import Glibc
import Testing

@testable import JailCore

@Suite("passwd(5) and group(5)")
struct PasswordFileTests {
    private static let passwd = "root:x:0:0::/root:/bin/sh\nuser:x:1000:1000::/tmp:/bin/sh\n"

    @Test("a user is in all groups that name it, the first being its own") func groups() throws {
        let group = (1000..<1200).map { "g\($0):x:\($0):other,user\n" }.joined()
        let user = try #require(PasswordFile(passwd: Self.passwd, group: group).user("user"))
        #expect(user.groups == (1000..<1200).map { UInt32($0) })
    }

    @Test("a number needs no entry, and has one all the same where it is a user's") func entries() {
        let passwords = PasswordFile(passwd: Self.passwd, group: "")
        #expect(passwords.hasEntry("user") && passwords.hasEntry("1000") && passwords.hasEntry("0"))
        #expect(!passwords.hasEntry("1001") && passwords.user("1001")?.uid == 1001)
        #expect(!passwords.hasEntry("nobody") && passwords.user("nobody") == nil)
    }

    @Test("of a root directory's files one that is too large says which it is", arguments: ["passwd", "group"])
    func large(name: String) throws {
        let folder = "/tmp/jailrun-passwords-\(getpid())-\(name)"
        defer { _ = system("rm -rf '\(folder)'") }
        try Files.makeDirectories("\(folder)/etc", mode: 0o700)
        try Files.replace("\(folder)/etc/passwd", with: Array(Self.passwd.utf8))
        try Files.replace("\(folder)/etc/\(name)", with: [UInt8](repeating: 0x0a, count: Files.mostBytes + 1))
        let root = try Files.open(folder)
        let passwords = PasswordFile(root: root.number)
        #expect((passwords.passwdFailure?.isTooLarge == true) == (name == "passwd"))
        #expect((passwords.groupFailure?.isTooLarge == true) == (name == "group"))
        #expect(passwords.hasEntry("user") == (name == "group"))
    }

    @Test("the host's own files are read whole, whatever others write is not") func bounds() throws {
        let path = "/tmp/jailrun-large-\(getpid())"
        defer { unlink(path) }
        try Files.replace(path, with: [UInt8](repeating: 0x61, count: 3 << 20))
        #expect(try Files.text(path).utf8.count == 3 << 20)
        #expect(try Files.beginning(of: path).utf8.count == Files.mostBytes)
        #expect { _ = try Files.read(try Files.open(path)) } throws: { "\($0)".contains("File too large") }
    }
}
