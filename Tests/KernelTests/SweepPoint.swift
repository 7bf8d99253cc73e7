import Foundation
import Glibc

@testable import JailCore

/// One system call of jailrun's, and what happens there. Tests/Probe/fault.c says how processes and calls are counted.
struct SweepPoint: CustomStringConvertible {
    enum Fault: Equatable {
        case error(Int32)
        /// SIGKILL, before the call is made.
        case kill

        var word: String {
            switch self {
            case .error(let number): String(number)
            case .kill: "kill"
            }
        }
    }

    /// PROCESS/CALL/COUNT.
    var place: String
    var call: String
    var fault: Fault

    var description: String {
        let words = place.split(separator: "/")
        let what = if case .error(let number) = fault { String(cString: strerror(number)) } else { "SIGKILL" }
        return "\(words[0]) \(call) \(words[2]) \(what)"
    }

    /// Those of a line of what `probe fault … count` has noted.
    static func all(at place: Substring) -> [SweepPoint] {
        let words = place.split(separator: "/")
        guard words.count == 3, let number = Int(words[1]) else { return [] }
        let name = names[number] ?? "\(number)"
        let errors = unfailing.contains(name) ? [] : errors[name] ?? [ENOMEM]
        return (errors.map { .error($0) } + [.kill]).map {
            SweepPoint(place: String(place), call: name, fault: $0)
        }
    }

    private static let names = Dictionary(
        SeccompTable.rows.compactMap { row in row.number.map { ($0, row.name) } },
        uniquingKeysWith: { first, _ in first })

    /// Calls that no kernel lets fail, or whose failure says nothing: the descriptor is closed all the same.
    private static let unfailing: Set<String> = [
        "alarm", "arch_prctl", "brk", "clock_gettime", "clock_nanosleep", "close", "close_range", "exit", "exit_group",
        "futex", "getegid", "geteuid", "getgid", "getpgrp", "getpid", "getppid", "gettid", "gettimeofday", "getuid",
        "lseek",
        "munmap", "nanosleep", "restart_syscall", "rseq", "rt_sigaction", "rt_sigprocmask", "rt_sigreturn",
        "sched_yield",
        "set_robust_list", "set_tid_address", "umask",
    ]

    /// What a kernel that lacks something, or a disk that does not answer, says; ENOMEM for all others.
    private static let errors: [String: [Int32]] = [
        "capset": [EPERM], "clone": [EAGAIN], "clone3": [EAGAIN], "dup": [EMFILE], "dup2": [EINTR], "dup3": [EINTR],
        "flock": [ENOLCK], "fork": [EAGAIN], "ioctl": [EIO], "kill": [EPERM], "memfd_create": [EMFILE],
        "mkdir": [ENOSPC],
        "mkdirat": [ENOSPC], "openat": [EMFILE, ENOMEM], "openat2": [ENFILE, ENOMEM], "pidfd_open": [EMFILE],
        "pidfd_send_signal": [EPERM], "pipe2": [EMFILE], "poll": [EINTR, ENOMEM], "ppoll": [EINTR, ENOMEM],
        "prctl": [EINVAL], "pread64": [EIO], "read": [EIO, EINTR], "recvfrom": [ENOMEM, EINTR],
        "recvmsg": [ENOMEM, EINTR], "rename": [ENOSPC], "sendmsg": [ENOBUFS, ENOMEM], "sendto": [ENOBUFS],
        "setxattr": [ENOSPC], "signalfd4": [EMFILE], "socket": [EMFILE], "socketpair": [EMFILE], "unlink": [EIO],
        "unshare": [ENOSPC], "wait4": [ECHILD, EINTR], "waitid": [ECHILD, EINTR], "write": [ENOSPC, EIO],
    ]
}

/// Numbers that are the same wherever they come from: splitmix64.
struct SeededGenerator: RandomNumberGenerator {
    private var state: UInt64
    init(seed: UInt64) { state = seed }

    mutating func next() -> UInt64 {
        state &+= 0x9e37_79b9_7f4a_7c15
        var mixed = state
        mixed = (mixed ^ (mixed >> 30)) &* 0xbf58_476d_1ce4_e5b9
        mixed = (mixed ^ (mixed >> 27)) &* 0x94d0_49bb_1331_11eb
        return mixed ^ (mixed >> 31)
    }
}
