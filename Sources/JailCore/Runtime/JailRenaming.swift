internal import CNamespaces
internal import SystemPackage

/// Gives a running jail another name: in its record, on its cgroup, on the host's ends of its links, and in its packet rules. The cgroup's own name
/// stays, for the kernel renames none.
struct JailRenaming {
    let old: JailRecord
    let name: String
    let host: Host

    /// - Throws: why it cannot have that name.
    func check() throws(RuntimeError) {
        if host.state.trace(of: name) != nil { throw .alreadyExists(jail: name) }
        if JailName.parent(of: name) != JailName.parent(of: old.name) {
            throw unsuitable("cannot change jail's parent")
        }
        if let child = host.state.names.first(where: { $0.hasPrefix("\(old.name).") }) {
            throw unsuitable("\"\(child)\" is nested in it: remove that first")
        }
    }

    private func unsuitable(_ text: String) -> RuntimeError {
        .unsuitable(jail: old.spec.label, origin: .commandLine, text, hint: nil)
    }

    func run(_ new: inout JailRecord) throws(RuntimeError) {
        new.trace.name = name
        new.trace.label = new.spec.label
        try host.state.rename(new.trace, new.details, from: old.name)
        try ServiceRegistry(state: host.state).rename(old.name, to: new.spec)
        try attempt("\(old.spec.label): cannot mark \(old.cgroup)") { () throws(Errno) in
            let mark = CgroupMark.attribute(isNested: host.isNested)
            _ = try checkedResult(unsafe cns_set_attribute(old.cgroup, mark, name))
        }
        if new.trace.hasNetwork {
            try renameLinks()
            try PortChange(of: old, host: host).rename(to: &new)
            try host.state.write(new.details)
        }
    }

    private func renameLinks() throws(RuntimeError) {
        let connection = try NetworkConnection(host: host)
        do throws(NetlinkError) {
            let links = try connection.netlink.links()
            for link in HostNetworkFacts(links: links).jailLinks where link.jail == old.name {
                let alias = JailLink.alias(jail: name, interface: link.interface, addresses: link.addresses)
                let state = LinkState(name: link.name, namespace: .host, alias: alias)
                try connection.netlink.perform(.raiseLink(state), under: connection.lock)
            }
        } catch { throw .host("\(error)", hint: error.hint) }
    }
}
