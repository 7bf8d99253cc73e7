/// Steps in the spelling of strace(1): what the dry run prints.
extension Operation {
    package var spelling: String {
        switch self {
        case .call(let call): call.spelling
        case .spawn(let flags):
            "clone3({flags=CLONE_VM|CLONE_PIDFD|CLONE_CLEAR_SIGHAND|CLONE_INTO_CGROUP|\(flags), exit_signal=SIGCHLD, cgroup=cgroup}, 88)"
        case .fork(let hasOwnCgroup):
            hasOwnCgroup
                ? "clone3({flags=CLONE_VM|CLONE_PIDFD|CLONE_CLEAR_SIGHAND|CLONE_INTO_CGROUP, exit_signal=SIGCHLD, cgroup=…}, 88)"
                : "clone3({flags=CLONE_VM|CLONE_PIDFD|CLONE_CLEAR_SIGHAND, exit_signal=SIGCHLD}, 88)"
        case .release(let slots):
            "sendmsg(control, {SCM_RIGHTS [\(slots.map(\.name).joined(separator: ", "))]}, MSG_NOSIGNAL)"
        case .network(let operation): "\(operation)"
        case .verify(_, let value): "read(\(Slot.settingFile), \(SystemCall.quoted(value + "\n")), 4096)"
        case .check(let slot, .isOnTmpfs): "fstatfs(\(slot), {f_type=TMPFS_MAGIC})"
        case .check(let slot, .belongs(let owner)): "fstat(\(slot), {st_uid=\(owner)})"
        case .removeCgroup: "rmdir(cgroup)"
        }
    }
}

extension SystemCall {
    package var spelling: String {
        let spelled = arguments.map(\.spelling).joined(separator: ", ")
        return "\(name)(\(spelled))" + (result.map { " = \($0)" } ?? "")
    }

    static func quoted(_ texts: [String]) -> String { "[" + texts.map { quoted($0) }.joined(separator: ", ") + "]" }

    /// A C string, as strace(1) quotes it.
    static func quoted(_ text: String) -> String {
        var result = "\""
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""): result += "\\\""
            case UInt8(ascii: "\\"): result += "\\\\"
            case UInt8(ascii: "\n"): result += "\\n"
            case UInt8(ascii: "\t"): result += "\\t"
            case 0x20..<0x7f: result.unicodeScalars.append(Unicode.Scalar(byte))
            default: result += "\\" + String(byte, radix: 8)
            }
        }
        return result + "\""
    }
}

extension CallArgument {
    var spelling: String {
        switch self {
        case .integer(let value, let spelled): spelled.text { _ in UInt64(bitPattern: value) }
        case .descriptor(let slot): slot.name
        case .text(let text): SystemCall.quoted(text)
        case .vector(let texts): SystemCall.quoted(texts)
        case .environment: "…"
        case .structure(let structure): structure.spelling.text(of: structure.word)
        case .childDirectory: "\"/proc/PID\""
        case .null: "NULL"
        }
    }
}
