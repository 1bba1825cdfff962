import type { Db } from '../db/database.ts'
import type { DeviceId } from '../device-id.ts'
import { DomainError } from '../errors.ts'
import type { ObjectStore } from '../storage/store.ts'
import { readChunkSources, type ChunkSourceRow } from './action-queries.ts'

/** What a device asks of its image at once; small devices ask for less. */
export const CHUNK_BYTES_MAX = 128 * 1024

export interface ChunkRequest {
  readonly deviceId: DeviceId
  readonly number: number
  readonly offset: number
  readonly length: number
}

export interface Chunk {
  /** Of the whole image. */
  readonly size: number
  readonly bytes: Buffer
}

interface Deps {
  readonly db: Db
  readonly objects: ObjectStore
}

/** Reads pieces of images for devices whose open actions name them; one answer for each request, a refusal where it may not. */
export async function readChunks(
  { db, objects }: Deps,
  requests: readonly ChunkRequest[],
): Promise<(Chunk | DomainError)[]> {
  if (requests.length === 0) return []
  const rows = await db.rows(readChunkSources, [
    requests.map((request) => request.deviceId),
    requests.map((request) => request.number),
  ])
  const sources = new Map(rows.map((row) => [`${row.number} ${row.device_id}`, row]))
  const chunks: (Chunk | DomainError)[] = []
  for (const request of requests) {
    const source = sources.get(`${request.number} ${request.deviceId}`)
    chunks.push(await readChunk(objects, source, request))
  }
  return chunks
}

async function readChunk(
  objects: ObjectStore,
  source: ChunkSourceRow | undefined,
  { offset, length }: ChunkRequest,
): Promise<Chunk | DomainError> {
  if (source === undefined) return new DomainError('action.not_found')
  const size = Number(source.size)
  if (offset >= size) return new DomainError('request.range_not_satisfiable', { size_bytes: size })
  const stored = await objects.get(source.object, { offset, length })
  if (stored === undefined) return new DomainError('storage.unavailable')
  const parts: Uint8Array[] = []
  for await (const part of stored.body) parts.push(part)
  return { size, bytes: Buffer.concat(parts) }
}
