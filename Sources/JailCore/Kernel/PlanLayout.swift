internal import CNamespaces

/// Lays a plan out in memory: offsets only, so that the bytes mean the same wherever they lie.
struct PlanLayout {
    private var data: [UInt8] = []
    /// Of all lowered steps, `stepWords` each: `struct cns_step`.
    private var steps: [UInt64] = []
    private static let stepWords = MemoryLayout<cns_step>.stride / 8
    private static let noStep = [UInt64](repeating: 0, count: stepWords)
    private var stepCount: Int { steps.count / Self.stepWords }
    /// `struct cns_fixup`, a word each.
    private var fixups: [UInt64] = []
    /// `struct cns_command`, two words each.
    private var commands: [UInt64] = []
    /// A few dozen, and where each has its cell: to look through them is cheaper than to make a dictionary.
    private(set) var slots: [Slot] = []
    private var cells: [Int] = []
    /// The first lowered step of each step of the plan, and one more at the end.
    private var starts: [Int] = []
    private let flags: UInt32
    private let console: Int32
    private var enterCount = 0
    private(set) var childDirectoryOffset: Int?

    /// - Parameter firstIndex: the number of the first step, in reports.
    init(
        steps plan: [Step], commands planned: [Plan.Command], enter: [Step], flags: UInt32, console: Int32,
        firstIndex: Int
    ) {
        self.flags = flags
        self.console = console
        steps.reserveCapacity((enter.count + plan.count) * Self.stepWords)
        data.reserveCapacity(4096)
        var index = firstIndex
        for step in enter + plan {
            starts.append(stepCount)
            lower(step, index: index)
            index += 1
        }
        starts.append(stepCount)
        enterCount = enter.isEmpty ? 0 : starts[enter.count]
        for command in planned {
            let first = stepCount
            for step in command.steps {
                lower(step, index: index)
                index += 1
            }
            commands += [Self.pair(first, stepCount - first), Self.pair(Int(command.mode.rawValue), 0)]
        }
    }

    func cell(of slot: Slot) -> Int? { slots.firstIndex(of: slot).map { cells[$0] } }

    func lowered(_ range: Range<Int>) -> Range<Int> { starts[range.lowerBound]..<starts[range.upperBound] }

    // MARK: Data

    /// Where the next 8-aligned bytes go.
    private mutating func align() -> Int {
        while !data.count.isMultiple(of: 8) { data.append(0) }
        return data.count
    }

    private mutating func reserve(_ bytes: [UInt8]) -> Int {
        let offset = align()
        data += bytes
        return offset
    }

    private mutating func reserve(count: Int, of byte: UInt8 = 0) -> Int {
        let offset = align()
        for _ in 0..<count { data.append(byte) }
        return offset
    }

    private mutating func cell(for slot: Slot) -> Int {
        if let cell = cell(of: slot) { return cell }
        let cell = reserve(count: 8, of: 0xff)
        slots.append(slot)
        cells.append(cell)
        return cell
    }

    private mutating func text(_ text: String) -> Int {
        let offset = align()
        data.append(contentsOf: text.utf8)
        data.append(0)
        return offset
    }

    private mutating func vector(_ texts: [String]) -> Int {
        let targets = texts.map { self.text($0) }
        let offset = reserve(count: 8 * (targets.count + 1))
        for (position, target) in targets.enumerated() {
            fixups.append(Self.pair(offset + 8 * position, target))
        }
        return offset
    }

    private mutating func structure(_ structure: Structure, index: Int) -> Int {
        let offset = reserve(structure.bytes)
        for patch in structure.patches {
            switch patch {
            case .pointer(let at, let bytes):
                fixups.append(Self.pair(offset + at, reserve(bytes)))
            case .slot(let at, let size, let slot):
                copy(to: offset + at, from: cell(for: slot), size: size, index: index)
            }
        }
        return offset
    }

    private mutating func copy(to target: Int, from source: Int, size: Int, index: Int) {
        append(CNS_COPY.rawValue, index: index)
        put(Int64(target), 0, at: 0)
        put(Int64(source), 0, at: 1)
        put(Int64(size), 0, at: 2)
    }

    // MARK: Steps

    /// A step without arguments; `put` gives it some.
    private mutating func append(_ call: Int32, index: Int, result: Int = -1, allowedError: Int32 = 0) {
        steps += Self.noStep
        steps[steps.count - Self.stepWords] = Self.pair(Int(call), index)
        steps[steps.count - Self.stepWords + 1] = Self.pair(result, Int(allowedError))
    }

    /// Argument `position` of the last step.
    private mutating func put(_ value: Int64, _ kind: Int64, at position: Int) {
        let word = (stepCount - 1) * Self.stepWords + 2 + 2 * position
        steps[word] = UInt64(bitPattern: value)
        steps[word + 1] = UInt64(bitPattern: kind)
    }

    private mutating func lower(_ step: Step, index: Int) {
        guard case .call(let call) = step.operation else { return }
        if call.number == CNS_RECEIVE.rawValue { return lowerReceive(call, index: index) }
        // An argument may need steps before its own: it is lowered first.
        var lowered: (values: [6 of Int64], kinds: [6 of Int64]) = (.init(repeating: 0), .init(repeating: 0))
        for (position, argument) in call.arguments.enumerated() {
            (lowered.values[position], lowered.kinds[position]) = lower(argument, index: index)
        }
        let result = call.result.map { cell(for: $0) } ?? -1
        append(call.number, index: index, result: result, allowedError: call.allowedError)
        for position in call.arguments.indices { put(lowered.values[position], lowered.kinds[position], at: position) }
    }

    private mutating func lower(_ argument: CallArgument, index: Int) -> (value: Int64, kind: Int64) {
        let dataKind = Int64(CNS_DATA.rawValue)
        switch argument {
        case .integer(let value, _): return (value, Int64(CNS_INTEGER.rawValue))
        case .descriptor(let slot): return (Int64(cell(for: slot)), Int64(CNS_RESULT.rawValue))
        case .text(let text): return (Int64(self.text(text)), dataKind)
        case .vector(let texts), .environment(let texts): return (Int64(vector(texts)), dataKind)
        case .structure(let structure): return (Int64(self.structure(structure, index: index)), dataKind)
        case .null: return (0, Int64(CNS_INTEGER.rawValue))
        case .childDirectory:
            let offset = childDirectoryOffset ?? reserve(count: 32)
            childDirectoryOffset = offset
            return (Int64(offset), dataKind)
        }
    }

    /// Descriptors arrive in a row; each is copied to its slot.
    private mutating func lowerReceive(_ call: SystemCall, index: Int) {
        let slots = call.arguments.dropFirst().compactMap { argument -> Slot? in
            if case .descriptor(let slot) = argument { slot } else { nil }
        }
        let row = reserve(count: 8 * slots.count)
        let socket = lower(call.arguments[0], index: index)
        append(call.number, index: index)
        put(socket.value, socket.kind, at: 0)
        put(Int64(slots.count), 0, at: 1)
        put(Int64(row), 0, at: 2)
        for (position, slot) in slots.enumerated() {
            copy(to: cell(for: slot), from: row + 8 * position, size: 8, index: index)
        }
    }

    // MARK: Bytes

    /// What lies in a row, on little-endian machines: the header (`struct cns_plan`), steps, fixups and commands as 64-bit words;
    /// then data.
    func image() -> (words: [[UInt64]], data: [UInt8]) {
        let stepOffset = MemoryLayout<cns_plan>.size
        let fixupOffset = stepOffset + steps.count * 8
        let commandOffset = fixupOffset + fixups.count * 8
        let dataOffset = commandOffset + commands.count * 8
        let header = [
            UInt64(CNS_PLAN_MAGIC), Self.pair(dataOffset + data.count, Int(flags)), Self.pair(stepCount, stepOffset),
            Self.pair(fixups.count, fixupOffset), Self.pair(commands.count / 2, commandOffset),
            Self.pair(dataOffset, data.count), Self.pair(0, enterCount), Self.pair(Int(console), 0), 0,
        ]
        return ([header, steps, fixups, commands], data)
    }

    private static func pair(_ low: Int, _ high: Int) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: low)) | UInt64(UInt32(truncatingIfNeeded: high)) << 32
    }
}
