/// The values that the kernel takes for a file of a cgroup: cgroup-v2.rst. Of files with values of a form of their own, as io.max,
/// the kernel says it when they are written.
enum CgroupValue {
    case number(ClosedRange<Int>, orMaximum: Bool = false)
    /// `max` or microseconds, and a period.
    case bandwidth

    init?(_ file: String) {
        switch file {
        case "cgroup.max.depth", "cgroup.max.descendants": self = .number(0...Int(Int32.max), orMaximum: true)
        case "cgroup.pressure", "cpu.idle", "memory.oom.group", "memory.zswap.writeback": self = .number(0...1)
        case "cpu.weight": self = .number(1...10000)
        case "cpu.weight.nice": self = .number(-20...19)
        case "cpu.max.burst": self = .number(0...Int.max)
        case "cpu.max": self = .bandwidth
        default: return nil
        }
    }

    func accepts(_ text: String) -> Bool {
        switch self {
        case .number(let range, let orMaximum): orMaximum && text == "max" || Self.number(text, in: range) != nil
        case .bandwidth: Self.isBandwidth(text)
        }
    }

    var hint: String {
        switch self {
        case .number(let range, let orMaximum):
            range.upperBound == Int.max
                ? "a number of microseconds"
                : "a number from \(range.lowerBound) to \(range.upperBound)" + (orMaximum ? ", or max" : "")
        case .bandwidth: "MICROSECONDS [PERIOD], or max [PERIOD], each at least 1000 and a period at most 1000000"
        }
    }

    private static func number(_ text: String, in range: ClosedRange<Int>) -> Int? {
        let isNegative = text.hasPrefix("-")
        guard let magnitude = DigitsOnly.value((isNegative ? text.dropFirst() : text[...]).utf8, in: 0...Int.max) else {
            return nil
        }
        let value = isNegative ? -magnitude : magnitude
        return range.contains(value) ? value : nil
    }

    /// CFS bandwidth of sched-bwc.rst: 1 ms at least, and a period of a second at most.
    private static func isBandwidth(_ text: String) -> Bool {
        let words = text.split(separator: " ").map(String.init)
        guard let first = words.first, words.count <= 2 else { return false }
        let isPeriod = words.count == 1 || number(words[1], in: 1000...1_000_000) != nil
        return isPeriod && (first == "max" || number(first, in: 1000...Int.max) != nil)
    }
}
