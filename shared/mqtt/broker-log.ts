// Mosquitto tells who comes, goes and subscribes on $SYS/broker/log/… (`log_dest topic`, `log_type notice`, `log_type subscribe`);
// the embedded broker tells the same. Log text is no contract: this is the only parser, tested on each version that is supported.
import { deviceId, type DeviceId } from '../device-id.ts'
import { overlaps } from './filter.ts'

export const NOTICE_TOPIC = '$SYS/broker/log/N'
export const SUBSCRIBE_TOPIC = '$SYS/broker/log/M/subscribe'

export interface PresenceNotice {
  readonly kind: 'connected' | 'disconnected'
  readonly deviceId: DeviceId
  /** When the broker wrote it: seconds since 1970, undefined where its log has no time. */
  readonly at: number | undefined
}

export interface SubscribeNotice {
  readonly deviceId: DeviceId
  readonly filter: string
}

const TIME = /^(\d{1,12}): /
const CONNECTED = /^New client connected from \S* as (\S+) \(/
// `Client <id> disconnected.`, `… disconnected due to protocol error.`, `… disconnected: not authorised.` (2.1), `… closed its connection.`,
// `… has exceeded timeout, disconnecting.`, `… already connected, closing old connection.`
const GONE =
  /^Client (\S+) (?:\[\S+\] )?(?:disconnected\b|closed its connection|has exceeded timeout)/
const SUBSCRIBED = /^(\S+) ([012]) (.+)$/

function split(text: string): { at: number | undefined; line: string } {
  const time = TIME.exec(text)
  if (time === null) return { at: undefined, line: text }
  return { at: Number(time[1]), line: text.slice(time[0].length) }
}

/** Reads a line of `$SYS/broker/log/N`; undefined when it is not about a device that came or went. */
export function parsePresence(payload: Buffer | string): PresenceNotice | undefined {
  const { at, line } = split(payload.toString())
  const connected = CONNECTED.exec(line)?.[1]
  const id = deviceId(connected ?? GONE.exec(line)?.[1] ?? '')
  if (id === undefined) return undefined
  return { kind: connected === undefined ? 'disconnected' : 'connected', deviceId: id, at }
}

/** Reads a line of `$SYS/broker/log/M/subscribe`; undefined when it is not a device's subscription. */
export function parseSubscription(payload: Buffer | string): SubscribeNotice | undefined {
  const match = SUBSCRIBED.exec(split(payload.toString()).line)
  const id = deviceId(match?.[1] ?? '')
  const filter = match?.[3]
  return id === undefined || filter === undefined ? undefined : { deviceId: id, filter }
}

/** Whether a device's subscription lets it hear deltas, its retained document or of an update. */
export function hearsState({ deviceId: id, filter }: SubscribeNotice): boolean {
  return [
    `devices/${id}/shadow/delta`,
    `devices/${id}/shadow/name/+/delta`,
    `devices/${id}/config/desired`,
    `devices/${id}/ota/notify`,
    `$aws/things/${id}/shadow/update/delta`,
    `$aws/things/${id}/shadow/name/+/update/delta`,
  ].some((topic) => overlaps(filter, topic))
}

const CONNECTED_AS = /^New client connected from \S* as (\S+) \(.*\bu'([^']*)'/

/** Who connected, and as which user; undefined when the line tells of something else, or the client has no user. */
export function parseConnection(
  payload: Buffer | string,
): { readonly clientId: string; readonly user: string } | undefined {
  const [, clientId, user] = CONNECTED_AS.exec(split(payload.toString()).line) ?? []
  return clientId === undefined || user === undefined ? undefined : { clientId, user }
}
