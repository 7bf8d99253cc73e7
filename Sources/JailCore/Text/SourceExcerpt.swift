/// What a message shows of a line: the part around the column at fault, and what stands before the caret below it.
///
/// Both are text for a terminal: control bytes and what is not UTF-8 appear as `\ooo`, tabs stay tabs so that the caret
/// stands under its column whatever the tab stops are, and wide characters take two columns.
struct SourceExcerpt {
    private(set) var text = ""
    private(set) var indentation = ""

    /// Columns of a terminal that a line may take before it is cut, and how many stand before the caret then.
    private static let maximumWidth = 200
    private static let widthBefore = 80

    /// - Parameter line: what `SourceText.line(at:)` gave for a location of that column.
    init(_ line: Bytes, column: Int) {
        let start = SourceText.excerptStart(column: column)
        let caret = min(column - 1 - start, line.count)
        // No more than could be shown is looked at: there may be thousands of errors.
        let left = line[..<caret].suffix(4 * Self.maximumWidth)
        let isCut = start > 0 || left.count < caret
        var before = Self.cells(left, isContinued: isCut)
        var behind = Self.cells(line[caret...].prefix(4 * Self.maximumWidth), isContinued: false)
        if isCut || Self.count(of: before + behind, within: Self.maximumWidth) != nil {
            if let cut = Self.count(of: before.reversed(), within: Self.widthBefore) {
                before = [.ellipsis] + before.suffix(cut)
            } else if isCut {
                before = [.ellipsis] + before
            }
            if let cut = Self.count(of: behind, within: Self.maximumWidth - Self.widthBefore) {
                behind = behind.prefix(cut) + [.ellipsis]
            }
        }
        text = (before + behind).map(\.text).joined()
        indentation = before.map(\.blank).joined()
    }

    /// How many of the cells fit; nil when all do.
    private static func count(of cells: some Sequence<Cell>, within width: Int) -> Int? {
        var used = 0
        for (count, cell) in cells.enumerated() {
            used += cell.width
            if used > width { return count }
        }
        return nil
    }

    /// What one character of the file takes on the terminal.
    private struct Cell {
        var text: String
        var width: Int

        static let ascii = (0..<UInt8(0x7f)).map { Cell(Unicode.Scalar($0)) }
        static let ellipsis = Cell(text: "…", width: 1)

        /// The same width without ink.
        var blank: String { text == "\t" ? text : String(repeating: " ", count: width) }

        init(text: String, width: Int) { (self.text, self.width) = (text, width) }

        init(_ scalar: Unicode.Scalar) {
            text = Bytes(String(scalar).utf8).printable(keepingTabs: true)
            let isEscaped = text.unicodeScalars.first != scalar
            width = scalar == "\t" ? 8 : isEscaped ? text.utf8.count : scalar.terminalColumns
        }

        /// A byte that is not UTF-8.
        init(_ byte: UInt8) { self.init(text: [byte].printable(), width: 4) }
    }

    /// - Parameter isContinued: the bytes may begin inside a character, whose rest is left out.
    private static func cells(_ bytes: ArraySlice<UInt8>, isContinued: Bool) -> [Cell] {
        var rest = isContinued ? bytes.drop { $0 & 0xc0 == 0x80 } : bytes
        var cells: [Cell] = []
        while let first = rest.first {
            let length = first < 0x80 ? 1 : first >= 0xf0 ? 4 : first >= 0xe0 ? 3 : 2
            if (0x20..<0x7f).contains(first) {
                cells.append(Cell.ascii[Int(first)])
                rest.removeFirst()
            } else if let scalar = Bytes(rest.prefix(length)).text?.unicodeScalars.first {
                cells.append(Cell(scalar))
                rest.removeFirst(length)
            } else {
                cells.append(Cell(first))
                rest.removeFirst()
            }
        }
        return cells
    }
}

extension Unicode.Scalar {
    /// As wcwidth(3) has it for what is printable: marks take no column, East Asian wide characters and emoji two.
    fileprivate var terminalColumns: Int {
        switch properties.generalCategory {
        case .nonspacingMark, .enclosingMark: return 0
        default: break
        }
        switch value {
        case 0x1100...0x115f, 0x2e80...0x303e, 0x3041...0xa4cf, 0xac00...0xd7a3, 0xf900...0xfaff, 0xfe30...0xfe6f,
            0xff00...0xff60, 0xffe0...0xffe6, 0x1f300...0x1f64f, 0x1f900...0x1f9ff, 0x20000...0x3fffd:
            return 2
        default: return 1
        }
    }
}
