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
  export default class AsyncPersistence {
    storeRetained(packet: Packet): Promise<void>
    outgoingEnqueueCombi(subscriptions: readonly Queued[], packet: Packet): Promise<void>
    outgoingClearMessageId(client: { readonly id: string }, packet: unknown): Promise<unknown>
  }
}
