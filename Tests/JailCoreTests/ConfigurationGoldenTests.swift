import JailCore
import Testing

/// Files below `Golden`, read as a user's would be.
enum Golden {
    static let source = FileConfigurationSource(trustedOwners: nil)

    static func folder(_ name: String) -> String {
        let tests = #filePath.split(separator: "/").dropLast().joined(separator: "/")
        return "/\(tests)/Golden/\(name)"
    }

    /// The cases of a folder: each is NAME.conf and what is expected of it, NAME.golden.
    static func cases(_ folder: String) -> [String] {
        ((try? source.names(in: self.folder(folder))) ?? []).filter { $0.hasSuffix(".conf") }
            .map { String($0.dropLast(5)) }.sorted()
    }

    static func expectation(_ folder: String, _ name: String) throws -> String {
        let bytes = try source.contents(of: "\(self.folder(folder))/\(name).golden", isInclude: false)
        return text(bytes)
    }

    /// One byte a character, so that a difference shows whatever the bytes are.
    static func text(_ bytes: Bytes) -> String { bytes.map { String(UnicodeScalar($0)) }.joined() }
}

/// Names files relative to a folder, as if that were the working directory.
struct FolderSource: ConfigurationSource {
    let folder: String

    func contents(of path: String, isInclude: Bool) throws(ConfigurationReadError) -> Bytes {
        try Golden.source.contents(of: "\(folder)/\(path)", isInclude: isInclude)
    }

    func names(in directory: String) throws(ConfigurationReadError) -> [String] {
        try Golden.source.names(in: "\(folder)/\(directory)")
    }
}

@Suite("jail.conf, listed as by jail -e")
struct ConfigurationListingTests {
    private static func list(_ name: String) -> ConfigurationListing {
        do throws(ConfigurationFailure) {
            let source = FolderSource(folder: Golden.folder("Listing"))
            return ConfigurationListing(
                try Configuration(path: "\(name).conf", source: source), separator: Bytes(" ; ".utf8))
        } catch { return ConfigurationListing(error) }
    }

    @Test("each case has FreeBSD's output, errors and status", arguments: Golden.cases("Listing"))
    func listing(name: String) throws {
        let listing = Self.list(name)
        let found =
            "--- output\n" + Golden.text(listing.output) + "--- errors\n" + Golden.text(listing.errors)
            + "--- status\n\(listing.status)\n"
        #expect(found == (try Golden.expectation("Listing", name)))
    }

    @Test("no rule of the grammar is without a case")
    func count() {
        #expect(Golden.cases("Listing").count >= 60)
    }
}

@Suite("jail.conf, checked")
struct ConfigurationCheckTests {
    private static func check(_ name: String) -> String {
        do throws(ConfigurationFailure) {
            let source = FolderSource(folder: Golden.folder("Check"))
            let found = try Configuration(path: "\(name).conf", source: source).check()
            return found.map { "\($0)\n" }.joined()
        } catch { return error.diagnostics.map { "\($0)\n" }.joined() }
    }

    @Test("each case gets all its messages, with places and hints", arguments: Golden.cases("Check"))
    func check(name: String) throws {
        let found = Golden.text(Bytes(Self.check(name).utf8))
        #expect(found == (try Golden.expectation("Check", name)))
    }

    @Test("no subject of the check is without a case")
    func count() {
        #expect(Golden.cases("Check").count >= 15)
    }
}
