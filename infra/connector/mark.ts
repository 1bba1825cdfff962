// A broker that was killed forgets what it held, or has old retained values again. The holder keeps a retained mark on it, with the
// database's time; what the mark says at a connect tells what to send anew.
import { markTopic } from '../../shared/mqtt/topics.ts'
import type { Link } from './link.ts'
import type { Publication } from './packet-reader.ts'

const TIME = /^\d{4}-\d\d-\d\dT[\d:.]{8,16}Z$/

/** The time of the mark that the broker has; null when it has none. */
export interface MarkReading {
  /** Whether the message was the mark's; it goes no further then. */
  take(message: Publication): boolean
  readonly value: Promise<Date | null>
}

/**
 * Reads the mark: subscribes, then publishes a probe on the same topic. One topic keeps its order, so what the broker retains has
 * come when the probe comes.
 */
export function readMark(
  link: Link,
  slot: number,
  epoch: bigint,
): MarkReading & { begin(): Promise<void> } {
  const topic = markTopic(slot)
  const probe = `probe ${epoch}`
  const { promise, resolve } = Promise.withResolvers<Date | null>()
  let found: Date | null = null
  return {
    value: promise,
    begin: async () => {
      await link.subscribe([topic], { qos: 1, retainHandling: 0 })
      link.publish({ topic, qos: 1, retain: false, payload: probe }, () => undefined)
    },
    take: (message) => {
      if (message.topic !== topic) return false
      const text = message.payload.toString('utf8')
      if (TIME.test(text)) found = new Date(text)
      if (text === probe) {
        link.unsubscribe(topic)
        resolve(found)
      }
      return true
    },
  }
}

/** What the holder leaves on the broker every 30 s. */
export function markFrame(slot: number, at: Date) {
  return { topic: markTopic(slot), qos: 1, retain: true, payload: at.toISOString() } as const
}
