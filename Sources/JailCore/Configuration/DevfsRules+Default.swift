extension DevfsRules {
    /// The text that stands below `/etc/devfs.rules`: FreeBSD's rulesets 1 to 5.
    ///
    /// Two of FreeBSD's lines are not here. `fuse` and `zfs` in set 4 serve mounts from inside, which a jail on Linux
    /// may not make; a file that wants the node says `add path fuse unhide`.
    public static let standardText = """
        # Hide everything.
        [devfsrules_hide_all=1]
        add hide

        # What every program expects.
        [devfsrules_unhide_basic=2]
        add path null unhide
        add path zero unhide
        add path crypto unhide
        add path random unhide
        add path urandom unhide

        # What a login session, or anything with a terminal, needs.
        [devfsrules_unhide_login=3]
        add path 'pty[pqrsPQRSlmnoLMNO]*' unhide
        add path ptmx unhide
        add path pts unhide
        add path 'pts/*' unhide
        add path fd unhide
        add path 'fd/*' unhide
        add path stdin unhide
        add path stdout unhide
        add path stderr unhide

        # The default of a jail.
        [devfsrules_jail=4]
        add include $devfsrules_hide_all
        add include $devfsrules_unhide_basic
        add include $devfsrules_unhide_login

        # A jail with a network stack of its own.
        [devfsrules_jail_vnet=5]
        add include $devfsrules_hide_all
        add include $devfsrules_unhide_basic
        add include $devfsrules_unhide_login
        add path pf unhide

        """

    /// `standardText`, read.
    public static let standard: DevfsRules = {
        var parser = DevfsRulesParser(file: "jailrun's devfs.rules", known: [])
        parser.read(Array(standardText.utf8))
        precondition(parser.errors.isEmpty, "the shipped devfs.rules: \(parser.errors)")
        return DevfsRules(rulesets: parser.rulesets)
    }()
}
