import type { IncomingMessage } from 'node:http'
import { DomainError } from '../../shared/errors.ts'
import { hashBody, UNSIGNED_BODY } from '../../shared/hop/canonical.ts'
import { EDGE_BUFFER_BYTES, type Route } from '../../shared/http/route.ts'
import { BodyChunks } from './body-chunks.ts'

/** A body as it is handed on, and what the hop proof says of it. */
export interface EdgeBody {
  readonly signed: string
  readonly content: Uint8Array<ArrayBuffer> | ReadableStream<Uint8Array> | null
  /** To be called once the function has answered, whether it read the body or not. */
  release(): void
}

/** How long a body may take: so long to be gathered, and so many bytes in each such time while it streams. */
export interface BodyPace {
  readonly milliseconds: number
  readonly bytes: number
}

/** 1 KiB/s, looked at each 30 s. */
export const BODY_PACE: BodyPace = { milliseconds: 30_000, bytes: 30 * 1024 }

export function hasBody({ headers }: IncomingMessage): boolean {
  return headers['transfer-encoding'] !== undefined || Number(headers['content-length'] ?? 0) > 0
}

/** Refuses a length that is too large before anything of it is asked for. */
export function checkLength(request: IncomingMessage, { bodyBytes }: Route): void {
  if (Number(request.headers['content-length'] ?? 0) > bodyBytes) throw tooLarge(bodyBytes)
}

/**
 * Gathers a body of up to `EDGE_BUFFER_BYTES`, so that it is signed; one that is larger, and may be so on this route,
 * is passed on as it comes, counted and timed.
 */
export async function readEdgeBody(
  request: IncomingMessage,
  route: Route,
  pace: BodyPace,
): Promise<EdgeBody> {
  if (!hasBody(request)) {
    return { signed: hashBody(''), content: null, release: () => undefined }
  }
  const chunks = new BodyChunks(request)
  const head: Buffer[] = []
  const length = Number(request.headers['content-length'] ?? 0)
  try {
    if (length <= EDGE_BUFFER_BYTES && (await gather(chunks, head, route, pace))) {
      const content = new Uint8Array(Buffer.concat(head))
      return { signed: hashBody(content), content, release: () => chunks.release() }
    }
  } catch (error) {
    chunks.release()
    throw error
  }
  return passOn(chunks, head, route, pace)
}

/** True when the body is whole, false when it is larger than what is gathered and may be so. */
async function gather(
  chunks: BodyChunks,
  head: Buffer[],
  { bodyBytes, unsignedBody }: Route,
  { milliseconds }: BodyPace,
): Promise<boolean> {
  const limit = Math.min(bodyBytes, EDGE_BUFFER_BYTES)
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(() => late.reject(new DomainError('request.timeout')), milliseconds)
  try {
    let bytes = 0
    for (;;) {
      const chunk = await Promise.race([chunks.next(), late.promise])
      if (!chunk) return true
      head.push(chunk)
      bytes += chunk.length
      if (bytes <= limit) continue
      if (unsignedBody) return false
      throw tooLarge(bodyBytes)
    }
  } finally {
    clearTimeout(timer)
  }
}

function passOn(
  chunks: BodyChunks,
  head: Buffer[],
  { bodyBytes }: Route,
  pace: BodyPace,
): EdgeBody {
  let bytes = 0
  let before = 0
  let fail: ((error: DomainError) => void) | undefined
  const watch = setInterval(() => {
    if (bytes - before < pace.bytes) fail?.(new DomainError('request.timeout'))
    before = bytes
  }, pace.milliseconds)
  const content = new ReadableStream<Uint8Array>(
    {
      start: (controller) => {
        fail = (error) => controller.error(error)
      },
      pull: async (controller) => {
        const chunk = head.shift() ?? (await chunks.next())
        if (!chunk) return controller.close()
        bytes += chunk.length
        if (bytes > bodyBytes) throw tooLarge(bodyBytes)
        controller.enqueue(chunk)
      },
    },
    { highWaterMark: 0 },
  )
  const release = () => {
    clearInterval(watch)
    chunks.release()
  }
  return { signed: UNSIGNED_BODY, content, release }
}

function tooLarge(limit: number): DomainError {
  return new DomainError('request.too_large', { limit_bytes: limit })
}
