/// A jail's parameters as they were written, with wildcards and variables resolved: what jls(8) prints of them, and what
/// `jail -m` changes. It is recorded with the jail.
package struct JailParameters: Equatable, Sendable, Codable {
    package struct Setting: Equatable, Sendable, Codable {
        /// The latest spelling, with or without `no`.
        package var name: String
        package var values: [String]
        package var location: SourceLocation

        /// The spelling without `no`, if the table knows it.
        package var baseName: String {
            ParameterTable.row(Bytes(name.utf8)).flatMap { $0.prefix == nil ? $0.name : nil } ?? name
        }
    }

    package private(set) var settings: [Setting] = []

    init() {}
    init(_ jail: EffectiveJail) { settings = Self.folded(jail.parameters, into: []) }

    /// The setting of that name, with or without `no`.
    package func setting(_ name: String) -> Setting? {
        let bytes = Bytes(name.utf8)
        return settings.first { ParameterName.areEqual(Bytes($0.name.utf8), bytes) }
    }

    /// Whether a boolean is set, and to what.
    package func flag(_ name: String) -> Bool? {
        guard let setting = setting(name) else { return nil }
        let isNegated = ParameterName.isNegated(Bytes(setting.name.utf8))
        guard let value = setting.values.last else { return !isNegated }
        return (JailReader.truth(of: Bytes(value.utf8)) ?? false) != isNegated
    }

    /// The value of a key of `meta` or `env`; nil when it has none.
    package static func value(of key: String, in text: String) -> String? {
        text.split(separator: "\n").first { $0.hasPrefix("\(key)=") }.map { String($0.dropFirst(key.utf8.count + 1)) }
    }

    /// The jail that those changes make of this one: each replaces what was set before.
    package func changed(by changes: EffectiveJail) -> EffectiveJail {
        var jail = changes
        jail.parameters = Self.folded(changes.parameters, into: settings).map { setting in
            EffectiveParameter(
                name: Bytes(setting.name.utf8),
                values: setting.values.map { ParameterValue(bytes: Bytes($0.utf8), location: setting.location) },
                location: setting.location, isImplied: false)
        }
        return jail
    }

    // MARK: meta and env

    /// One setting for each parameter; those of single lines of `meta` and `env` become part of the whole, in their order.
    private static func folded(_ parameters: [EffectiveParameter], into old: [Setting]) -> [Setting] {
        var settings = old
        for parameter in parameters {
            var setting = Setting(
                name: parameter.name.printable(),
                values: parameter.values.map { String(decoding: $0.bytes, as: UTF8.self) },
                location: parameter.location)
            if let (buffer, key) = line(setting.name) {
                let text = settings.first { $0.name == buffer }?.values.last ?? ""
                setting.values = [changed(text, key, to: setting.values.last)]
                setting.name = buffer
            }
            put(setting, in: &settings)
        }
        return settings
    }

    private static func put(_ setting: Setting, in settings: inout [Setting]) {
        let name = Bytes(setting.name.utf8)
        if let index = settings.firstIndex(where: { ParameterName.areEqual(Bytes($0.name.utf8), name) }) {
            settings[index] = setting
        } else {
            settings.append(setting)
        }
    }

    private static func line(_ name: String) -> (buffer: String, key: String)? {
        ["meta", "env"].compactMap { buffer in
            name.hasPrefix("\(buffer).") ? (buffer, String(name.dropFirst(buffer.utf8.count + 1))) : nil
        }.first
    }

    /// The newest line comes first; nil removes the key's.
    private static func changed(_ text: String, _ key: String, to value: String?) -> String {
        let others = text.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
            .filter { !$0.hasPrefix("\(key)=") && !(text.isEmpty && $0.isEmpty) }
        return ((value.map { ["\(key)=\($0)"] } ?? []) + others).joined(separator: "\n")
    }
}

extension JailReader {
    /// FreeBSD's default of security.jail.meta_maxbufsize, with the NUL at the end.
    private static let bufferBytes = 4096

    mutating func parameters() -> JailParameters {
        let parameters = JailParameters(jail)
        for name in ["meta", "env"] {
            guard let setting = parameters.setting(name), let value = setting.values.last else { continue }
            if value.utf8.count >= Self.bufferBytes {
                error("\(name): too large, more than \(Self.bufferBytes - 1) bytes", at: setting.location)
            }
        }
        return parameters
    }
}
