extension Configuration {
    /// The lines of one of its files, by the name that messages use; none for a file that it has not read. Long lines
    /// are cut.
    package func lines(of file: String) -> [Bytes] {
        guard let source = tree.sources.last(where: { $0.file == file }) else { return [] }
        return (1...source.lineCount).map { source.line(at: SourceLocation(file: file, line: $0, column: 1)) }
    }
}
