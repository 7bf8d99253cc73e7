internal import CNamespaces
internal import SystemPackage

/// Whether this kernel takes values for files below `/proc/sys`: which there are, whether they can be written, and which values
/// they take, nobody knows but the kernel. It is asked in namespaces that are made for the question, and nothing is changed.
struct SettingTrial {
    enum Answer: Equatable {
        case taken
        case notOpened(Errno)
        case notWritten(Errno)
    }

    /// - Parameters:
    ///   - settings: paths below `/proc/sys` and values, in the order in which a jail would set them.
    ///   - ids: of the user namespace, for values that are ids.
    /// - Returns: nil where no namespaces can be made.
    static func answers(to settings: [(path: String, value: String)], ids: IDRange) -> [Answer]? {
        let text = settings.map { "\($0.path)\n\($0.value)\n" }.joined()
        var errors = [Int32](repeating: 0, count: 2 * settings.count)
        guard unsafe cns_try_settings(text, UInt32(settings.count), ids.first, ids.count, &errors) == 0 else {
            return nil
        }
        return settings.indices.map { index in
            let (opened, written) = (errors[2 * index], errors[2 * index + 1])
            return opened != 0 ? .notOpened(Errno(opened)) : written != 0 ? .notWritten(Errno(written)) : .taken
        }
    }
}
