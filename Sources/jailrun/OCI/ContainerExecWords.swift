import JailCore

/// What `exec` is told of its process: a file, or words on top of what config.json has.
extension ContainerExecRequest {
    init(_ words: ContainerWords) {
        self.init()
        file = words.value("process", "p")
        arguments = Array(words.operands.dropFirst())
        directory = words.value("cwd")
        environment = words.values("env", "e")
        user = words.value("user", "u")
        capabilities = words.values("cap", "c")
        groups = words.values("additional-gids", "g")
        isTerminal = words.has("tty", "t")
        keepsPrivileges = words.has("no-new-privs")
    }
}
