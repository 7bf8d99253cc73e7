import Foundation
import PackagePlugin

/// Compiles the static C stage and the default seccomp filter, and embeds both in JailCore as hexadecimal literals.
@main
struct EmbedStage: BuildToolPlugin {
    func createBuildCommands(context: PluginContext, target: any Target) throws -> [Command] {
        let source = context.package.directoryURL.appending(path: "Sources/CNamespaces")
        let script = context.package.directoryURL.appending(path: "Plugins/EmbedStage/embed.sh")
        let work = context.pluginWorkDirectoryURL
        let inputs = try FileManager.default
            .subpathsOfDirectory(atPath: source.path)
            .filter { $0.hasSuffix(".c") || $0.hasSuffix(".h") }
            .map { source.appending(path: $0) }
        return [
            .buildCommand(
                displayName: "Compiling the static stage and the default seccomp filter",
                executable: URL(filePath: "/bin/sh"),
                arguments: [script.path, source.path, work.path],
                inputFiles: inputs + [script],
                outputFiles: [work.appending(path: "EmbeddedImages.swift")])
        ]
    }
}
