internal import CNamespaces
internal import Glibc
internal import SystemPackage

/// Where the mounts of a container will lie: links of its root are followed as they will lead inside, and what of the way is not
/// there is noted. What is mounted earlier is seen by what is mounted later.
///
/// The kernel follows no link when the plan is performed: one that is put there meanwhile ends the start.
struct MountWalk {
    private enum Ground {
        case folder(String)
        /// A new file system, which is empty or the kernel's own.
        case empty
    }

    private struct Layer {
        var target: String
        var ground: Ground
    }

    private var layers: [Layer]
    private static let mostLinks = 40

    init(root: String) { layers = [Layer(target: "", ground: .folder(root))] }

    /// - Parameter source: a folder of the host; nil for a new file system.
    mutating func add(_ target: String, showing source: String?) {
        layers.append(Layer(target: target, ground: source.map { .folder($0) } ?? .empty))
    }

    /// A new file system that has what lies there.
    mutating func addCopy(_ target: String) {
        let (ground, below) = ground(of: target)
        guard case .folder(let folder) = ground else { return add(target, showing: nil) }
        add(target, showing: below.isEmpty ? folder : "\(folder)/\(below)")
    }

    /// - Throws: `ELOOP`, or why it cannot be looked at.
    func place(of target: String) throws(Errno) -> ContainerGround.Place {
        var rest = Array(target.split(separator: "/").map(String.init).reversed())
        var (way, missing): ([String], [String]) = ([], [])
        var links = 0
        while let name = rest.popLast() {
            if name == "." { continue }
            if name == ".." {
                _ = way.popLast()
                continue
            }
            way.append(name)
            let path = way.joined(separator: "/")
            switch try entry(path) {
            case .missing: missing.append(path)
            case .other: break
            case .link(let text):
                links += 1
                if links > Self.mostLinks { throw .tooManySymbolicLinkLevels }
                if text.hasPrefix("/") { way = [] } else { way.removeLast() }
                rest += text.split(separator: "/").map(String.init).reversed()
            }
        }
        return ContainerGround.Place(target: way.joined(separator: "/"), missing: missing)
    }

    private enum Entry {
        case missing
        case link(String)
        case other
    }

    /// What a path lies in, and where there.
    private func ground(of path: String) -> (Ground, below: String) {
        let layer =
            layers.last { $0.target.isEmpty || path == $0.target || path.hasPrefix("\($0.target)/") } ?? layers[0]
        return (layer.ground, layer.target.isEmpty ? path : String(path.dropFirst(layer.target.count + 1)))
    }

    private func entry(_ path: String) throws(Errno) -> Entry {
        let (ground, below) = ground(of: path)
        guard case .folder(let folder) = ground else { return below.isEmpty ? .other : .missing }
        if below.isEmpty { return .other }
        let full = "\(folder)/\(below)"
        var status = stat()
        if unsafe lstat(full, &status) < 0 {
            let error = Errno.current
            if error.meansAbsent { return .missing }
            throw error
        }
        return status.st_mode & S_IFMT == S_IFLNK ? .link(try Self.link(full)) : .other
    }

    private static func link(_ path: String) throws(Errno) -> String {
        var buffer = [UInt8](repeating: 0, count: Int(PATH_MAX))
        let count = unsafe buffer.withUnsafeMutableBytes {
            unsafe readlink(path, $0.bindMemory(to: CChar.self).baseAddress!, $0.count)
        }
        if count < 0 { throw .current }
        return String(decoding: buffer[..<count], as: UTF8.self)
    }
}

/// User namespaces without processes, of which mounts show the ids; they are closed with this object.
final class MountNamespaces {
    private(set) var slots: [(slot: Slot, descriptor: Int32)] = []

    deinit { for slot in slots { close(slot.descriptor) } }

    func add(_ slot: Slot, _ users: [IDMapping], _ groups: [IDMapping]) throws(Errno) {
        func text(_ map: [IDMapping]) -> String {
            map.map { "\($0.inside) \($0.outside) \($0.count)" }.joined(separator: "\n")
        }
        slots.append((slot, try unsafe checkedResult(cns_mapped_namespace(text(users), text(groups)))))
    }
}

extension Files {
    /// realpath(3): of a bundle and the sources of its mounts, which are the engine's.
    static func realPath(_ path: String) throws(Errno) -> String {
        guard let real = unsafe realpath(path, nil) else { throw .current }
        defer { unsafe free(real) }
        return unsafe String(cString: real)
    }
}
