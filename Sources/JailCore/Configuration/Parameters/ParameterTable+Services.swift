/// What keeps a jail up without a human, and what is kept of its output.
extension ParameterTable {
    static let services: [Row] = [
        .service(
            "health.command", .string, "", "a command inside; status 0 means healthy", "setns(2), execve(2)",
            example: "health.command = \"wget -qO /dev/null http://127.0.0.1/\";"),
        .service(
            "health.interval", .integer, "10", "seconds between two health checks", "poll(2)",
            example: "health.command = \"test -e /run/up\"; health.interval = 30;"),
        .service(
            "health.timeout", .integer, "10", "seconds that a health command may take", "poll(2) on a pidfd, SIGKILL",
            example: "health.command = \"test -e /run/up\"; health.timeout = 5;"),
        .service(
            "health.retries", .integer, "3", "failures in a row that make the jail unhealthy", "the supervisor",
            example: "health.command = \"test -e /run/up\"; health.retries = 2;"),
        .service(
            "health.start", .integer, "30", "seconds after the start in which failures do not count",
            "the supervisor",
            example: "health.command = \"test -e /run/up\"; health.start = 60;"),
        .service(
            "restart", .string, "no", "restart the jail when it ends or is unhealthy: no, failure, always",
            "the supervisor, by the pidfd of pid 1",
            example: "restart = failure;"),
        .service(
            "restart.max", .integer, "5", "restarts in a row; 0 means no limit; a healthy minute resets the count",
            "the supervisor",
            example: "restart = always; restart.max = 0;"),
        .service(
            "restart.delay", .integer, "1", "seconds before the first restart, doubled for each further one",
            "poll(2)",
            example: "restart = failure; restart.delay = 5;"),
        .service(
            "log.file", .path, "", "file on the host that gets the console output, rotated",
            "a pipe that the supervisor reads, O_NOFOLLOW",
            example: "log.file = \"/var/log/www.log\";"),
        .service(
            "log.size", .string, "1M", "size at which the log is rotated", "rename(2)",
            example: "log.file = \"/var/log/www.log\"; log.size = 10M;"),
        .service(
            "log.keep", .integer, "1", "how many rotated logs to keep; LOG.1 is the newest", "rename(2)",
            example: "log.file = \"/var/log/www.log\"; log.keep = 5;"),
        .service(
            "log.timestamps", .boolean, "false", "begin each line of log.file with the time, RFC 3339", "write(2)",
            example: "log.file = \"/var/log/www.log\"; log.timestamps;"),
        .service(
            "log.journal", .boolean, "false", "also write each line to the host's journal: journalctl -t JAIL",
            "datagrams to systemd-journald(8)",
            example: "log.journal;"),
    ]
}
