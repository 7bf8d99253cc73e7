/// Looks, before the first jail of a file starts, for one too many in a jail that is up: `children.max`.
package struct NestingCheck {
    private let jails: [ConfiguredJail]
    private let host: Host

    package init(_ jails: [ConfiguredJail], host: Host) { (self.jails, self.host) = (jails, host) }

    /// - Throws: `.unsuitable` for the first.
    package func check() throws(RuntimeError) {
        for (index, jail) in jails.enumerated() {
            let nesting = JailNesting(of: jail.name.value, host: host)
            if nesting.isLimited { try nesting.checkLimits(jail, after: Array(jails[..<index])) }
        }
    }
}
