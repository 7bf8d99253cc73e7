/// Devices by what they open, told by their numbers: devices.txt of the kernel's documentation.
enum DeviceRisk: String, CaseIterable, Sendable {
    case ordinary = "ordinary"
    case memory = "the machine's memory"
    case disk = "disks"
    case readOnlyDisk = "disks, read-only"
    case messages = "kernel messages"
    case machines = "virtual machines"
    case userFilesystem = "FUSE file systems"
    case tunnel = "network tunnels"
    case input = "input devices"
    case graphics = "graphics"
    case sound = "sound"
    case terminal = "the host's terminals"
    case other = "others"

    init(_ node: DeviceNode) {
        if node.kind == .block {
            self = node.isReadOnly ? .readOnlyDisk : .disk
            return
        }
        switch (node.major, node.minor) {
        case (1, 1), (1, 2), (1, 4): self = .memory
        case (1, 11): self = .messages
        case (1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 2), (136...143, _): self = .ordinary
        case (4, _), (5, _), (7, _), (204, _): self = .terminal
        case (9, _), (21, _), (27, _), (10, 237): self = .disk
        case (10, 200), (10, 238): self = .tunnel
        case (10, 229): self = .userFilesystem
        case (10, 232): self = .machines
        case (10, 223), (13, _): self = .input
        case (14, _), (116, _): self = .sound
        case (29, _), (226, _): self = .graphics
        default: self = .other
        }
    }

    /// Hundredths for one device of the kind or many. The sum is the part's, but for the read-only disks, which are disks.
    var weight: Int {
        switch self {
        case .ordinary: 0
        case .memory: 30
        case .disk: 30
        case .readOnlyDisk: 12
        case .machines: 6
        case .input: 6
        case .graphics: 5
        case .terminal: 5
        case .messages: 4
        case .userFilesystem: 4
        case .tunnel: 4
        case .other: 4
        case .sound: 2
        }
    }

    /// What a process could do with them.
    var allowance: String {
        switch self {
        case .ordinary: "nothing that a program could not do without them"
        case .memory: "read and change the memory of the kernel, with CAP_SYS_RAWIO on the machine"
        case .disk: "read and write the contents of other file systems, whatever their permissions"
        case .readOnlyDisk: "read the contents of other file systems, whatever their permissions"
        case .machines: "run virtual machines, through a large interface of the kernel"
        case .input: "read what is typed, and type by itself"
        case .graphics: "program the graphics processor"
        case .terminal: "read and write the host's terminals"
        case .messages: "read the kernel's messages, and write some"
        case .userFilesystem: "serve file systems to the kernel"
        case .tunnel: "make network interfaces that are run by a program"
        case .other: "use devices that jailrun does not know"
        case .sound: "record and play sound"
        }
    }
}
