import {
  hearsState,
  NOTICE_TOPIC,
  parsePresence,
  parseSubscription,
  SUBSCRIBE_TOPIC,
} from '../../shared/mqtt/broker-log.ts'
import { isTopic, ITEM_BYTES } from '../../shared/mqtt/delivery.ts'
import { deviceOfTopic, parseTopic } from '../../shared/mqtt/topics.ts'
import type { Publication } from './packet-reader.ts'
import { routeOf, type TopicTrigger } from './triggers.ts'

/** What a received message is to the connector. */
export type Intake =
  | {
      readonly kind: 'item'
      readonly lane: string
      readonly functionName: string
      readonly over?: 413
    }
  /** A device subscribed to what tells it of state. */
  | { readonly kind: 'subscribed'; readonly deviceId: string; readonly filter: string }
  /** Acknowledged, and nothing else. */
  | { readonly kind: 'ignored' }
  /** A request that was published with RETAIN: taken off the broker, not carried out. */
  | { readonly kind: 'retained' }
  /** A topic that could not be answered, nor told to a function. */
  | { readonly kind: 'dead'; readonly reason: string }

/** Sorts a message by its topic. */
export function sortMessage(message: Publication, triggers: readonly TopicTrigger[]): Intake {
  const { topic, payload, retain } = message
  if (topic === SUBSCRIBE_TOPIC) return sortSubscription(payload)
  const functionName = routeOf(triggers, topic)
  if (functionName === undefined) return { kind: 'ignored' }
  if (topic === NOTICE_TOPIC) return sortNotice(payload, functionName)
  if (retain && !mayBeRetained(topic))
    return { kind: payload.length === 0 ? 'ignored' : 'retained' }
  if (!isTopic(topic)) return { kind: 'dead', reason: 'topic' }
  const lane = deviceOfTopic(topic) ?? topic
  const item = { kind: 'item', lane, functionName } as const
  return payload.length > ITEM_BYTES ? { ...item, over: 413 } : item
}

function sortSubscription(payload: Buffer): Intake {
  const notice = parseSubscription(payload)
  if (notice === undefined || !hearsState(notice)) return { kind: 'ignored' }
  return { kind: 'subscribed', deviceId: notice.deviceId, filter: notice.filter }
}

function sortNotice(payload: Buffer, functionName: string): Intake {
  const lane = parsePresence(payload)?.deviceId
  return lane === undefined ? { kind: 'ignored' } : { kind: 'item', lane, functionName }
}

// RETAIN counts for what a device reports of itself: a new connector may read that late, and equal content changes nothing.
function mayBeRetained(topic: string): boolean {
  const kind = parseTopic(topic)?.kind
  return kind === 'config_reported' || kind === 'status'
}

const AWS_LANE = 10
const NATIVE_LANE = 64

/** How many of a device's items may wait; what comes above is refused on its rejected topic. */
export const laneBound = (topic: string): number =>
  topic.startsWith('$aws/') ? AWS_LANE : NATIVE_LANE
