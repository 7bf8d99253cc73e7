import Foundation
import Glibc
import Testing

extension Kernel {
    /// Commands in another network namespace than the links and rules of a jail.
    @Suite struct BystanderTests {
        @Test("a jail of another state directory may have the number of the next one's link: that takes another")
        func numbers() throws {
            try Machine.with { machine in
                let state = "\(machine.directory)/other"
                machine.configure("ip4.addr = 10.77.0.10; persist;", name: "u")
                try #require(machine.jailrun("start", "--root", state, machine.conf).status == 0)
                machine.configure("ip4.addr = 10.77.0.11; persist;")
                let script = machine.jailrun("explain", "--format", "sh", machine.conf).output
                #expect(script.contains("vjail1000000") && !script.contains("vjail1 "), "\(script)")
                let start = machine.jailrun("start", machine.conf)
                #expect(start.status == 0, "\(start)")
                #expect(Command(["ip", "link", "show", "vjail1000000"]).run().output.contains("jailrun:t "))
                #expect(machine.link("jls", "-j", "t", "jid").output == "1\n")
                machine.stop()
                #expect(machine.jailrun("list", "--root", state).errors == "")
                #expect(machine.jailrun("stop", "--root", state, "u").status == 0)
            }
        }

        @Test("where br_netfilter comes after a jail, the next command lets the jail reach its own published port")
        func hairpin() throws {
            let setting = "/proc/sys/net/bridge/bridge-nf-call-iptables"
            if access(setting, F_OK) != 0 { return }
            let was = Command(["cat", setting]).run().output
            func set(_ value: String) { _ = Command.shell("echo \(value) >\(setting)").run() }
            defer { set(was) }
            try Machine.with { machine in
                set("0")
                let created = machine.create("ip4.addr=10.77.0.10", "port=8080:80")
                try #require(created.status == 0, "\(created)")
                func reflects() -> String {
                    Command.shell("cat /sys/class/net/vjail*/brport/hairpin_mode").run().output
                }
                #expect(reflects() == "0\n")
                _ = machine.jailrun("list")
                #expect(reflects() == "0\n")
                set("1")
                let list = machine.jailrun("list")
                #expect(list.errors == "" && reflects() == "1\n", "\(list)")
                machine.remove()
            }
        }
    }
}
