internal import CNamespaces
internal import Glibc

/// What a user may enter and execute: path_resolution(7). The ids are those that the user has where the files are: inside of a
/// jail they are the same as on disk.
struct Rights {
    let user: StartFacts.User
    /// CAP_DAC_OVERRIDE.
    let overrides: Bool
    /// That, or CAP_DAC_READ_SEARCH, which passes folders alone.
    let searches: Bool

    /// Of the commands inside a jail.
    init(_ user: StartFacts.User, inside jail: ConfiguredJail) {
        self.user = user
        let capabilities = CapabilitySet(jail.privileges)
        overrides = user.uid == 0 && capabilities.contains(.dacOverride)
        searches = overrides || user.uid == 0 && capabilities.contains(.dacReadSearch)
    }

    /// Of commands on the host.
    init(_ user: StartFacts.User) { (self.user, overrides, searches) = (user, user.uid == 0, user.uid == 0) }

    /// S_IXOTH for the owner, the group or others, whichever the user is to the file. Where there is an access control list, the
    /// bits do not tell: whoever may be in it passes.
    func mayExecute(_ file: borrowing Descriptor, _ status: stat) -> Bool {
        if overrides { return true }
        let isGroups = user.gid == status.st_gid || user.groups.contains(status.st_gid)
        let bit = status.st_uid == user.uid ? S_IXUSR : isGroups ? S_IXGRP : S_IXOTH
        return status.st_mode & bit != 0 || Self.hasList(file)
    }

    /// acl(5).
    private static func hasList(_ file: borrowing Descriptor) -> Bool {
        unsafe cns_get_attribute("/proc/self/fd/\(file.number)", "system.posix_acl_access", nil, 0) > 0
    }
}
