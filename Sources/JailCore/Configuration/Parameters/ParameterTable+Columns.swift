/// What a running jail makes of a parameter: columns that are asked by `jail -m` and jls(8).
extension ParameterTable.Row {
    /// What a new value does while a jail runs.
    package enum Change: Equatable, Sendable {
        /// Refused: what runs has capabilities, a filter and a root already, and nothing gives it others.
        case atStart
        /// Refused, and FreeBSD's kernel takes it of a new jail only, whatever becomes of it here.
        case atCreation
        /// That part of the jail becomes the one that the parameters ask for.
        case whileUp(Part)
        /// Accepted, and only the next start reads it, which `jail -m` says.
        case atNextStart
        /// Accepted, for no value has an effect.
        case withoutEffect
    }

    /// What can change while a jail runs.
    package enum Part: Equatable, Sendable, CaseIterable {
        case name, hostname, persistence, addresses, ports, masquerade, firewall, metadata, limits, commands
    }

    /// Whether jls(8) has it among the parameters of a running jail, as jail_get(2) of FreeBSD has those of its kernel.
    package enum Listing: Equatable, Sendable {
        /// jail(8) alone reads it.
        case never
        case always
        /// Of a family: those that were set.
        case whenSet
        /// Of a family: when it is asked for by its name. The whole is listed as another parameter.
        case byName
    }

    /// Where its value in a running jail is: `JailValues` looks there.
    package enum Reading: Equatable, Sendable {
        /// As it was set, or else the default.
        case asSet
        /// As it was set, or else nothing.
        case onlyIfSet
        case jid, name, path, parent, jailsInside, isDying, isPersistent
        case hostname, domainName, hostUUID, kernelRelease
        case isRootReadOnly, isRootEphemeral, ruleset
        /// A jail sees the mounts of its own namespace, whatever was asked for.
        case ownMounts
        case modeOfIPv4, modeOfIPv6, addressesOfIPv4, addressesOfIPv6
        case oomScore, cgroupFile
        /// One line `KEY=VALUE`.
        case lineOfMeta, lineOfEnvironment
        /// What was granted of what was asked for.
        case isGranted, hasRawSockets, isRouting
    }
}
