/// Who is told what happens.
package struct Audience: Sendable {
    /// Called with each step of a start, in its order, and the microseconds that it took; nil for the step that replaces the
    /// child's program. Those of the host as they are performed, those of the child when it is done: `-v`.
    package var observe: (@Sendable (Step, Int?) -> Void)?
    /// Called with a jail's label and what is about to be done to it, in jail(8)'s words: `jail -v`.
    package var tell: (@Sendable (String, String) -> Void)?
    /// Called with a warning: something that went wrong but did not stop what was asked for.
    package var warn: @Sendable (String) -> Void
    /// Called with a failure that could no longer stop anything: a command after the end of a jail.
    package var complain: @Sendable (RuntimeError) -> Void
    /// Called with what was decided before a start, if the caller may want to know it.
    package var note: @Sendable (String) -> Void

    package init(
        observe: (@Sendable (Step, Int?) -> Void)? = nil, warn: @escaping @Sendable (String) -> Void,
        note: @escaping @Sendable (String) -> Void = { _ in }
    ) {
        self.observe = observe
        self.warn = warn
        complain = { warn($0.message) }
        self.note = note
    }
}
