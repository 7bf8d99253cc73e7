extension Configuration {
    /// The lines of one of its files, by the name that messages use; none for a file that it has not read. A line that is
    /// too long to be shown is empty.
    public func lines(of file: String) -> [Bytes] {
        guard let source = tree.sources[file] else { return [] }
        return (1...source.lineCount).map { source.line($0, limit: SourceText.shownBytes) ?? [] }
    }
}
