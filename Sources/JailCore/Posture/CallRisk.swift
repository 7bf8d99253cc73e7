/// System calls by what they open. The groups are those of the default filter's table.
enum CallRisk: String, CaseIterable, Sendable {
    case namespaces = "mounts and namespaces"
    case handles = "handles to files"
    case machine = "the machine"
    case young = "large and new parts of the kernel"
    case processes = "other processes"
    case memory = "placing memory"
    case arguments = "arguments unchecked"
    case foreign = "other ABIs"
    case relics = "obsolete and unused"
    case ordinary = "ordinary"

    /// Nil when the table has a group that nobody judged.
    init?(_ row: SeccompTable.Row) {
        switch (row.verdict, row.group) {
        case (.allow, _): self = .ordinary
        // Which families a socket may have is judged as network.
        case (.check, "Sockets"): self = .ordinary
        case (.check, _): self = .arguments
        case (_, "Mounts and namespaces"): self = .namespaces
        case (_, "Handles to files"): self = .handles
        case (_, "The machine"): self = .machine
        case (_, "Large and young parts of the kernel"): self = .young
        case (_, "Other processes"): self = .processes
        case (_, "Placing memory on nodes"): self = .memory
        // Its flags are where no filter can look: all namespaces are behind it.
        case (_, "Absent") where row.name == "clone3": self = .namespaces
        case (_, "Relics"), (_, "Too young to be needed"), (_, "Absent"): self = .relics
        default: return nil
        }
    }

    /// Hundredths, when all calls of the group pass. The sum is the part's.
    var weight: Int {
        switch self {
        case .namespaces: 30
        case .young: 30
        case .machine: 25
        case .ordinary: 15
        case .arguments: 15
        case .handles: 10
        case .processes: 10
        case .foreign: 10
        case .relics: 3
        case .memory: 2
        }
    }

    /// What a process could do with them.
    var allowance: String {
        switch self {
        case .namespaces: "rearrange mounts, and make a namespace in which it has every capability"
        case .handles: "open files by handle, which no root directory confines"
        case .machine: "ask the kernel to change the machine: its clock, modules, swap, power"
        case .young: "reach the parts of the kernel that most escapes used"
        case .processes: "reach into other processes of the jail, past ptrace(2)'s checks"
        case .memory: "see and change on which node memory is"
        case .arguments: "pass arguments that make namespaces, type into terminals or weaken address randomisation"
        case .foreign: "call the kernel through an ABI to which rules on names and arguments do not apply"
        case .relics: "make calls that no maintained program needs"
        case .ordinary: "make the calls that services need; all of them run code of the kernel"
        }
    }
}
