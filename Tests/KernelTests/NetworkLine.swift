import Foundation

@testable import JailCore

/// A step of the network in the dry run, and the call that makes it. strace(1) does not know every socket for a netlink
/// one: then the type is a number and the rest are bytes.
struct NetworkLine {
    private enum Form {
        case message(type: String, body: String)
        case ethtool
        case setting(path: String, value: String)
        /// Of so many objects of nftables.
        case batch(count: Int)
    }

    private let form: Form
    let isInside: Bool

    private static let types = [
        "RTM_NEWLINK": 0x10, "RTM_NEWADDR": 0x14, "RTM_NEWROUTE": 0x18, "RTM_NEWNEIGH": 0x1c,
        "RTM_DELLINK": 0x11, "RTM_SETLINK": 0x13, "RTM_DELADDR": 0x15, "RTM_DELNEIGH": 0x1d,
    ]

    init?(_ line: String) {
        let suffix = " in the jail's network namespace"
        isInside = line.hasSuffix(suffix)
        let text = isInside ? String(line.dropLast(suffix.count)) : line
        if text.hasPrefix("sendmsg(nfnetlink, ") {
            let makings = ["add table ", "add chain ", "add rule ", "insert rule "]
            form = .batch(count: makings.map { text.components(separatedBy: $0).count - 1 }.reduce(0, +))
        } else if text.hasPrefix("ioctl(rtnetlink, ") {
            form = .ethtool
        } else if text.hasPrefix("sendmsg(rtnetlink, ") {
            let parts = text.dropFirst("sendmsg(rtnetlink, ".count).split(separator: ",", maxSplits: 1)
            form = .message(type: String(parts[0]), body: String(parts[1]))
        } else if text.hasPrefix("write(\"/proc/sys/") {
            let words = text.split(separator: "\"")
            form = .setting(path: String(words[1].dropFirst("/proc/".count)), value: String(words[3]))
        } else {
            return nil
        }
    }

    /// The last of the calls that make this step, if they begin at `index`.
    func end(at index: Int, in calls: [TracedCall]) -> Int? {
        let call = calls[index]
        switch form {
        case .ethtool: return call.name == "ioctl" && call.arguments[1] == "SIOCETHTOOL" ? index : nil
        case .message(let type, let body):
            guard call.name == "sendmsg", let number = Self.types[type], call.arguments.count > 1 else { return nil }
            let message = call.arguments[1]
            let isDecoded = message.contains("nlmsg_type=\(type)")
            guard isDecoded || message.contains("nlmsg_type=0x\(String(number, radix: 16)) ") else { return nil }
            return Self.words(of: body).allSatisfy { $0.isIn(message, isDecoded) } ? index : nil
        case .batch(let count):
            guard call.name == "sendmsg", call.arguments.count > 1 else { return nil }
            let objects = call.arguments[1].components(separatedBy: "NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_NEW").count - 1
            let isBatch = count > 0 || call.arguments[1].contains("NFNL_SUBSYS_NFTABLES<<8|NFT_MSG_DEL")
            return objects == count && isBatch ? index : nil
        case .setting(let path, let value):
            guard call.name == "openat2", call.arguments[1].hasSuffix("\(path)\"") else { return nil }
            return calls.indices.dropFirst(index).first {
                calls[$0].pid == call.pid && calls[$0].name == "write"
                    && calls[$0].arguments.prefix(2) == [call.result, "\"\(value)\""]
            }
        }
    }

    /// Whether the call changes the network: to ask of it is no step.
    static func changes(_ call: TracedCall) -> Bool {
        let text = call.arguments.joined()
        return text.contains("|NFT_MSG_NEW")
            || types.contains {
                text.contains("nlmsg_type=\($0)") || text.contains("nlmsg_type=0x\(String($1, radix: 16)) ")
            }
    }

    /// Addresses of both families, MAC addresses and, where strace(1) shows them, names.
    private struct Word {
        var text: String
        var bytes: [UInt8]
        /// The kernel is given a link's number, which strace(1) does not always show as its name.
        var isName = false

        func isIn(_ message: String, _ isDecoded: Bool) -> Bool {
            // Whole: 10.77.0.1 is not in 10.77.0.10.
            if ["\"", "/", " ", "]"].contains(where: { message.contains(text + $0) }) { return true }
            return message.contains(bytes.map { String(format: "\\x%02x", $0) }.joined()) || isName && !isDecoded
        }
    }

    private static func words(of body: String) -> [Word] {
        body.trimmingCharacters(in: CharacterSet(charactersIn: " {})")).split(separator: " ").compactMap { word in
            let text = word.split(separator: "/").first.map {
                $0.trimmingCharacters(in: CharacterSet(charactersIn: "\""))
            }
            guard let text, text != "default" else { return nil }
            let pairs = text.split(separator: ":").compactMap { UInt8($0, radix: 16) }
            if text.utf8.count == 17, pairs.count == 6 { return Word(text: text, bytes: pairs) }
            if let address = InternetAddress(text) {
                let bytes = withUnsafeBytes(of: address.value.bigEndian) { Array($0) }
                return Word(text: text, bytes: text.contains(":") ? bytes : bytes.suffix(4))
            }
            return word.hasPrefix("\"") && word.hasSuffix("\"")
                ? Word(text: text, bytes: Array(text.utf8), isName: true) : nil
        }
    }
}
