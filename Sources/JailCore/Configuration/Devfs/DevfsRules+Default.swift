/// The rulesets that stand below `/etc/devfs.rules`: FreeBSD's 1 to 5.
///
/// Some of FreeBSD's lines are not here. `zfs` in set 4 is an interface to all pools of the machine; a file that wants the
/// node says `add path zfs unhide`. The pseudo-terminals of BSD, `ptyp*` to `ptyO*` in set 3,
/// are the whole machine's where Linux has them, while those of `pts` are the jail's own. They are made, not read: every
/// start needs them.
extension DevfsRules {
    package static let standard = DevfsRules(rulesets: [
        // Hide everything.
        Ruleset("devfsrules_hide_all", 1, [.hide]),
        // What every program expects.
        Ruleset(
            "devfsrules_unhide_basic", 2,
            [.show("null"), .show("zero"), .show("crypto"), .show("random"), .show("urandom")]),
        // What a login session, or anything with a terminal, needs.
        Ruleset(
            "devfsrules_unhide_login", 3,
            [
                .show("ptmx"), .show("pts"), .show("pts/*"), .show("fd"), .show("fd/*"), .show("stdin"),
                .show("stdout"), .show("stderr"),
            ]),
        // The default of a jail.
        Ruleset("devfsrules_jail", 4, [.include(1), .include(2), .include(3), .show("fuse")]),
        // A jail with a network stack of its own.
        Ruleset("devfsrules_jail_vnet", 5, [.include(1), .include(2), .include(3), .include(4), .show("pf")]),
    ])
}

extension DevfsRules.Ruleset {
    fileprivate init(_ name: String, _ number: Int, _ rules: [DevfsRules.Rule]) {
        self.init(name: name, number: number, rules: rules, location: .shipped)
        for index in self.rules.indices { self.rules[index].number = (index + 1) * 100 }
    }
}

extension DevfsRules.Rule {
    fileprivate static var hide: Self { Self(number: 0, isVisible: false, location: .shipped) }

    fileprivate static func show(_ path: String) -> Self {
        Self(number: 0, path: path, isVisible: true, location: .shipped)
    }

    fileprivate static func include(_ number: Int) -> Self { Self(number: 0, includes: number, location: .shipped) }
}

extension SourceLocation {
    fileprivate static let shipped = SourceLocation(file: "jailrun's devfs.rules", line: 1, column: 1)
}
