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

    /// Two jails, for a page with a table of contents; long lines, and characters that mean something to HTML.
    private func page() throws -> String {
        let conf = """
            path = "\(directory)/root";
            exec.prestart = "test '<b>&amp;' != \\"\\$JNAME\\"";
            web {
                host.hostname = web.example.org;
                ip4.addr = 10.77.0.10;
                mount.devfs;
                exec.start = "/bin/sh /etc/rc";
                persist;
            }
            db {
                root.ephemeral; root.readonly;
                mount = "tmpfs $path/tmp tmpfs rw,size=64m,mode=1777 0 0";
                command = "/bin/sh -c 'while :; do echo a rather long line that a narrow screen cannot show; done'";
            }

            """
        let path = "\(directory)/jail.conf"
        try conf.write(toFile: path, atomically: false, encoding: .utf8)
        chmod(path, 0o644)
        let outcome = Command([Laboratory.program, "explain", "--format", "html", path]).run()
        try #require(outcome.status == 0, "\(outcome)")
        return outcome.output
    }

    /// What the driver found, a line each.
    private func findings(_ options: [String], in page: String, driver: String) throws -> [String] {
        let path = "\(directory)/page.html"
        try page.replacing("<style>", with: "<script>\(PageDriver.watch)</script>\n<style>", maxReplacements: 1)
            .replacing("</body>", with: "<script>\(PageDriver.tools)\(driver)\(PageDriver.report)</script></body>")
            .write(toFile: path, atomically: false, encoding: .utf8)
        let browser = try #require(Browser.path)
        let outcome = Command(
            [
                browser, "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage",
                "--user-data-dir=\(directory)/profile", "--virtual-time-budget=10000", "--dump-dom",
            ] + options + ["file://\(path)"]
        ).run(seconds: 60)
        let text = try #require(outcome.output.components(separatedBy: "<pre id=\"findings\">").dropFirst().first)
        return text.components(separatedBy: "</pre>")[0].split(separator: "\n").map(String.init)
    }

    @Test("keys, buttons and lines of the file walk through the parts, and every link leads somewhere") func walk()
        throws
    {
        let findings = try findings(["--window-size=1400,900"], in: page(), driver: PageDriver.walk)
        #expect(findings == ["walked 2"])
    }

    @Test(
        "it fits a phone and a wide screen, and is legible in light and dark",
        arguments: ["375,800", "1920,1080"], ["0", "1"])
    func legible(size: String, scheme: String) throws {
        let options = ["--window-size=\(size)", "--blink-settings=preferredColorScheme=\(scheme)"]
        let findings = try findings(options, in: page(), driver: PageDriver.measure)
        #expect(findings == ["measured \(scheme == "0" ? "dark" : "light")"])
    }

    @Test("a page that is broken is found out") func broken() throws {
        let page = try page()
        let dead = try findings([], in: page.replacing("ArrowRight: 1", with: "ArrowRight: 2"), driver: PageDriver.walk)
        #expect(dead.contains { $0.contains("ArrowRight") }, "\(dead)")
        let faulty = try findings(
            [], in: page.replacing("'use strict';", with: "console.error('oops');"), driver: PageDriver.walk)
        #expect(faulty.contains { $0.contains("oops") }, "\(faulty)")
        let pale = try findings(
            [], in: page.replacing("</style>", with: "h3 { color: #ddd; background: #fff }</style>"),
            driver: PageDriver.measure)
        #expect(pale.contains { $0.contains("contrast") }, "\(pale)")
    }

    @Test("without a script it is whole: every part, every line, and links both ways") func plain() throws {
        let page = try page()
        let start = try #require(page.range(of: "<script>")?.lowerBound)
        let text = page[..<start]
        #expect(text.contains("host.hostname = web.example.org;") && text.contains("&lt;b&gt;&amp;amp;"))
        #expect(!page.contains("<b>"))
        #expect(text.components(separatedBy: "class=\"part\"").count > 60)
        #expect(!page.contains("http:") && !page.contains("https:") && !page.contains("url("))
        let links = text.matches(of: /href="#([^"]+)"/).map { String($0.1) }
        #expect(links.count > 20 && links.allSatisfy { text.contains("id=\"\($0)\"") })
    }
}
