// swift-tools-version: 6.3
import PackageDescription

let strict: [SwiftSetting] = [
    .treatAllWarnings(as: .error),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let package = Package(
    name: "jailrun",
    products: [.executable(name: "jailrun", targets: ["jailrun"])],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.8.2"),
        .package(url: "https://github.com/apple/swift-system", from: "1.8.1"),
    ],
    targets: [
        .systemLibrary(
            name: "CSeccomp", pkgConfig: "libseccomp", providers: [.apt(["libseccomp-dev"])]),
        .systemLibrary(
            name: "CNetlink", pkgConfig: "libnl-route-3.0", providers: [.apt(["libnl-route-3-dev"])]),
        .plugin(name: "EmbedStage", capability: .buildTool()),
        .target(name: "CNamespaces", dependencies: ["CSeccomp", "CNetlink"], exclude: ["stage"]),
        .target(
            name: "JailCore",
            dependencies: [
                "CNamespaces",
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict + [.strictMemorySafety()],
            plugins: ["EmbedStage"]),
        .executableTarget(
            name: "jailrun",
            dependencies: [
                "JailCore",
                .product(name: "ArgumentParser", package: "swift-argument-parser"),
                .product(name: "SystemPackage", package: "swift-system"),
            ],
            swiftSettings: strict),
        .testTarget(
            name: "JailCoreTests", dependencies: ["JailCore"], exclude: ["Golden"],
            swiftSettings: strict),
        .testTarget(name: "KernelTests", dependencies: ["JailCore"], swiftSettings: strict),
        .testTarget(name: "CommandTests", exclude: ["Golden"], swiftSettings: strict),
    ]
)
