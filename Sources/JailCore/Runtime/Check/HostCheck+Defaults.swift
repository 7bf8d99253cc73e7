/// What jailrun does of its own accord, and this host has no means for.
extension HostCheck {
    /// In the words of a start, once for the file.
    mutating func sayUnavailableDefaults() {
        if reading.jails.isEmpty { return }
        // What cannot be looked at is told where a start objects to it.
        do throws(RuntimeError) {
            for file in try host.unavailableDefaults(of: reading.jails.map(\.spec)) { note(Host.words(without: file)) }
        } catch {}
    }
}
