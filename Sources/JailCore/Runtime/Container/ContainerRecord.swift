internal import Glibc
internal import SystemPackage

/// What `state` tells, and what other verbs need to find the container again.
package struct ContainerRecord: Sendable {
    package enum Status: String, Sendable { case creating, created, running, paused, stopped }

    package var version: String
    package var id: String
    /// 0 before there is one.
    package var pid: Int32 = 0
    /// Field 22 of `/proc/PID/stat`: the number may come to mean another process.
    var startTime: UInt64 = 0
    package var bundle: String
    package var root: String
    package var created: String
    /// Empty: none of its own.
    package var cgroup: String
    package var annotations: [JSONValue.Member]
    package var owner: String
    /// Where the steps of its process begin in the plan: what fails of them is reported by its number.
    var firstStep = 0

    /// The specification's part, and what else engines read: runtime.md, "State".
    package func state(_ status: Status) -> JSONValue {
        func text(_ key: String, _ value: String) -> JSONValue.Member { .init(key, JSONValue(.string(value))) }
        var members = [
            text("ociVersion", version), text("id", id),
            .init("pid", JSONValue(.number(.integer(status == .stopped ? 0 : Int64(pid))))),
            text("status", status.rawValue), text("bundle", bundle), text("rootfs", root), text("created", created),
        ]
        if !annotations.isEmpty { members.append(.init("annotations", JSONValue(.object(annotations)))) }
        return JSONValue(.object(members + [text("owner", owner)]))
    }

    /// Who did `sudo` is not asked for: the owner is who runs the runtime.
    static func ownName() -> String {
        geteuid() == 0 ? "root" : "\(geteuid())"
    }

    // MARK: On disk

    var json: JSONValue {
        let own: [JSONValue.Member] = [
            .init("pid", JSONValue(.number(.integer(Int64(pid))))),
            .init("startTime", JSONValue(.number(.natural(startTime)))), .init("cgroup", JSONValue(.string(cgroup))),
            .init("firstStep", JSONValue(.number(.integer(Int64(firstStep))))),
        ]
        return JSONValue(
            .object((state(.creating).members ?? []).filter { $0.key != "pid" && $0.key != "status" } + own))
    }

    init(
        version: String, id: String, bundle: String, root: String, cgroup: String, annotations: [JSONValue.Member]
    ) {
        (self.version, self.id, self.bundle, self.root) = (version, id, bundle, root)
        (self.cgroup, self.annotations) = (cgroup, annotations)
        (created, owner) = (Self.now(), Self.ownName())
    }

    init(_ bytes: [UInt8], file: String) throws(Diagnostic) {
        let node = ConfigurationNode(try JSONDocument(bytes, file: file))
        func text(_ key: String) throws(Diagnostic) -> String { try node.required(key).string }
        (version, id, bundle) = (try text("ociVersion"), try text("id"), try text("bundle"))
        (root, created, cgroup, owner) = (
            try text("rootfs"), try text("created"), try text("cgroup"), try text("owner")
        )
        pid = try node.required("pid").integer()
        startTime = try node.required("startTime").integer()
        firstStep = try node.required("firstStep").integer()
        annotations = []
        for (key, value) in try node["annotations"]?.members ?? [] {
            annotations.append(.init(key, JSONValue(.string(try value.string))))
        }
    }

    /// RFC 3339, with nanoseconds.
    package static func now() -> String {
        var time = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &time)
        var parts = unsafe tm()
        _ = unsafe gmtime_r(&time.tv_sec, &parts)
        let (year, month, day) = unsafe (parts.tm_year + 1900, parts.tm_mon + 1, parts.tm_mday)
        let (hour, minute, second) = unsafe (parts.tm_hour, parts.tm_min, parts.tm_sec)
        func two(_ number: Int32) -> String { number < 10 ? "0\(number)" : "\(number)" }
        let digits = "\(time.tv_nsec)"
        return "\(year)-\(two(month))-\(two(day))T\(two(hour)):\(two(minute)):\(two(second))."
            + String(repeating: "0", count: 9 - digits.utf8.count) + digits + "Z"
    }
}

extension ContainerDirectory {
    /// Asked of the kernel each time: nobody is there who could note a change.
    package func status(of record: ContainerRecord) throws(RuntimeError) -> ContainerRecord.Status {
        if record.pid == 0 { return .creating }
        if try !isAlive(record) { return .stopped }
        if !record.cgroup.isEmpty {
            let cgroup = Cgroup(path: record.cgroup)
            let isFrozen = try cgroup.look { (cgroup) throws(Errno) in try cgroup.isFrozen() }
            if isFrozen { return .paused }
        }
        return try connect() == nil ? .running : .created
    }

    func isAlive(_ record: ContainerRecord) throws(RuntimeError) -> Bool {
        if record.pid == 0 { return false }
        return try ProcessTable.isRunning(record.pid, since: record.startTime)
    }
}
