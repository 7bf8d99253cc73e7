import Testing

extension Kernel {
    /// What every other test relies on when it says that nothing was left.
    @Suite struct RemainsTests {
        @Test("a jail that is up would be seen by all that is looked at") func seen() throws {
            try Machine.with { machine in
                let before = Remains.now()
                machine.configure("command = \"sleep 1000\"; ip4.addr = 10.77.0.97; restart = always;")
                #expect(machine.jailrun("start", machine.conf).status == 0)
                defer { machine.stop() }
                let seen = Remains.now().additions(to: before).joined(separator: "\n")
                for (start, end) in [
                    ("link jail0", ""), ("state /run/jailrun/", ""), ("cgroup \(Remains.cgroupRoot)/", ""),
                    ("process of a jail /proc/", ""), ("process /proc/", " of jailrun"),
                    ("route 10.77.0.0/24 dev jail0 ", ""),
                ] {
                    let isThere = seen.split(separator: "\n").contains { $0.hasPrefix(start) && $0.hasSuffix(end) }
                    #expect(isThere, "\(start)\(end): \(seen)")
                }
            }
        }
    }
}
