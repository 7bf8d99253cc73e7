internal import CNamespaces
internal import Glibc

/// The service manager that started jailrun and waits to hear from it: sd_notify(3).
package enum ServiceManager {
    /// What can be told.
    package enum State: String, Sendable {
        /// Every jail is up.
        case ready = "READY=1"
        case stopping = "STOPPING=1"
    }

    /// Reports the state if `NOTIFY_SOCKET` names a listener. It is not an error if nobody listens: sd_notify(3) is
    /// silent, too, and the manager has its own deadline.
    package static func notify(_ state: State) {
        guard let socket = unsafe getenv("NOTIFY_SOCKET") else { return }
        _ = unsafe cns_notify(socket, state.rawValue)
    }
}
