import Foundation
import Glibc
import Testing

extension Kernel {
    /// Commands in another network namespace than the links and rules of a jail.
    @Suite struct BystanderTests {
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
