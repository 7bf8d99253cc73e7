import ArgumentParser
import Glibc

/// For the list of commands, and where an option stands before the verb: `ContainerRuntime` reads all that follows by itself.
struct Oci: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "oci", abstract: "Run containers from OCI bundles, for podman, containerd and Docker.")

    @Argument(parsing: .captureForPassthrough) var words: [String] = []

    func run() { Glibc.exit(ContainerRuntime.run(words, as: "jailrun oci")) }
}
