/// A configuration that could not be used: everything wrong with it at once.
package struct ConfigurationFailure: Error, Equatable, Sendable {
    /// All of them, in the order found.
    package var diagnostics: [Diagnostic]
    /// Those that jail(8) prints before it exits.
    package var jailDiagnostics: [Diagnostic]

    package init(_ diagnostics: [Diagnostic], listedByJail count: Int? = nil) {
        self.diagnostics = diagnostics
        jailDiagnostics = Array(diagnostics.prefix(count ?? diagnostics.count))
    }

    /// jail(8) repeats the error of a global parameter for each jail.
    init(_ diagnostics: [Diagnostic], jail jailDiagnostics: [Diagnostic]) {
        (self.diagnostics, self.jailDiagnostics) = (diagnostics, jailDiagnostics)
    }
}

/// A jail.conf(5) file and its includes, read and free of syntax errors.
package struct Configuration: Sendable {
    let tree: ConfigurationTree
    /// For the files that parameters name.
    let source: any ConfigurationSource
    /// The jails in file order, with wildcards merged and variables expanded. A jail may carry errors.
    package let jails: [EffectiveJail]

    /// Reads a file, `-` being standard input.
    ///
    /// Throws everything that is unreadable, unsafe or against the grammar, in all files.
    package init(
        path: String, source: any ConfigurationSource = FileConfigurationSource()
    ) throws(ConfigurationFailure) {
        let tree = ConfigurationLoader(source: source).load(path)
        guard tree.errors.isEmpty else {
            throw ConfigurationFailure(tree.errors, listedByJail: tree.errorsUntilExit)
        }
        self.tree = tree
        self.source = source
        jails = Resolver(tree).jails()
    }

    init(tree: ConfigurationTree, source: any ConfigurationSource, jails: [EffectiveJail]) {
        self.tree = tree
        self.source = source
        self.jails = jails
    }

    /// The line of the file at a location, for diagnostics.
    package func line(at location: SourceLocation) -> Bytes? { tree.line(at: location) }
}
