import JailCore

/// Where things stand, in pixels: no word is ever scaled. Side by side, host and jail are as wide as a desk has room for; where
/// there is none, `narrow` of the page's style moves the jail below the host.
extension Picture {
    private static let titles: [(Box, String)] = [
        (.files, "files"), (.cgroups, "cgroups"), (.links, "network"), (.user, "user namespace"),
        (.uts, "UTS namespace"), (.ipc, "IPC namespace"), (.cgroupView, "cgroup namespace"),
        (.mounts, "mount namespace"), (.network, "network namespace"),
        (.processes, "pid namespace"), (.walls, "privileges"),
    ]
    private static let hostBoxes: [Box] = [.files, .cgroups, .links]
    private static let jailBoxes: [Box] = [.user, .uts, .ipc, .cgroupView, .mounts, .network, .processes, .walls]

    private static let lineHeight = 15
    private static let margin = 9
    private static let boxWidth = 276
    /// As wide as the jail's frame, below which they may stand.
    private static let hostBoxWidth = boxWidth + 2 * margin
    private static let gap = 44
    private static let titleHeight = 30
    /// More jails around it are told in one frame.
    private static let mostFrames = 2

    /// The end of a line across the drawing.
    private typealias Anchor = (x: Int, y: Int, part: Int)

    /// Titles of the frames around the jail's own, from the outside.
    private var frames: [String] {
        if around.count <= Self.mostFrames { return around.map { "jail \($0)" } }
        return ["jails \(around.dropLast().joined(separator: ", "))", "jail \(around[around.count - 1])"]
    }

    /// An `svg` element.
    var svg: String {
        var body = ""
        var anchors: [String: [Anchor]] = [:]
        let depth = frames.count
        let jailX = Self.margin + Self.hostBoxWidth + Self.gap + depth * Self.margin
        let jailY = Self.margin + depth * Self.titleHeight
        let hostEnd = draw(Self.hostBoxes, x: Self.margin, y: Self.titleHeight, &body, &anchors)
        var inside = ""
        let boxesX = jailX + Self.margin
        let jailEnd = draw(Self.jailBoxes, x: boxesX, y: jailY + Self.titleHeight, &inside, &anchors)
        let bottom = jailEnd + (depth + 1) * Self.margin
        let width = boxesX + Self.boxWidth + (depth + 2) * Self.margin
        let drawnFrames = drawFrames(x: jailX, y: jailY, height: jailEnd - jailY)
        let (shiftX, shiftY) = (jailX - (depth + 1) * Self.margin, hostEnd)
        let narrow = "--w:\(width - shiftX)px;--h:\(bottom + shiftY)px;--x:-\(shiftX)px;--y:\(shiftY)px"
        let label = Markup.attribute("the host, and the jail \(name)")
        return """
            <svg width="\(width)" height="\(max(hostEnd, bottom))" style="\(narrow)" role="group" aria-label="\(label)">
            <g class="host"><rect width="100%" height="100%"/><text x="\(Self.margin + 2)" y="21">host</text></g>
            \(body)<g class="inside">\(drawnFrames)\(inside)</g>
            <g class="wires">\(Self.wires(anchors))</g>
            </svg>
            """
    }

    private func drawFrames(x: Int, y: Int, height: Int) -> String {
        let all = frames + ["jail \(name)"]
        return all.enumerated().map { index, title in
            let outer = all.count - 1 - index
            let (left, top) = (x - outer * Self.margin, y - outer * Self.titleHeight)
            let width = Self.boxWidth + 2 * Self.margin * (outer + 1)
            let bottom = height + outer * (Self.margin + Self.titleHeight)
            // The jails around it are there before.
            let part = outer == 0 ? " data-p=\"\(clonePart)\"" : ""
            let shown = Self.broken(title, capacity: (width - 20) / 8)[0]
            return "<g\(part) class=\"frame\">"
                + "<rect x=\"\(left)\" y=\"\(top)\" width=\"\(width)\" height=\"\(bottom)\"/>"
                + "<text x=\"\(left + 10)\" y=\"\(top + 20)\">\(Markup.text(String(shown)))</text></g>\n"
        }.joined()
    }

    // MARK: Boxes

    /// - Returns: where what is below may begin.
    private func draw(
        _ boxes: [Box], x: Int, y: Int, _ body: inout String, _ anchors: inout [String: [Anchor]]
    ) -> Int {
        var y = y
        for box in boxes {
            let isShared = box == .user && shared.contains(.user) || box == .network && shared.contains(.network)
            let content = lines[box] ?? []
            if content.isEmpty, !isShared { continue }
            let title = (Self.titles.first { $0.0 == box }?.1 ?? "") + (isShared ? ": the host's" : "")
            let isJails = Self.jailBoxes.contains(box)
            let boxWidth = isJails ? Self.boxWidth : Self.hostBoxWidth
            let first = isJails ? clonePart : content.first?.part ?? 0
            let rows = content.flatMap { line in Self.rows(line, width: boxWidth).map { ($0, line) } }
            let height = 24 + Self.lineHeight * rows.count
            body += "<g data-p=\"\(first)\" class=\"box\(isShared ? " shared" : "")\">"
            body += "<rect x=\"\(x)\" y=\"\(y)\" width=\"\(boxWidth)\" height=\"\(height)\"/>"
            body += "<text x=\"\(x + 8)\" y=\"\(y + 15)\" class=\"title\">\(title)</text>\n"
            for (index, (row, line)) in rows.enumerated() {
                let baseline = y + 29 + Self.lineHeight * index
                body += "<text x=\"\(x + 8 + 7 * row.indent)\" y=\"\(baseline)\" data-p=\"\(line.part)\">"
                body += "\(Markup.text(String(row.text)))</text>\n"
                guard row.isFirst, let key = line.key else { continue }
                anchors[key, default: []].append((isJails ? x : x + boxWidth, baseline - 4, line.part))
            }
            body += "</g>"
            y += height + 8
        }
        return y
    }

    private struct Row {
        var text: Substring
        var indent: Int
        var isFirst: Bool
    }

    /// What is too long goes on below itself.
    private static func rows(_ line: Line, width: Int) -> [Row] {
        let indent = line.text.prefix { $0 == " " }.count
        // A character of the widest of these fonts is 7.3 pixels wide.
        let capacity = (width - 16) * 10 / 73 - indent - 1
        let words = line.text.drop { $0 == " " }
        return broken(words, capacity: capacity).enumerated().map { index, piece in
            Row(text: piece, indent: index == 0 ? indent : indent + 1, isFirst: index == 0)
        }
    }

    /// In pieces of a width: at a space, or behind what separates the parts of a path, an address or a name.
    private static func broken(_ text: some StringProtocol, capacity: Int) -> [Substring] {
        var rest = Substring(text)
        var pieces: [Substring] = []
        while rest.count > capacity {
            let head = rest.prefix(capacity)
            let end = head.lastIndex { " /:.,-_=".contains($0) }.map(head.index(after:)) ?? head.endIndex
            pieces.append(rest[..<end])
            rest = rest[end...].drop { $0 == " " }
        }
        return pieces + [rest]
    }

    // MARK: Lines

    /// What comes from the host, in the order of its keys: the picture is the same each time.
    private static func wires(_ anchors: [String: [Anchor]]) -> String {
        anchors.keys.sorted().compactMap { key in
            guard key != "root-detail", let ends = anchors[key], let from = ends.first, let to = ends.dropFirst().first
            else { return nil }
            let kind = key.hasPrefix("link-") ? "cable" : key.hasPrefix("port-") ? "port" : "thread"
            let middle = (from.x + to.x) / 2
            return "<path class=\"\(kind)\" data-p=\"\(max(from.part, to.part))\" d=\"M\(from.x) \(from.y)"
                + "C\(middle) \(from.y) \(middle) \(to.y) \(to.x) \(to.y)\"/>\n"
        }.joined()
    }
}

extension Picture {
    /// All that the drawing needs, wherever it stands.
    static let style = """
        :root { color-scheme: light dark; --ink: #1d2430; --soft: #566170; --paper: #fbfbf8; --card: #ffffff;
          --line: #cfd4db; --accent: #0b5cad; --host: #f1f0ea; --jail: #e9f3ea; --port: #8a4b08; }
        @media (prefers-color-scheme: dark) { :root { --ink: #e4e8ee; --soft: #a9b4c2; --paper: #14181e; --card: #1b2129;
          --line: #414b58; --accent: #7bb6f5; --host: #1f2328; --jail: #17261c; --port: #e9a860; } }
        svg { display: block; }
        svg text { fill: var(--ink); font: 12px ui-monospace, "DejaVu Sans Mono", monospace; }
        svg rect { fill: var(--card); stroke: var(--line); rx: 5px; } svg .title { fill: var(--soft); font-size: 11px; }
        svg .host rect { fill: var(--host); rx: 9px; } svg .frame rect { fill: var(--jail); rx: 9px; }
        svg .frame text, svg .host text { font-weight: bold; font-size: 13px; }
        svg .shared > rect { stroke-dasharray: 4 3; fill: none; }
        svg path { fill: none; stroke: var(--soft); stroke-dasharray: 3 3; }
        svg .cable { stroke: var(--accent); stroke-width: 2.5; stroke-dasharray: none; }
        svg .port { stroke: var(--port); stroke-width: 2; stroke-dasharray: none; }
        """
}
