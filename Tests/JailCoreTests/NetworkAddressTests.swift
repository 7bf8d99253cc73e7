import Testing

@testable import JailCore

struct NetworkAddressTests {
    @Test(
        "an address is printed as inet_ntop does",
        arguments: [
            ("10.77.0.10", "10.77.0.10"), ("2001:DB8:0:0:0:0:0:1", "2001:db8::1"), ("::", "::"), ("::1", "::1"),
            ("fe80::", "fe80::"), ("1:0:0:2:0:0:0:3", "1:0:0:2::3"), ("1:0:2:3:4:5:6:7", "1:0:2:3:4:5:6:7"),
            ("::ffff:192.0.2.1", "::ffff:192.0.2.1"), ("0:0:1:0:0:1:0:0", "::1:0:0:1:0:0"),
        ])
    func printed(text: String, canonical: String) {
        #expect(InternetAddress(text)?.description == canonical)
    }

    @Test(
        "what inet_pton refuses is no address",
        arguments: [
            "", "1.2.3", "1.2.3.4.5", "1.2.3.256", "01.2.3.4", "1.2.3.+4", "1.2.3.4 ", ":", ":::", "1::2::3", "12345::",
            "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9", "::1.2.3", "1.2.3.4::", "fe80::1%eth0", "+1::", "1:2:3:4:5:6:7::8",
        ])
    func refused(text: String) {
        #expect(InternetAddress(text) == nil)
    }

    @Test("a network's first and last host leave out what no host can have")
    func hosts() throws {
        let expected = [
            ("10.77.0.10/24", "10.77.0.1", "10.77.0.254"), ("10.0.0.1/31", "10.0.0.0", "10.0.0.1"),
            ("192.0.2.5/30", "192.0.2.5", "192.0.2.6"), ("fd77::10/64", "fd77::1", "fd77::ffff:ffff:ffff:ffff"),
            ("fd77::/127", "fd77::", "fd77::1"),
        ]
        for (text, first, last) in expected {
            let hosts = try #require(InternetPrefix(text)).hosts
            #expect(hosts.first.description == first, "\(text)")
            #expect(hosts.last.description == last, "\(text)")
        }
    }

    @Test("networks overlap when one holds the other, and never across families")
    func overlap() throws {
        let wide = try #require(InternetPrefix("10.0.0.0/8"))
        let narrow = try #require(InternetPrefix("10.77.0.0/24"))
        let all6 = try #require(InternetPrefix("::/0"))
        #expect(wide.overlaps(narrow) && narrow.overlaps(wide))
        #expect(!narrow.overlaps(try #require(InternetPrefix("10.78.0.0/24"))))
        #expect(!wide.overlaps(all6) && !all6.overlaps(wide))
    }
}
