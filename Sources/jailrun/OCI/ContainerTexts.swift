import JailCore

enum ContainerVersion {
    /// dockerd takes it apart by lines and words.
    static func text(_ name: String) -> String {
        "\(name) version \(Version.text)\ncommit: \(Version.text)\nspec: 1.3.0"
    }
}

enum ContainerHelp {
    static func text(_ name: String) -> String {
        """
        OVERVIEW: Run containers from OCI bundles, as podman, containerd and Docker do.

        A bundle is a folder with a config.json and a root file system.

        EXAMPLES:
          \(name) spec --bundle .
          \(name) run --bundle ./web web
          \(name) delete --force web

        USAGE: \(name) [<options>] <command> ...

        OPTIONS:
        \(table(ContainerVerb.global.map { ($0.form, $0.meaning) }))

        COMMANDS:
        \(table(ContainerVerb.all.map { ($0.name, $0.meaning) }))

          See '\(name) <command> --help' and jailrun-oci(8).
        """
    }

    static func text(_ name: String, of verb: ContainerVerb) -> String {
        let operands = verb.operands.isEmpty ? "" : " \(verb.operands)"
        let options = verb.options.map { ($0.form, $0.meaning) }
        return """
            OVERVIEW: \(verb.meaning)

            EXAMPLE:
              \(name) \(verb.example)

            USAGE: \(name) [<options>] \(verb.name)\(options.isEmpty ? "" : " [<options>]")\(operands)
            """ + (options.isEmpty ? "" : "\n\nOPTIONS:\n\(table(options))")
    }

    private static func table(_ rows: [(String, String)]) -> String {
        let width = rows.map(\.0.count).max() ?? 0
        return rows.map { row in
            let gap = row.1.isEmpty ? "" : String(repeating: " ", count: width - row.0.count + 2)
            return "  \(row.0)\(gap)\(row.1)"
        }.joined(separator: "\n")
    }
}

enum ContainerFeatures {
    static var text: String {
        func string(_ text: String) -> JSONValue { JSONValue(.string(text)) }
        func strings(_ texts: [String]) -> JSONValue { JSONValue(.array(texts.map(string))) }
        func truth(_ isTrue: Bool) -> JSONValue { JSONValue(.bool(isTrue)) }
        func object(_ members: [(String, JSONValue)]) -> JSONValue {
            JSONValue(.object(members.map { JSONValue.Member($0.0, $0.1) }))
        }
        let linux = object([
            ("namespaces", strings(["cgroup", "ipc", "mount", "network", "pid", "user", "uts"])),
            ("capabilities", strings(Capability.allCases.map(\.name))),
            (
                "cgroup",
                object([
                    ("v1", truth(false)), ("v2", truth(true)), ("systemd", truth(true)), ("systemdUser", truth(false)),
                    ("rdma", truth(true)),
                ])
            ),
            (
                "seccomp",
                object([
                    ("enabled", truth(true)), ("actions", strings(RuntimeConfiguration.seccompActions)),
                    ("operators", strings(RuntimeConfiguration.seccompOperators)),
                ])
            ),
            ("apparmor", object([("enabled", truth(false))])), ("selinux", object([("enabled", truth(false))])),
            ("mountExtensions", object([("idmap", object([("enabled", truth(true))]))])),
        ])
        return object([
            ("ociVersionMin", string("1.0.0")), ("ociVersionMax", string("1.3.0")),
            ("hooks", strings(ContainerHooks.Moment.allCases.map(\.rawValue))),
            ("mountOptions", strings(RuntimeConfiguration.mountOptions)), ("linux", linux),
        ]).text(isPretty: true)
    }
}

/// What there is below a root directory.
struct ContainerList {
    let root: String

    func text(format: String?, isQuiet: Bool) throws -> String {
        let all = try ContainerDirectory.all(root: root)
        if isQuiet { return all.map(\.record.id).joined(separator: "\n") }
        if format == "json" {
            return JSONValue(.array(all.map { $0.record.state($0.status) })).text(isPretty: false)
        }
        let rows =
            [["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"]]
            + all.map {
                [
                    $0.record.id, $0.status == .stopped ? "0" : "\($0.record.pid)", $0.status.rawValue,
                    $0.record.bundle,
                    $0.record.created, $0.record.owner,
                ]
            }
        let widths = rows[0].indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            row.enumerated().map {
                $0 == row.count - 1 ? $1 : $1 + String(repeating: " ", count: widths[$0] + 3 - $1.count)
            }
            .joined()
        }.joined(separator: "\n")
    }
}
