/// A key of an object, or an element's number in an array.
struct JSONKey: CodingKey, ExpressibleByStringLiteral, ExpressibleByIntegerLiteral {
    let stringValue: String
    let intValue: Int?

    init(stringValue: String) { (self.stringValue, intValue) = (stringValue, nil) }
    init(intValue: Int) { (stringValue, self.intValue) = ("\(intValue)", intValue) }
    init(stringLiteral: String) { self.init(stringValue: stringLiteral) }
    init(integerLiteral: Int) { self.init(intValue: integerLiteral) }

    static let parent = JSONKey(stringValue: "super")
}
