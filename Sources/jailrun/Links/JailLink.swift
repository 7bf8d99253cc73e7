import Glibc
import JailCore

/// Called as `jail`: FreeBSD's jail(8), its flags, messages and statuses.
enum JailLink {
    static func run(_ arguments: [String]) -> Int32 {
        guard let request = JailRequest(arguments) else { return LinkOutput.usage(JailRequest.usage) }
        if case .show(let separator) = request.form { return show(request.file, separator) }
        let output = LinkOutput(program: "jail", isQuiet: request.isQuiet, isVerbose: request.isVerbose)
        if request.isDyingMentioned { output.warnOfDying() }
        do {
            let host = try output.host()
            if case .removal(let operands) = request.form {
                return try JailRemovals(request: request, host: host, output: output).run(operands)
            }
            return try JailOperation(request: request, host: host, output: output).run()
        } catch let failure as ConfigurationFailure {
            output.errors(failure.jailDiagnostics)
        } catch let error as RuntimeError {
            output.error(error.jailMessage(isNamed: request.form != .parameters))
        } catch { output.error("\(error)") }
        return 1
    }

    private static func show(_ file: String, _ separator: String) -> Int32 {
        let listing: ConfigurationListing
        do { listing = ConfigurationListing(try Configuration(path: file), separator: Array(separator.utf8)) } catch {
            listing = ConfigurationListing(error)
        }
        LinkOutput.write(2, listing.errors)
        let status = LinkOutput(program: "jail").result(listing.output)
        return listing.status == 0 ? status : listing.status
    }
}
