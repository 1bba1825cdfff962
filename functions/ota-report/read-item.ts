import * as z from 'zod'
import { Version } from '../../shared/artifact/names.ts'
import type { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import { checkJson } from '../../shared/http/body.ts'
import type { Item } from '../../shared/mqtt/delivery.ts'
import { parseTopic } from '../../shared/mqtt/topics.ts'
import { REPORTED_STATES } from '../../shared/rollout/action.ts'
import { CHUNK_BYTES_MAX, type ChunkRequest } from '../../shared/rollout/read-chunks.ts'
import type { StatusReport } from '../../shared/rollout/report-status.ts'

const PAYLOAD_BYTES = 16 * 1024
const DEPTH = 4

const ActionNumber = z.number().int().min(1).max(2_147_483_647)
const Status = z.strictObject({
  number: ActionNumber,
  state: z.enum(REPORTED_STATES),
  progress: z.number().int().min(0).max(100).optional(),
  code: z.number().int().min(-2_147_483_648).max(2_147_483_647).optional(),
  messages: z.array(z.string().max(1024)).max(20).optional(),
  firmware_ver: Version.optional(),
})
const Chunk = z.strictObject({
  number: ActionNumber,
  offset: z
    .number()
    .int()
    .min(0)
    .max(2 ** 43),
  length: z.number().int().min(1).max(CHUNK_BYTES_MAX),
})

/** An item of the connector, read; an `error` is told to the device. */
export type Read =
  | { readonly kind: 'status'; readonly item: Item; readonly status: StatusReport }
  | { readonly kind: 'chunk'; readonly item: Item; readonly chunk: ChunkRequest }
  | {
      readonly kind: 'refused'
      readonly item: Item
      readonly deviceId: DeviceId
      readonly of: 'status' | 'chunk'
      readonly error: DomainError
    }
  | { readonly kind: 'dead'; readonly item: Item }

/** Reads an item. */
export function readItem(item: Item): Read {
  const topic = parseTopic(item.topic)
  if (topic?.kind !== 'ota_status' && topic?.kind !== 'ota_chunk') return { kind: 'dead', item }
  const { deviceId } = topic
  const of = topic.kind === 'ota_status' ? 'status' : 'chunk'
  try {
    const text = textOf(item)
    if (of === 'chunk') {
      return { kind: 'chunk', item, chunk: { deviceId, ...parse(Chunk, text) } }
    }
    const { firmware_ver: firmwareVer, ...said } = parse(Status, text)
    return { kind: 'status', item, status: { deviceId, ...said, firmwareVer } }
  } catch (error) {
    if (error instanceof DomainError) return { kind: 'refused', item, deviceId, of, error }
    throw error
  }
}

function textOf({ payload, over }: Item): string {
  if (over === 429) throw new DomainError('rate.limited')
  if (over === 413 || payload.length > PAYLOAD_BYTES) {
    throw new DomainError('request.too_large', { detail: `at most ${PAYLOAD_BYTES} bytes` })
  }
  checkJson(payload, DEPTH)
  return payload.toString('utf8')
}

function parse<T>(schema: z.ZodType<T>, text: string): T {
  const read = schema.safeParse(JSON.parse(text))
  if (read.success) return read.data
  const [issue] = read.error.issues
  const place = issue?.path.map(String).join('.') ?? ''
  const detail = `${place === '' ? '' : `${place}: `}${issue?.message ?? 'not as documented'}`
  throw new DomainError('request.invalid', { detail })
}
