/// What a filter lets through, whatever the program asks: its instructions are walked with the number known and the
/// arguments not, so a branch on an argument is taken both ways.
struct FilterReach {
    enum Answer: Equatable { case always, byArguments, never }

    /// AUDIT_ARCH_* of <linux/audit.h>.
    enum Architecture {
        #if arch(arm64)
        static let native: UInt32 = 0xc000_00b7
        static let foreign: [(name: String, code: UInt32, numbers: UInt32)] = [("arm", 0x4000_0028, 0)]
        #else
        static let native: UInt32 = 0xc000_003e
        static let foreign: [(name: String, code: UInt32, numbers: UInt32)] = [
            ("i386", 0x4000_0003, 0), ("x32", 0xc000_003e, 0x4000_0000),
        ]
        #endif
    }

    private struct Instruction {
        var operation: UInt16
        var (taken, otherwise): (Int, Int)
        var constant: UInt32

        /// struct sock_filter of <linux/filter.h>.
        init(_ bytes: [UInt8]) {
            operation = UInt16(bytes[0]) | UInt16(bytes[1]) << 8
            (taken, otherwise) = (Int(bytes[2]), Int(bytes[3]))
            constant = bytes[4...].reversed().reduce(0) { $0 << 8 | UInt32($1) }
        }
    }

    /// Nil: everything passes.
    private let program: [Instruction]?

    init(_ filter: SeccompFilter?) {
        program = filter.map { filter in
            (0..<filter.instructionCount).map { Instruction(Array(filter.bytes[($0 * 8)..<($0 * 8 + 8)])) }
        }
    }

    /// The answer to a call of this machine's own ABI.
    func answer(to number: Int) -> Answer { answer(to: UInt32(number), of: Architecture.native) }

    /// The other ABIs of this machine of which some call passes.
    var foreign: [String] {
        Architecture.foreign.filter { _, code, numbers in
            (0..<512).contains { answer(to: numbers | $0, of: code) != .never }
        }.map(\.name)
    }

    private func answer(to number: UInt32, of architecture: UInt32) -> Answer {
        guard let program else { return .always }
        var walk = Walk(number: number, architecture: architecture)
        walk.follow(program)
        return walk.passes ? (walk.fails ? .byArguments : .always) : .never
    }

    /// Only forward jumps exist, so a walk ends.
    private struct Walk {
        struct State: Hashable {
            var counter: Int
            /// Nil: an argument is in it.
            var accumulator: UInt32?
        }

        let number: UInt32
        let architecture: UInt32
        var passes = false
        var fails = false
        private var seen: Set<State> = []
        private var open = [State(counter: 0, accumulator: 0)]

        init(number: UInt32, architecture: UInt32) { (self.number, self.architecture) = (number, architecture) }

        mutating func follow(_ program: [Instruction]) {
            while let state = open.popLast() {
                guard seen.insert(state).inserted, program.indices.contains(state.counter) else { continue }
                perform(program[state.counter], state)
            }
        }

        private mutating func perform(_ instruction: Instruction, _ state: State) {
            let constant = instruction.constant
            switch instruction.operation {
            case 0x20: next(state, load(constant))
            case 0x54: next(state, state.accumulator.map { $0 & constant })
            case 0x05: jump(state, Int(constant))
            case 0x15: branch(instruction, state) { $0 == constant }
            case 0x25: branch(instruction, state) { $0 > constant }
            case 0x35: branch(instruction, state) { $0 >= constant }
            case 0x45: branch(instruction, state) { $0 & constant != 0 }
            case 0x06: end(constant)
            default: passes = true  // what is not understood is taken for open
            }
        }

        /// struct seccomp_data: the number, the architecture, then what only a running program knows.
        private func load(_ offset: UInt32) -> UInt32? {
            switch offset {
            case 0: number
            case 4: architecture
            default: nil
            }
        }

        private mutating func next(_ state: State, _ accumulator: UInt32?) {
            open.append(State(counter: state.counter + 1, accumulator: accumulator))
        }

        private mutating func jump(_ state: State, _ distance: Int) {
            open.append(State(counter: state.counter + 1 + distance, accumulator: state.accumulator))
        }

        private mutating func branch(_ instruction: Instruction, _ state: State, _ holds: (UInt32) -> Bool) {
            let answer = state.accumulator.map(holds)
            if answer != false { jump(state, instruction.taken) }
            if answer != true { jump(state, instruction.otherwise) }
        }

        /// SECCOMP_RET_ALLOW and SECCOMP_RET_LOG; SECCOMP_RET_TRACE fails where nobody traces.
        private mutating func end(_ value: UInt32) {
            if value & 0xffff_0000 == 0x7fff_0000 || value & 0xffff_0000 == 0x7ffc_0000 {
                passes = true
            } else {
                fails = true
            }
        }
    }
}

/// What a filter returns for each call of this machine in the default filter's table, and the sum of that. Thousands of
/// walks: jails that have the same filter share it.
package struct FilterAnswers: Sendable {
    /// The calls of one risk.
    struct Group: Sendable {
        var risk: CallRisk
        var count: Int
        /// A call with a check is open when it passes without one; of the others, when it passes at all.
        var open: [SeccompTable.Row]
    }

    let calls: [(row: SeccompTable.Row, answer: FilterReach.Answer)]
    let foreignABIs: [String]
    let groups: [Group]
    let reach: [Posture.Calls]

    init(_ filter: SeccompFilter?) {
        let walk = FilterReach(filter)
        let calls = SeccompTable.rows.compactMap { row in row.number.map { (row: row, answer: walk.answer(to: $0)) } }
        let foreign = walk.foreign
        let risks = calls.map { CallRisk($0.row) }
        func entries(_ risk: CallRisk) -> [(row: SeccompTable.Row, answer: FilterReach.Answer)] {
            zip(calls, risks).filter { $1 == risk }.map(\.0)
        }
        groups = CallRisk.allCases.map { risk in
            let entries = entries(risk)
            let open = entries.filter { risk == .arguments ? $0.answer == .always : $0.answer != .never }
            return Group(risk: risk, count: entries.count, open: open.map(\.row))
        }
        reach = CallRisk.allCases.compactMap { risk in
            let passing = entries(risk).filter { $0.answer != .never }
            let names = risk == .foreign ? foreign : passing.map(\.row.name)
            if names.isEmpty { return nil }
            return Posture.Calls(
                risk: risk.rawValue, allows: risk.allowance, names: names,
                checked: passing.filter { $0.answer == .byArguments }.map(\.row.name))
        }
        (self.calls, foreignABIs) = (calls, foreign)
    }
}
