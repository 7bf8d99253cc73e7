/// Reads a file and what it includes into one tree.
struct ConfigurationLoader {
    let source: any ConfigurationSource
    /// jail(8)'s limit, which is also what ends an include loop.
    static let maximumDepth = 32
    /// Files that include others twice each would grow beyond all bounds within the depth.
    static let maximumFiles = 4096

    func load(_ path: String) -> ConfigurationTree {
        var tree = ConfigurationTree()
        let opened = Include(path: path, location: nil)
        read(opened, depth: 0, &tree)
        return tree
    }

    private struct Include {
        var path: String
        /// The statement that names it; nil for the first file.
        var location: SourceLocation?
    }

    private func read(_ file: Include, depth: Int, _ tree: inout ConfigurationTree) {
        let errors = tree.errors.count
        guard let text = contents(of: file, &tree) else { return tree.noteExit() }
        tree.sources.append(text)
        tree.filesRead += 1
        Parser.parse(text, into: &tree) { name, location, tree in
            include(name, from: text.file, at: location, depth: depth + 1, &tree)
        }
        // jail(8) exits at the end of the first file that has errors.
        if tree.errors.count > errors { tree.noteExit() }
    }

    private func contents(of file: Include, _ tree: inout ConfigurationTree) -> SourceText? {
        do {
            let bytes = try source.contents(of: file.path, isInclude: file.location != nil)
            return SourceText(file: file.path == "-" && file.location == nil ? "STDIN" : file.path, bytes: bytes)
        } catch {
            tree.report(
                Diagnostic(
                    "\(Bytes(file.path.utf8).printable()): \(error.reason)", at: file.location, hint: error.hint,
                    sourceLine: file.location.flatMap { tree.line(at: $0) },
                    jailMessage: Bytes("\(file.path): \(error.reason)".utf8)))
            return nil
        }
    }

    private func include(
        _ name: Bytes, from outer: String, at location: SourceLocation, depth: Int, _ tree: inout ConfigurationTree
    ) {
        if tree.isAbandoned { return }
        guard depth <= Self.maximumDepth, tree.filesRead < Self.maximumFiles else {
            return abandon(
                depth > Self.maximumDepth ? "maximum include depth exceeded" : "too many included files", location,
                &tree)
        }
        guard let text = name.text else {
            tree.report(Diagnostic("file name is not UTF-8", at: location, sourceLine: tree.line(at: location)))
            return tree.noteExit()
        }
        let pattern = IncludePattern(pattern: Self.resolve(text, from: outer))
        let paths: [String]
        do throws(ConfigurationReadError) {
            paths = pattern.isPattern ? try pattern.matches(in: source) : [pattern.pattern]
        } catch {
            let shown = Bytes(pattern.pattern.utf8).printable()
            let line = tree.line(at: location)
            tree.report(Diagnostic("\(shown): \(error.reason)", at: location, hint: error.hint, sourceLine: line))
            return tree.noteExit()
        }
        for path in paths { read(Include(path: path, location: location), depth: depth, &tree) }
    }

    /// Relative to the including file's directory, when that was named with a slash; standard input has none.
    private static func resolve(_ name: String, from outer: String) -> String {
        guard !name.hasPrefix("/"), outer != "STDIN", let slash = outer.utf8.lastIndex(of: .slash) else { return name }
        return outer[...slash] + name
    }

    private func abandon(_ message: String, _ location: SourceLocation, _ tree: inout ConfigurationTree) {
        tree.report(
            Diagnostic(
                message, at: location, hint: "does the file include itself?", sourceLine: tree.line(at: location)))
        tree.noteExit()
        tree.isAbandoned = true
    }
}
