import type { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Item } from '../../shared/mqtt/delivery.ts'
import { parseTopic, type NativeTopic } from '../../shared/mqtt/topics.ts'
import { historyText, type Change } from '../../shared/shadow/change.ts'
import { CLASSIC, isShadowName } from '../../shared/shadow/name.ts'
import { decodeText, parseReported, parseToken, parseUpdate } from '../../shared/shadow/request.ts'

/** Where the answers to an item go. */
export interface Place {
  readonly deviceId: DeviceId
  readonly shadow: string
  readonly verb: 'update' | 'get' | 'delete'
}

/** An item, read: a change to make, or why there is none. */
export type Read =
  | { readonly item: Item; readonly place: Place; readonly change: Change }
  | { readonly item: Item; readonly place: Place; readonly error: DomainError }
  /** Nothing to do: a lightweight device that takes its retained document back. */
  | { readonly item: Item; readonly nothing: true }
  | { readonly item: Item; readonly dead: string }

/** Reads an item of the connector. */
export function readItem(item: Item): Read {
  const topic = parseTopic(item.topic)
  const place = topic && placeOf(topic)
  if (topic === undefined || place === undefined) return { item, dead: 'topic' }
  try {
    if (item.over !== undefined) throw new DomainError(OVER[item.over])
    if (place.shadow !== CLASSIC && !isShadowName(place.shadow)) {
      throw new DomainError('shadow.invalid', { detail: 'Invalid shadow name' })
    }
    if (topic.kind === 'config_reported' && item.payload.length === 0) {
      return { item, nothing: true }
    }
    return { item, place, change: toChange(item, place, topic.kind === 'config_reported') }
  } catch (error) {
    if (error instanceof DomainError) return { item, place, error }
    throw error
  }
}

const OVER = { 413: 'shadow.too_large', 429: 'rate.limited' } as const

function placeOf(topic: NativeTopic): Place | undefined {
  const { deviceId } = topic
  if (topic.kind === 'shadow') return { deviceId, shadow: topic.shadow, verb: topic.verb }
  // The lightweight mode has no topic of its own to be refused on: it is an update of the classic shadow.
  if (topic.kind === 'config_reported') return { deviceId, shadow: CLASSIC, verb: 'update' }
  return undefined
}

function toChange(item: Item, { deviceId, shadow, verb }: Place, report: boolean): Change {
  const text = decodeText(item.payload)
  return {
    deviceId,
    shadow,
    ...parse(report ? 'report' : verb, text, item.payload.length),
    actor: 'device',
    text: historyText(report ? 'report' : verb, text),
    packet: item.packet,
    dup: item.dup,
    delivery: BigInt(item.id),
    slot: item.slot,
  }
}

function parse(
  kind: 'update' | 'get' | 'delete' | 'report',
  text: string,
  size: number,
): Pick<Change, 'command' | 'clientToken'> {
  if (kind === 'report') return { command: { kind, reported: parseReported(text) } }
  if (kind !== 'update') return { command: { kind }, clientToken: parseToken(text).clientToken }
  const { clientToken, state, version } = parseUpdate(text)
  return { clientToken, command: { kind, state, size, ...(version !== undefined && { version }) } }
}
