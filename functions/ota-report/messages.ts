import { DomainError } from '../../shared/errors.ts'
import { draftAnswer, type ItemFrame } from '../../shared/mqtt/answer.ts'
import { encodeAnswer, parseBatch, type Verdict } from '../../shared/mqtt/delivery.ts'
import { otaChunkTopic, otaStatusRejectedTopic } from '../../shared/mqtt/topics.ts'
import { readChunks, type Chunk, type ChunkRequest } from '../../shared/rollout/read-chunks.ts'
import {
  reportStatuses,
  type Reported,
  type StatusReport,
} from '../../shared/rollout/report-status.ts'
import type { Deps } from './deps.ts'
import { readItem, type Read } from './read-item.ts'

interface Done {
  readonly verdict: Verdict
  readonly frames: readonly ItemFrame[]
}

const done = (...frames: ItemFrame[]): Done => ({ verdict: 'done', frames })

/** Answers a batch: what devices say of their updates, and pieces of images. */
export async function answerMessages(request: Request, deps: Deps): Promise<Response> {
  const reads = (await parseBatch(request)).map(readItem)
  const statuses = reads.flatMap((read) => (read.kind === 'status' ? [read.status] : []))
  const chunks = reads.flatMap((read) => (read.kind === 'chunk' ? [read.chunk] : []))
  const reported = await reportStatuses(deps, statuses)
  const pieces = await readChunks(deps, chunks)
  const results = new Map<StatusReport | ChunkRequest, Reported | Chunk | DomainError>()
  for (const [index, status] of statuses.entries()) set(results, status, reported[index])
  for (const [index, chunk] of chunks.entries()) set(results, chunk, pieces[index])
  return encodeAnswer(gather(reads, (read) => conclude(read, results)))
}

type Results = Map<StatusReport | ChunkRequest, Reported | Chunk | DomainError>

function set(
  results: Results,
  key: StatusReport | ChunkRequest,
  result: Reported | Chunk | DomainError | undefined,
): void {
  if (result !== undefined) results.set(key, result)
}

/** Verdicts and frames in the items' order; once an item of a device is to come again, its later ones are too. */
function gather(reads: readonly Read[], concluded: (read: Read) => Done) {
  const draft = draftAnswer()
  const held = new Set<string>()
  const verdicts = reads.map((read): Verdict => {
    const [, device = ''] = read.item.topic.split('/')
    if (held.has(device)) return 'retry:order'
    const { verdict, frames } = concluded(read)
    const fits = verdict === 'done' ? draft.add(read.item.index, frames) : true
    const result: Verdict = fits ? verdict : 'retry:full'
    if (result.startsWith('retry')) held.add(device)
    return result
  })
  return draft.answer(verdicts, [], true)
}

function conclude(read: Read, results: Results): Done {
  switch (read.kind) {
    case 'dead':
      return { verdict: 'dead:topic', frames: [] }
    case 'refused': {
      const { deviceId, of, error } = read
      return of === 'status' ? rejected(deviceId, error) : withoutChunk({ deviceId }, error)
    }
    case 'status':
      return statusDone(read.status, results.get(read.status))
    case 'chunk':
      return chunkDone(read.chunk, results.get(read.chunk))
  }
}

function statusDone(
  { deviceId, number }: StatusReport,
  result: Reported | Chunk | DomainError | undefined,
): Done {
  if (result === 'applied') return done()
  if (typeof result !== 'object' || !('refused' in result)) {
    return { verdict: 'retry:conflict', frames: [] }
  }
  const detail = 'state' in result ? `the action is ${result.state}` : undefined
  const error = new DomainError(result.refused, detail === undefined ? {} : { detail })
  return rejected(deviceId, error, number)
}

function told({ code, message, details }: DomainError): { code: string; message: string } {
  const { detail } = details
  return { code, message: typeof detail === 'string' ? detail : message }
}

function rejected(deviceId: StatusReport['deviceId'], error: DomainError, number?: number): Done {
  const payload = JSON.stringify({ number, ...told(error) })
  return done({ topic: otaStatusRejectedTopic(deviceId), payload })
}

// One line of JSON, then the bytes: an image is no text, and base64 would cost a third more.
function chunkDone(
  request: ChunkRequest,
  result: Reported | Chunk | DomainError | undefined,
): Done {
  const { deviceId, number, offset } = request
  if (result instanceof DomainError) return withoutChunk(request, result)
  if (typeof result !== 'object' || !('bytes' in result)) {
    return { verdict: 'retry:conflict', frames: [] }
  }
  const { bytes, size } = result
  const head = JSON.stringify({ number, offset, length: bytes.length, size })
  const payload = Buffer.concat([Buffer.from(`${head}\n`), bytes])
  return done({ topic: otaChunkTopic(deviceId), payload })
}

function withoutChunk(
  { deviceId, number, offset }: Pick<ChunkRequest, 'deviceId'> & Partial<ChunkRequest>,
  error: DomainError,
): Done {
  const payload = `${JSON.stringify({ number, offset, ...told(error) })}\n`
  return done({ topic: otaChunkTopic(deviceId), payload })
}
