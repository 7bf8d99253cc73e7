extension StartSelection {
    private static let pauseMilliseconds = 50

    /// Waits for those jails that another command is starting: what is asked for is that they are up.
    /// - Parameter timeoutSeconds: 0 is no limit.
    /// - Throws: when one is not up then; `.timedOut`; `.interrupted`.
    public func awaitStarts(timeoutSeconds: Int) throws(RuntimeError) {
        let deadline = timeoutSeconds > 0 ? Clock.milliseconds() + timeoutSeconds * 1000 : nil
        for jail in running where isStarting(jail) {
            let what = "its start by another command"
            host.waits.begin(jail.label, what)
            defer { host.waits.end() }
            while isStarting(jail) {
                if let deadline, deadline <= Clock.milliseconds() {
                    throw .timedOut(jail: jail.label, "\(what), after \(timeoutSeconds) s")
                }
                if let signal = host.waits.pause(milliseconds: Self.pauseMilliseconds, host.signals) {
                    throw .interrupted(jail: jail.label, signal: signal)
                }
            }
            if isUp(jail) { continue }
            throw .host("\(jail.label): another command was starting it, and it is not up", hint: nil)
        }
    }

    func isStarting(_ jail: JailSpec) -> Bool {
        guard let service = ServiceRegistry(state: host.state).record(of: jail.name.value) else { return false }
        return service.isSupervisorAlive && (service.state == .waiting || service.state == .starting)
    }

    /// Or did its work meanwhile.
    private func isUp(_ jail: JailSpec) -> Bool {
        host.state.trace(of: jail.name.value)?.isAlive == true
            || ServiceRegistry(state: host.state).record(of: jail.name.value)?.state == .ended
    }
}
