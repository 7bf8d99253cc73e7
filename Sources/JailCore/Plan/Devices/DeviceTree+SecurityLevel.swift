extension DeviceTree {
    /// What `securelevel` leaves: from 1 on no memory or ports of the machine, from 2 on disks can only be read.
    func restricted(to level: Int) -> DeviceTree {
        var tree = self
        if level >= 1 { tree.nodes.removeAll(where: \.isMachineMemory) }
        if level >= 2 {
            for index in tree.nodes.indices where tree.nodes[index].kind == .block {
                tree.nodes[index].isReadOnly = true
                tree.nodes[index].mode &= 0o555
            }
        }
        return tree
    }
}

extension DeviceNode {
    /// mem(4), kmem and port: character devices 1:1, 1:2 and 1:4.
    fileprivate var isMachineMemory: Bool { kind == .character && major == 1 && [1, 2, 4].contains(minor) }
}
