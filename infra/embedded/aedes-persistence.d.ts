// What we use of aedes' store in memory; its own declarations describe the older interface with callbacks.
declare module 'aedes-persistence/asyncPersistence.js' {
  interface Queued {
    readonly clientId: string
  }
  interface Packet {
    readonly topic: string
    readonly payload: Buffer | string
    readonly qos: number
    readonly retain: boolean
  }
  interface Asked {
    readonly topic: string
    readonly qos: number
  }
  interface Session {
    readonly id: string
  }
  export default class AsyncPersistence {
    addSubscriptions(client: Session, subscriptions: readonly Asked[]): Promise<void>
    removeSubscriptions(client: Session, topics: readonly string[]): Promise<void>
    cleanSubscriptions(client: Session): Promise<void>
    storeRetained(packet: Packet): Promise<void>
    outgoingEnqueueCombi(subscriptions: readonly Queued[], packet: Packet): Promise<void>
    outgoingClearMessageId(client: Session, packet: unknown): Promise<unknown>
  }
}
