// The guards of the delivery protocol: the protocol is all of them on, a mutant turns one off.
export interface Guards {
  /** Who publishes: the holder of the broker session, or the instance that committed. */
  readonly publisher: 'connector' | 'function'
  /** One session per broker gets all messages of a device; else $share, dealt out in turn over two sessions. */
  readonly oneSession: boolean
  /** The connector has at most one call under way for a device. */
  readonly lanes: boolean
  /** PUBACK after the function's answer; else on receipt. */
  readonly ackAfter: boolean
  /** Write only if the version is still the one that was read. */
  readonly compareAndSet: boolean
  /** The row remembers the delivery number last applied; equal or lower is not applied again. */
  readonly deliveryNumber: boolean
  /** A message with DUP is looked up in history by session, packet id and payload. */
  readonly packetIdentity: boolean
  /** ... payload included. */
  readonly packetPayload: boolean
  /** Committed messages leave a row until the broker has acknowledged them. */
  readonly outbox: boolean
  /** Only the connection that holds the session can publish: the broker closes the older one. */
  readonly fence: boolean
  /** A device that subscribes gets its open delta. */
  readonly openOnSubscribe: boolean
  /** A new connection forgets the calls of the one before: their answers are neither published nor acknowledged. */
  readonly abandon: boolean
  /** A repeated delta is rendered from the shadow as it is now; else as it was at that version. */
  readonly renderNow: boolean
  /** Publisher 'function' only: compare the stored version after PUBACK, publish again if it moved on. */
  readonly confirm: boolean
  /** Packet ids before the broker starts again at 1. */
  readonly packetIds: number
}

export const PROTOCOL: Guards = {
  publisher: 'connector',
  oneSession: true,
  lanes: true,
  ackAfter: true,
  compareAndSet: true,
  deliveryNumber: true,
  packetIdentity: true,
  packetPayload: true,
  outbox: true,
  fence: true,
  openOnSubscribe: true,
  abandon: true,
  renderNow: true,
  confirm: false,
  packetIds: 9,
}

export type Fault = 'away' | 'takeover' | 'net' | 'connector' | 'instance' | 'timeout'

export interface Scenario {
  /** What each device sends, in order. */
  readonly devices: readonly (readonly string[])[]
  /** What operators write over HTTP: device and name. */
  readonly operator: readonly (readonly [number, string])[]
  /** How many faults may happen. */
  readonly faults: number
  /** Which, when not all. */
  readonly only?: readonly Fault[]
}
