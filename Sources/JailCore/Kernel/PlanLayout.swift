internal import CNamespaces

/// Lays a plan out in memory: offsets only, so that the bytes mean the same wherever they lie.
struct PlanLayout {
    private struct LoweredStep {
        var call: Int32
        var index: Int32
        var result: Int32
        var allowedError: Int32
        var arguments: [(value: Int64, kind: Int64)]
    }

    private var data: [UInt8] = []
    private var steps: [LoweredStep] = []
    private var fixups: [(at: UInt32, target: UInt32)] = []
    private var commands: [(first: Int, count: Int, isBackground: Bool)] = []
    /// A few dozen: to look through them is cheaper than to make a dictionary.
    private var cells: [(slot: Slot, offset: Int)] = []
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
        var index = firstIndex
        for step in enter + plan {
            starts.append(steps.count)
            lower(step, index: index)
            index += 1
        }
        starts.append(steps.count)
        enterCount = enter.isEmpty ? 0 : starts[enter.count]
        for command in planned {
            let first = steps.count
            for step in command.steps {
                lower(step, index: index)
                index += 1
            }
            commands.append((first, steps.count - first, command.line.isBackground))
        }
    }

    func cell(of slot: Slot) -> Int? { cells.first { $0.slot == slot }?.offset }

    func lowered(_ range: Range<Int>) -> Range<Int> { starts[range.lowerBound]..<starts[range.upperBound] }

    // MARK: Data

    /// Reserves 8-aligned bytes.
    private mutating func reserve(_ bytes: [UInt8]) -> Int {
        while !data.count.isMultiple(of: 8) { data.append(0) }
        let offset = data.count
        data += bytes
        return offset
    }

    private mutating func cell(for slot: Slot) -> Int {
        if let cell = cell(of: slot) { return cell }
        let cell = reserve(Int64(-1).littleEndianBytes)
        cells.append((slot, cell))
        return cell
    }

    private mutating func text(_ text: String) -> Int { reserve(Array(text.utf8) + [0]) }

    private mutating func vector(_ texts: [String]) -> Int {
        let targets = texts.map { self.text($0) }
        let offset = reserve(Array(repeating: 0, count: 8 * (targets.count + 1)))
        for (position, target) in targets.enumerated() {
            fixups.append((UInt32(offset + 8 * position), UInt32(target)))
        }
        return offset
    }

    private mutating func structure(_ structure: Structure, index: Int) -> Int {
        let offset = reserve(structure.bytes)
        for patch in structure.patches {
            switch patch {
            case .pointer(let at, let bytes):
                fixups.append((UInt32(offset + at), UInt32(reserve(bytes))))
            case .slot(let at, let size, let slot):
                copy(to: offset + at, from: cell(for: slot), size: size, index: index)
            }
        }
        return offset
    }

    private mutating func copy(to target: Int, from source: Int, size: Int, index: Int) {
        append(
            CNS_COPY.rawValue, index: index,
            arguments: [(Int64(target), 0), (Int64(source), 0), (Int64(size), 0)])
    }

    // MARK: Steps

    private mutating func append(
        _ call: Int32, index: Int, arguments: [(value: Int64, kind: Int64)], result: Int = -1, allowedError: Int32 = 0
    ) {
        steps.append(
            LoweredStep(
                call: call, index: Int32(index), result: Int32(result), allowedError: allowedError, arguments: arguments
            ))
    }

    private mutating func lower(_ step: Step, index: Int) {
        guard case .call(let call) = step.operation else { return }
        if call.number == CNS_RECEIVE.rawValue { return lowerReceive(call, index: index) }
        let arguments = call.arguments.map { lower($0, index: index) }
        let result = call.result.map { cell(for: $0) } ?? -1
        append(call.number, index: index, arguments: arguments, result: result, allowedError: call.allowedError)
    }

    private mutating func lower(_ argument: CallArgument, index: Int) -> (value: Int64, kind: Int64) {
        let dataKind = Int64(CNS_DATA.rawValue)
        switch argument {
        case .integer(let value, _): return (value, Int64(CNS_INTEGER.rawValue))
        case .descriptor(let slot): return (Int64(cell(for: slot)), Int64(CNS_RESULT.rawValue))
        case .text(let text): return (Int64(self.text(text)), dataKind)
        case .vector(let texts): return (Int64(vector(texts)), dataKind)
        case .structure(let structure): return (Int64(self.structure(structure, index: index)), dataKind)
        case .null: return (0, Int64(CNS_INTEGER.rawValue))
        case .childDirectory:
            let offset = childDirectoryOffset ?? reserve(Array(repeating: 0, count: 32))
            childDirectoryOffset = offset
            return (Int64(offset), dataKind)
        }
    }

    /// Descriptors arrive in a row; each is copied to its slot.
    private mutating func lowerReceive(_ call: SystemCall, index: Int) {
        let slots = call.arguments.dropFirst().compactMap { argument -> Slot? in
            if case .descriptor(let slot) = argument { slot } else { nil }
        }
        let row = reserve(Array(repeating: 0, count: 8 * slots.count))
        append(
            call.number, index: index,
            arguments: [lower(call.arguments[0], index: index), (Int64(slots.count), 0), (Int64(row), 0)])
        for (position, slot) in slots.enumerated() {
            copy(to: cell(for: slot), from: row + 8 * position, size: 8, index: index)
        }
    }

    // MARK: Bytes

    /// Header, steps, fixups, commands as 64-bit words, then data: `struct cns_plan` of cns_plan.h on little-endian machines.
    func image() -> (words: [UInt64], data: [UInt8]) {
        let stepOffset = MemoryLayout<cns_plan>.size
        let fixupOffset = stepOffset + steps.count * MemoryLayout<cns_step>.stride
        let commandOffset = fixupOffset + fixups.count * MemoryLayout<cns_fixup>.stride
        let dataOffset = commandOffset + commands.count * MemoryLayout<cns_command>.stride
        var words: [UInt64] = []
        words.reserveCapacity(dataOffset / 8)
        words += [
            UInt64(CNS_PLAN_MAGIC), Self.pair(dataOffset + data.count, Int(flags)), Self.pair(steps.count, stepOffset),
            Self.pair(fixups.count, fixupOffset), Self.pair(commands.count, commandOffset),
            Self.pair(dataOffset, data.count), Self.pair(0, enterCount), Self.pair(Int(console), 0), 0,
        ]
        for step in steps {
            words.append(Self.pair(Int(step.call), Int(step.index)))
            words.append(Self.pair(Int(step.result), Int(step.allowedError)))
            for position in 0..<6 {
                let argument = position < step.arguments.count ? step.arguments[position] : (value: 0, kind: 0)
                words.append(UInt64(bitPattern: argument.value))
                words.append(UInt64(bitPattern: argument.kind))
            }
        }
        for fixup in fixups { words.append(Self.pair(Int(fixup.at), Int(fixup.target))) }
        for command in commands {
            words.append(Self.pair(command.first, command.count))
            words.append(Self.pair(command.isBackground ? 1 : 0, 0))
        }
        return (words, data)
    }

    private static func pair(_ low: Int, _ high: Int) -> UInt64 {
        UInt64(UInt32(truncatingIfNeeded: low)) | UInt64(UInt32(truncatingIfNeeded: high)) << 32
    }
}
