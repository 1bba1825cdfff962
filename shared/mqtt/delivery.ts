// One call of the connector and its answer. A call is a batch of CloudEvents in JSON; an answer is one line of JSON, then frames
// to publish, so that payloads travel as bytes and the connector parses no document.
import { DomainError } from '../errors.ts'
import { wholeBody } from '../request-body.ts'

/** One message from a device (or a bell of the connector), as a function gets it. */
export interface Item {
  /** Its place in the batch, which frames and verdicts name. */
  readonly index: number
  readonly topic: string
  readonly payload: Buffer
  /** Delivery number, `epoch * 2^40 + n`, decimal: kept by retries, bigint in SQL, never a JavaScript number. */
  readonly id: string
  readonly slot: number
  /** The connection that received it, decimal: goes into the rows of the outbox. */
  readonly epoch: string
  /** MQTT packet identifier; null for bells. */
  readonly packet: number | null
  readonly dup: boolean
  /** Refuse it on its rejected topic: too large (then without payload), or too many wait in the device's lane. */
  readonly over?: 413 | 429
}

/**
 * What became of an item. `duplicate`: it was applied before. `retry`: again after a back-off, with all later items of that device.
 * `dead`: there is no topic to reject it on, keep it as a dead letter.
 */
export type Verdict = 'done' | 'duplicate' | `retry:${string}` | `dead:${string}`

/** A message to publish before the item is acknowledged. */
export interface Frame {
  readonly item: number
  readonly qos: 0 | 1
  readonly retain: boolean
  readonly topic: string
  readonly payload: Buffer | string
}

export interface Answer {
  /** One for each item, in their order. */
  readonly verdicts: readonly Verdict[]
  /** Outbox rows that these frames carry out: deleted once the broker has taken all of them. */
  readonly outbox: readonly string[]
  /** Whether messages stayed in the outbox because they did not fit. */
  readonly more: boolean
  /** In the order to publish. */
  readonly frames: readonly Frame[]
}

export const BATCH_TYPE = 'application/cloudevents-batch+json'
export const ANSWER_TYPE = 'application/vnd.muster.delivery'
export const BATCH_ITEMS = 200
export const BATCH_BYTES = 1024 * 1024
export const ITEM_BYTES = 384 * 1024
export const ANSWER_BYTES = 8 * 1024 * 1024

const EVENT_TYPE = 'muster.mqtt.publish'
const TOPIC_BYTES = 65_535
const VERDICT = /^(?:done|duplicate|(?:retry|dead):[a-z0-9_.-]{1,64})$/
const NUMBER = /^(?:0|[1-9]\d{0,18})$/
const MAX_BIGINT = 2n ** 63n - 1n
const FRAME = /^(0|[1-9]\d{0,2}) ([01])([r-]) (0|[1-9]\d{0,7}) ([^\n]+)$/
const HEADER_BYTES = 128 * 1024
const NEWLINE = 0x0a

/** The JSON of one event, ready to be joined: the connector encodes an item once, whatever batches it travels in. */
export function encodeItem(item: Omit<Item, 'index'>): string {
  const { topic, payload, id, slot, epoch, packet, dup, over } = item
  const head = `{"specversion":"1.0","type":"${EVENT_TYPE}","source":"/slots/${slot}","id":"${id}"`
  const flags = `${packet === null ? '' : `,"packet":${packet}`}${dup ? ',"dup":true' : ''}`
  const tail = `${flags}${over === undefined ? '' : `,"over":${over}`}`
  const data = over === 413 || payload.length === 0 ? '' : payload.toString('base64')
  return `${head},"subject":${JSON.stringify(topic)},"slot":${slot},"epoch":"${epoch}"${tail},"data_base64":"${data}"}`
}

/** The body of a call. */
export function joinBatch(events: readonly string[]): string {
  return `[${events.join(',')}]`
}

/**
 * Reads the body of a call. All or nothing: only the connector sends these.
 * @throws {DomainError} request.malformed, request.unsupported_media_type, request.too_large
 */
export async function parseBatch(request: Request): Promise<Item[]> {
  const type = request.headers.get('content-type')?.split(';', 1)[0]?.trim()
  if (type !== BATCH_TYPE) throw new DomainError('request.unsupported_media_type')
  const events = parseEvents((await wholeBody(request)).toString('utf8'))
  if (events.length > BATCH_ITEMS) {
    throw new DomainError('request.too_large', { limit_items: BATCH_ITEMS })
  }
  return events.map(toItem)
}

function parseEvents(text: string): unknown[] {
  let parsed: unknown
  try {
    parsed = JSON.parse(text)
  } catch {
    throw new DomainError('request.malformed', { detail: 'not JSON' })
  }
  if (!Array.isArray(parsed) || parsed.length === 0) malformed('not a batch of events')
  return parsed
}

function malformed(detail: string): never {
  throw new DomainError('request.malformed', { detail })
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === 'object' && value !== null && !Array.isArray(value)

function toItem(event: unknown, index: number): Item {
  if (!isRecord(event)) malformed(`event ${index} is no object`)
  const { specversion, type, id, subject, slot, epoch, packet = null, dup = false, over } = event
  if (specversion !== '1.0' || type !== EVENT_TYPE) malformed(`event ${index} is of another kind`)
  if (!isBigint(id) || !isBigint(epoch)) malformed(`event ${index} has no delivery number`)
  if (typeof subject !== 'string' || !isTopic(subject)) malformed(`event ${index} has no topic`)
  if (!isInteger(slot, 0, 32_767)) malformed(`event ${index} has no slot`)
  if (packet !== null && !isInteger(packet, 1, 65_535)) malformed(`event ${index}: packet`)
  if (typeof dup !== 'boolean') malformed(`event ${index}: dup`)
  if (over !== undefined && over !== 413 && over !== 429) malformed(`event ${index}: over`)
  const payload = decodeBase64(event['data_base64'])
  if (payload === undefined) malformed(`event ${index}: data_base64`)
  const item = { index, topic: subject, payload, id, slot, epoch, packet, dup }
  return over === undefined ? item : { ...item, over }
}

const isBigint = (value: unknown): value is string =>
  typeof value === 'string' && NUMBER.test(value) && BigInt(value) <= MAX_BIGINT

const isInteger = (value: unknown, least: number, most: number): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most

// Node skips what is no base64; then fewer bytes come out than the length says.
function decodeBase64(value: unknown): Buffer | undefined {
  if (value === undefined) return Buffer.alloc(0)
  if (typeof value !== 'string' || value.length % 4 !== 0) return undefined
  const padding = value.endsWith('==') ? 2 : value.endsWith('=') ? 1 : 0
  const bytes = Buffer.from(value, 'base64')
  return bytes.length === (value.length / 4) * 3 - padding ? bytes : undefined
}

/** Whether the text can be published to: no wildcard, no NUL, none of the broker's own. */
export function isTopic(topic: string): boolean {
  if (topic === '' || /[+#\0\n]/.test(topic) || !topic.isWellFormed()) return false
  return Buffer.byteLength(topic) <= TOPIC_BYTES
}

/** What a frame takes of the answer's 8 MiB, at most. */
export function frameBytes(frame: Frame): number {
  return Buffer.byteLength(frame.payload) + Buffer.byteLength(frame.topic) + 20
}

/**
 * Writes the answer of a function.
 * @throws {RangeError} above 8 MiB: leave frames in the outbox and say `more`
 */
export function encodeAnswer(answer: Answer): Response {
  const { verdicts, outbox, more, frames } = answer
  const parts: Buffer[] = [Buffer.from(`${JSON.stringify({ verdicts, outbox, more })}\n`)]
  for (const { item, qos, retain, topic, payload } of frames) {
    const bytes = typeof payload === 'string' ? Buffer.from(payload) : payload
    if (!isTopic(topic)) throw new RangeError('a frame has no topic to publish to')
    parts.push(Buffer.from(`${item} ${qos}${retain ? 'r' : '-'} ${bytes.length} ${topic}\n`), bytes)
  }
  const body = Buffer.concat(parts)
  if (body.length > ANSWER_BYTES) throw new RangeError('the answer is above 8 MiB')
  return new Response(new Uint8Array(body), { headers: { 'content-type': ANSWER_TYPE } })
}

/** An answer that breaks its own format: the outcome of the call is unknown. */
export class AnswerFault extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'AnswerFault'
  }
}

/**
 * Reads the answer of a function to a call of `items` items.
 * @throws {AnswerFault}
 */
export function decodeAnswer(bytes: Buffer, items?: number): Answer {
  if (bytes.length > ANSWER_BYTES) throw new AnswerFault('above 8 MiB')
  const end = bytes.indexOf(NEWLINE)
  if (end < 0 || end > HEADER_BYTES) throw new AnswerFault('no first line')
  const head = decodeHead(bytes.toString('utf8', 0, end))
  if (items !== undefined && head.verdicts.length !== items) {
    throw new AnswerFault(`${head.verdicts.length} verdicts for ${items} items`)
  }
  return { ...head, frames: decodeFrames(bytes, end + 1, head.verdicts) }
}

function decodeHead(line: string): Omit<Answer, 'frames'> {
  let head: unknown
  try {
    head = JSON.parse(line)
  } catch {
    throw new AnswerFault('the first line is not JSON')
  }
  if (!isRecord(head)) throw new AnswerFault('the first line is no object')
  const { verdicts, outbox, more } = head
  if (!Array.isArray(verdicts) || !verdicts.every(isVerdict)) throw new AnswerFault('verdicts')
  if (!Array.isArray(outbox) || !outbox.every(isBigint)) throw new AnswerFault('outbox')
  if (typeof more !== 'boolean') throw new AnswerFault('more')
  return { verdicts, outbox, more }
}

const isVerdict = (value: unknown): value is Verdict =>
  typeof value === 'string' && VERDICT.test(value)

function decodeFrames(bytes: Buffer, start: number, verdicts: readonly Verdict[]): Frame[] {
  const frames: Frame[] = []
  for (let at = start; at < bytes.length;) {
    const end = bytes.indexOf(NEWLINE, at)
    if (end < 0 || end - at > TOPIC_BYTES + 20) throw new AnswerFault('a frame without head')
    const head = FRAME.exec(bytes.toString('utf8', at, end))
    if (head === null) throw new AnswerFault('the head of a frame')
    const [, item = '', qos, retain, length = '', topic = ''] = head
    const verdict = verdicts[Number(item)]
    if (verdict === undefined || verdict.startsWith('retry'))
      throw new AnswerFault('item of a frame')
    if (!isTopic(topic) || topic.includes('\ufffd')) throw new AnswerFault('topic of a frame')
    at = end + 1 + Number(length)
    if (at > bytes.length) throw new AnswerFault('a frame is cut off')
    const payload = bytes.subarray(end + 1, at)
    frames.push({
      item: Number(item),
      qos: qos === '1' ? 1 : 0,
      retain: retain === 'r',
      topic,
      payload,
    })
  }
  return frames
}
