@preconcurrency import Glibc
import JailCore

/// Where errors go: standard error, and the file that the engine reads them from. Of JSON each line is an object.
struct ContainerLog: Sendable {
    private let path: String?
    private let isJSON: Bool

    init() { (path, isJSON) = (nil, false) }

    /// - Throws: when nothing can be written there.
    init(opening path: String?, isJSON: Bool) throws(ContainerWords.Wrong) {
        (self.path, self.isJSON) = (path, isJSON)
        guard let path else { return }
        let file = Self.open(path)
        if file < 0 {
            throw ContainerWords.Wrong(
                text: "cannot open the log \(Terminal.escaped(path)): \(String(cString: strerror(errno)))")
        }
        close(file)
    }

    private static func open(_ path: String) -> Int32 {
        Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC | O_NOCTTY, 0o644)
    }

    /// An engine looks for causes by lower-case words.
    func error(_ text: String) {
        write("error", text)
        Output.raw((isJSON && path == nil ? line("error", text) : "\(text)") + "\n")
    }

    /// Standard error may be the container's, or what an engine takes for JSON.
    func warning(_ text: String, isShown: Bool = false) {
        write("warning", text)
        if isShown { Output.raw("warning: \(text)\n") }
    }

    private func write(_ level: String, _ text: String) {
        guard let path else { return }
        let file = Self.open(path)
        if file < 0 { return }
        let bytes = Array((line(level, text) + "\n").utf8)
        _ = Glibc.write(file, bytes, bytes.count)
        close(file)
    }

    private func line(_ level: String, _ text: String) -> String {
        func member(_ key: String, _ value: String) -> JSONValue.Member { .init(key, JSONValue(.string(value))) }
        if isJSON {
            let object = JSONValue(
                .object([member("level", level), member("msg", text), member("time", ContainerRecord.now())]))
            return object.text(isPretty: false)
        }
        return "time=\"\(ContainerRecord.now())\" level=\(level) msg=\(JSONValue(.string(text)).text(isPretty: false))"
    }
}
