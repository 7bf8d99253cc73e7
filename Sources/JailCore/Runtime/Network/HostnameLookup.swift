internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// `ip_hostname`: the addresses of the jail's hostname, as the host's programs find them.
///
/// The C library's look-up loads modules, which a static program cannot: getent(1) does it.
struct HostnameLookup {
    let jail: ConfiguredJail
    let host: Host

    private static let timeoutSeconds = 60

    /// The jail with those addresses behind its own; the same jail when it asks for none.
    /// - Throws: `.unsuitable` when the name has no address, or cannot be looked up.
    func resolved() throws(RuntimeError) -> ConfiguredJail {
        guard let lookup = jail.network.lookup else { return jail }
        var resolved = jail
        resolved.network.lookup = nil
        for address in try addresses() {
            if resolved.network.addresses.contains(where: { $0.address == address.description }) { continue }
            resolved.network.addresses.append(
                AddressSpec(
                    family: address.family, address: address.description, prefixLength: nil,
                    interface: lookup.value.isEmpty ? nil : lookup.value, origin: lookup.origin))
        }
        if resolved.network.addresses.isEmpty { throw failure(lookup, "no address that a jail can have") }
        return resolved
    }

    /// Those of the hostname; none when they are not asked for.
    func addresses() throws(RuntimeError) -> [InternetAddress] {
        guard let lookup = jail.network.lookup else { return [] }
        guard let assumed = host.assumed else { return Self.addresses(in: try answer(lookup)) }
        guard let known = assumed.hostnames.first(where: { $0.name == jail.hostname.value }) else {
            throw FactFinder(jail: jail, host: host).unknown("host.hostname \(jail.hostname.value)", lookup.origin)
        }
        return known.addresses.compactMap { InternetAddress($0) }
    }

    /// The first word of each line, each address once.
    static func addresses(in answer: String) -> [InternetAddress] {
        var found: [InternetAddress] = []
        for line in answer.split(separator: "\n") {
            guard let word = line.split(separator: " ").first, let address = InternetAddress(String(word)),
                address.isAssignable, !address.isLinkLocal, !found.contains(address)
            else { continue }
            found.append(address)
        }
        return found
    }

    private func failure(_ lookup: Located<String>, _ reason: String) -> RuntimeError {
        .unsuitable(
            jail: jail.label, origin: lookup.origin, "host.hostname \(jail.hostname.value): \(reason)",
            hint: "getent ahosts \(jail.hostname.value)")
    }

    private func answer(_ lookup: Located<String>) throws(RuntimeError) -> String {
        let message = "\(jail.label): cannot look up \(jail.hostname.value)"
        let pipe = try OutputPipe()
        let reading = Descriptor(pipe.reading)
        let writing = Descriptor(pipe.writing)
        let steps = steps()
        let plan = KernelPlan(steps: steps)
        plan.set(.output, to: writing.number)
        let pair = try attempt(message) { () throws(Errno) in try ControlPair() }
        let child = try attempt(message) { () throws(Errno) in
            try plan.spawn(0..<steps.count, flags: [], cgroup: -1, control: pair.childs.number)
        }
        let pidfd = Descriptor(child.pidfd)
        _ = consume writing  // or the end of the answer is never seen
        guard let text = try read(reading.number), cns_wait(pidfd.number, 1000) == 0 else {
            kill(-child.pid, SIGKILL)
            _ = cns_wait(pidfd.number, 5000)
            throw failure(lookup, "not found")
        }
        return text
    }

    private func steps() -> [Step] {
        let words = ["getent", "ahosts", jail.hostname.value]
        let calls: [SystemCall] = [
            .startSession(), .clearSignalMask(), .duplicate(.output, to: 1), .closeRange(from: 3, onExec: true),
            .execute(["/usr/bin/getent", "/bin/getent"], words, environment: FactFinder.environment),
        ]
        return calls.map {
            Step(
                operation: .call($0), side: .child,
                purpose: .hostCommand(JailCommand(words.joined(separator: " ")), parameter: nil),
                origin: .standard(""),
                words: "look up \(jail.hostname.value)")
        }
    }

    /// Nil when the time is over; the answer of a name is some hundred bytes.
    private func read(_ descriptor: Int32) throws(RuntimeError) -> String? {
        let deadline = Clock.milliseconds() + Self.timeoutSeconds * 1000
        var bytes: [UInt8] = []
        while bytes.count < 65536 {
            var watched = [
                pollfd(fd: descriptor, events: Int16(POLLIN), revents: 0),
                pollfd(fd: host.signals.descriptor, events: Int16(POLLIN), revents: 0),
            ]
            let rest = deadline - Clock.milliseconds()
            guard rest > 0, unsafe poll(&watched, 2, Int32(rest)) > 0 else { return nil }
            if watched[1].revents != 0, let signal = host.signals.next(), signal != SIGWINCH {
                throw .interrupted(jail: jail.label, signal: signal)
            }
            guard watched[0].revents != 0 else { continue }
            var buffer = [UInt8](repeating: 0, count: 4096)
            let count = unsafe Glibc.read(descriptor, &buffer, buffer.count)
            if count <= 0 { return String(decoding: bytes, as: UTF8.self) }
            bytes += buffer[..<count]
        }
        return nil
    }
}
