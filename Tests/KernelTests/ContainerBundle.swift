import Foundation
import Testing

/// A bundle with the machine's root, and the runtime that runs it.
struct ContainerBundle {
    let machine: Machine
    var configuration: [String: Any]

    /// `spec`, with this test's root, and a process without a terminal.
    init(_ machine: Machine, _ arguments: String...) throws {
        self.machine = machine
        let made = machine.jailrun("oci", "spec", "--bundle", machine.directory)
        try #require(made.status == 0, "\(made)")
        let text = Data(machine.read("\(machine.directory)/config.json").utf8)
        configuration = try #require(try JSONSerialization.jsonObject(with: text) as? [String: Any])
        set("root", "path", "root")
        set("process", "terminal", false)
        set("process", "args", arguments)
    }

    mutating func set(_ group: String, _ key: String, _ value: Any) {
        var members = configuration[group] as? [String: Any] ?? [:]
        members[key] = value
        configuration[group] = members
    }

    func oci(_ arguments: String...) -> Outcome { command(arguments).run() }
    func command(_ arguments: String...) -> Command { command(arguments) }

    private func command(_ arguments: [String]) -> Command {
        Command([Laboratory.program, "oci", "--root", "\(machine.directory)/containers"] + arguments)
    }

    func write() throws {
        let bytes = try JSONSerialization.data(withJSONObject: configuration)
        machine.write(String(decoding: bytes, as: UTF8.self), to: "\(machine.directory)/config.json")
    }

    func run() throws -> Outcome {
        try write()
        return oci("run", "--bundle", machine.directory, "t")
    }

    func state(_ key: String = "status") -> String? {
        (oci("state", "t").json as? [String: Any])?[key] as? String
    }
}

extension ContainerBundle {
    mutating func namespaces(_ kinds: String...) { set("linux", "namespaces", kinds.map { ["type": $0] }) }
}
