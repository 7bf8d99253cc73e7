/// A string of the file before its variables are known.
struct ValueTemplate: Equatable, Sendable {
    struct Reference: Equatable, Sendable {
        var name: Bytes
        /// Where in `text` the variable's value goes.
        var position: Int
    }

    var text: Bytes = []
    var references: [Reference] = []
    var location: SourceLocation
}

/// `name`, `name = value`, `name += value` or `name value`.
struct Setting: Equatable, Sendable {
    enum Form: Equatable, Sendable { case bare, assign, append, juxtapose }

    var name: Bytes
    /// `$name = …`: a variable's definition.
    var isVariable: Bool
    var form: Form = .bare
    var values: [ValueTemplate] = []
    var location: SourceLocation
}

/// A jail's or wildcard's block, or the pseudo-jail `*` of the global parameters.
struct Block: Equatable, Sendable {
    var name: Bytes
    var settings: [Setting] = []
    var location: SourceLocation
    /// The globals' pseudo-jail, which no block of the file is.
    var isGlobal = false
}

/// All blocks of a configuration and its includes, in the order in which FreeBSD lists them.
struct ConfigurationTree: Sendable {
    var blocks: [Block] = []
    var errors: [Diagnostic] = []
    /// How many of `errors` jail(8) prints before it exits; nil when it goes on to the end.
    var errorsUntilExit: Int?
    var sources: [SourceText] = []
    /// Indices of the blocks that are open, the outermost first.
    var openBlocks: [Int] = []
    var globalBlock: Int?
    var filesRead = 0
    /// Includes are no longer followed.
    var isAbandoned = false

    mutating func add(_ setting: Setting) {
        blocks[openBlocks.last ?? globalIndex(setting.location)].settings.append(setting)
    }

    /// Since FreeBSD 14 all globals share one pseudo-jail, which stands where the first of them does.
    private mutating func globalIndex(_ location: SourceLocation) -> Int {
        if let globalBlock { return globalBlock }
        blocks.append(Block(name: [.star], location: location, isGlobal: true))
        globalBlock = blocks.count - 1
        return blocks.count - 1
    }

    /// A block inside a block is named `outer.inner`.
    mutating func open(_ name: Bytes, at location: SourceLocation) {
        let prefix = openBlocks.last.map { blocks[$0].name + [.dot] } ?? []
        blocks.append(Block(name: prefix + name, location: location))
        openBlocks.append(blocks.count - 1)
    }

    mutating func report(_ error: Diagnostic) { errors.append(error) }

    /// jail(8) exits here; jailrun goes on, to list what else is wrong.
    mutating func noteExit() {
        if errorsUntilExit == nil { errorsUntilExit = errors.count }
    }

    func line(at location: SourceLocation) -> Bytes? {
        sources.last { $0.file == location.file }?.line(at: location)
    }
}
