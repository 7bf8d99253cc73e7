public struct DeviceNode: Equatable, Sendable { 
  public enum Kind: Sendable { case character, block }
  public var path: String; public var kind: Kind; public var major: UInt32; public var minor: UInt32; public var mode: UInt32; public var uid: UInt32; public var gid: UInt32 }
public struct DeviceProgram { init(nodes: [DeviceNode], hasPseudoTerminals: Bool) {}
 func loadAttribute() -> Structure { Structure(bytes: [], spelling: "") }
 static func attachAttribute(program: Slot, cgroup: Slot) -> Structure { Structure(bytes: [], spelling: "") } }
public enum NetworkOperation: Equatable, Sendable, Codable { case none; var purpose: String {""}; var undo: NetworkOperation? {nil} }
public struct PlannedNetworkOperation: Equatable, Sendable { public var operation: NetworkOperation; public var origin: Origin }
