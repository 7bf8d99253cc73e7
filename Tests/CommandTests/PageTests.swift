import Foundation
import Glibc
import Testing

enum Browser {
    static let path = ["/usr/bin/chromium", "/usr/bin/google-chrome"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }
}

/// The page of `explain --format html`, driven in a real browser: keys, links, buttons, widths and colours.
@Suite(
    .serialized,
    .enabled(
        if: !Laboratory.program.isEmpty && Browser.path != nil || Laboratory.mustRun,
        "needs JAILRUN=program and chromium"))
final class PageTests {
    private let directory: String

    init() throws {
        var name = Array("/tmp/jailrun-page.XXXXXX".utf8CString)
        try #require(mkdtemp(&name) != nil)
        directory = String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self)
        try FileManager.default.createDirectory(atPath: "\(directory)/root/dev", withIntermediateDirectories: true)
        for name in ["proc", "sys", "tmp"] { mkdir("\(directory)/root/\(name)", 0o755) }
    }

    deinit { _ = Command(["rm", "-rf", directory]).run() }

    /// Several jails, one in another, one with every long thing, and characters that mean something to HTML.
    private static func several(_ root: String) -> String {
        """
        path = "\(root)";
        exec.prestart = "test '<b>&amp;' != \\"\\$JNAME\\"";
        web {
            host.hostname = web.example.org;
            ip4.addr = 10.77.0.10;
            port = "127.0.0.1:8080:80"; port += 8443:443;
            mount.devfs;
            exec.start = "/bin/sh /etc/rc";
            persist;
        }
        db {
            root.ephemeral; root.readonly;
            mount = "tmpfs $path/tmp tmpfs rw,size=64m,mode=1777 0 0";
            command = "/bin/sh -c 'while :; do echo a rather long line that a narrow screen cannot show; done'";
        }
        outer { ip4.addr = 10.77.0.11; children.max = 4; persist; }
        outer.inner { ip4.addr = 10.77.0.12; persist; depend = db; }
        outer.inner.most { command = "/bin/true"; userns = host; }
        a-name-of-a-jail-that-is-as-long-as-names-of-jails-may-be-ever {
            ip6.addr = "fd00:1234:5678:9abc:def0:1234:5678:9abc";
            port = "127.0.0.1:60000-60100:60000-60100/udp"; ip4.addr = 10.77.0.13;
            host.hostname = a-name-that-never-ends-and-has-no-end.and-goes-on.example.org; persist;
            mount = "/etc $path/tmp nullfs ro 0 0";
        }

        """
    }

    private static func one(_ root: String) -> String {
        "www { path = \"\(root)\"; ip4.addr = 10.77.0.10; port = 8080:80; exec.start = \"/bin/sh /etc/rc\"; persist; }\n"
    }

    private func page(_ conf: (String) -> String = several) throws -> String {
        let path = "\(directory)/jail.conf"
        try conf("\(directory)/root").write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o644)
        let outcome = Command([Laboratory.program, "explain", "--format", "html", path]).run()
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.output
    }

    /// What the driver found in a window of that size, a line each.
    private func findings(
        in page: String, driver: String, size: (width: Int, height: Int) = (1440, 900), isDark: Bool = false
    ) throws -> [String] {
        let watch = "const frameWidth = \(size.width);\n\(PageDriver.watch)"
        try page.replacing("<style>", with: "<script>\(watch)</script>\n<style>", maxReplacements: 1)
            .replacing("</body>", with: "<script>\(PageDriver.tools)\(driver)\(PageDriver.report)</script></body>")
            .write(toFile: "\(directory)/page.html", atomically: false, encoding: .utf8)
        try PageDriver.frame(size).write(toFile: "\(directory)/frame.html", atomically: false, encoding: .utf8)
        let browser = try #require(Browser.path)
        let outcome = Command([
            browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
            "--user-data-dir=\(directory)/profile", "--virtual-time-budget=10000", "--dump-dom",
            "--window-size=\(size.width),\(size.height)", "--blink-settings=preferredColorScheme=\(isDark ? 0 : 1)",
            "file://\(directory)/frame.html",
        ]).run(seconds: 60)
        let text = try #require(outcome.output.components(separatedBy: "<pre id=\"findings\">").dropFirst().first)
        return text.components(separatedBy: "</pre>")[0].split(separator: "\n").map(String.init)
    }

    @Test("keys, buttons and lines of the file walk through the parts of each jail, and every link leads somewhere")
    func walk() throws {
        #expect(try findings(in: page(), driver: PageDriver.walk) == ["walked 6"])
        #expect(try findings(in: page(Self.one), driver: PageDriver.walk) == ["walked 1"])
    }

    @Test(
        "it fits a phone, a desk and a wall, and is legible in light and dark, at rest and on the way",
        arguments: [(390, 844), (768, 1024), (1440, 900), (2560, 1440)], [false, true])
    func legible(size: (Int, Int), isDark: Bool) throws {
        let findings = try findings(in: page(), driver: PageDriver.measure, size: size, isDark: isDark)
        #expect(findings == ["measured \(isDark ? "dark" : "light")"])
        let one = try self.findings(in: page(Self.one), driver: PageDriver.measure, size: size, isDark: isDark)
        #expect(one == findings)
    }

    @Test("by keys alone everything is reached, and is seen to be") func keys() throws {
        #expect(try findings(in: page(), driver: PageDriver.keys) == ["typed true"])
    }

    @Test("without its script each jail can be chosen, and each part and each call read") func plain() throws {
        let page = try page()
        let start = try #require(page.range(of: "<script>")?.lowerBound)
        let end = try #require(page.range(of: "</script>")?.upperBound)
        let without = page.replacingCharacters(in: start..<end, with: "")
        #expect(try findings(in: without, driver: PageDriver.plain) == ["read 6"])
        #expect(without.contains("host.hostname = web.example.org;") && without.contains("&lt;b&gt;&amp;amp;"))
        #expect(!page.contains("<b>&") && !page.contains("http:") && !page.contains("https:") && !page.contains("url("))
    }

    @Test("what many jails have in common is told once") func size() throws {
        func jails(_ count: Int) -> (String) -> String {
            { root in
                (1...count).reduce("path = \"\(root)\"; mount.devfs; persist;\n") { text, number in
                    "\(text)j\(number) { ip4.addr = 10.77.0.\(number + 1); host.hostname = j\(number).example.org; }\n"
                }
            }
        }
        let (one, many) = try (page(jails(1)).utf8.count, page(jails(14)).utf8.count)
        #expect(one < 76_000 && many < 300_000, "\(one) bytes for one jail, \(many) for 14")
    }

    @Test("a page that is broken is found out") func broken() throws {
        let page = try page()
        func found(_ old: String, _ new: String, _ driver: String) throws -> String {
            #expect(page.contains(old))
            return try findings(in: page.replacing(old, with: new), driver: driver).joined(separator: "\n")
        }
        #expect(try found("ArrowRight: 1", "ArrowRight: 2", PageDriver.walk).contains("ArrowRight"))
        #expect(try found("'use strict';", "console.error('oops');", PageDriver.walk).contains("oops"))
        let faults = [
            ("h3 { color: #ddd; background: #fff }", "contrast"), ("svg text { fill: #888 !important }", "contrast"),
            ("svg text { font-size: 9px !important }", "is 9px"), ("h1 { width: 4000px }", "wide"),
            ("svg text { letter-spacing: 9px }", "out of its box"),
            ("#p1 { position: fixed; bottom: 0; right: 0; width: 99% }", "lies on"),
        ]
        let end = "</style>\n</head>"
        for (style, word) in faults {
            #expect(try found(end, style + end, PageDriver.measure).contains(word), "\(style)")
        }
        let unseen = ":focus-visible { outline: none !important }"
        #expect(try found(end, unseen + end, PageDriver.keys).contains("shows no focus"))
    }
}
