import { DomainError } from '../errors.ts'

const JSON_DEPTH = 16
const QUOTE = 0x22
const BACKSLASH = 0x5c

/** Reads a body whole, counting: what comes through a gateway has no length that could be trusted. */
export async function readBody(request: Request, limit: number): Promise<Buffer> {
  if (request.body === null) return Buffer.alloc(0)
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body) {
    bytes += chunk.byteLength
    if (bytes > limit) throw new DomainError('request.too_large', { limit_bytes: limit })
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}

/** Passes a body on, and breaks it off with `request.too_large` past the limit. */
export function boundedBody(
  body: ReadableStream<Uint8Array>,
  limit: number,
): ReadableStream<Uint8Array> {
  let bytes = 0
  return body.pipeThrough(
    new TransformStream<Uint8Array, Uint8Array>({
      transform: (chunk, controller) => {
        bytes += chunk.byteLength
        if (bytes > limit) {
          controller.error(new DomainError('request.too_large', { limit_bytes: limit }))
        } else controller.enqueue(chunk)
      },
    }),
  )
}

/**
 * Refuses what is no JSON, before an app sees it: bytes that are no UTF-8, nesting that would cost the parser's stack.
 * @throws {DomainError} request.malformed
 */
export function checkJson(body: Uint8Array, depthLimit = JSON_DEPTH): void {
  if (depthOf(body, depthLimit) > depthLimit) {
    throw new DomainError('request.malformed', { detail: `nested deeper than ${depthLimit}` })
  }
  try {
    // A byte order mark is kept, and so refused: whoever parses the bytes next would stumble over it.
    JSON.parse(new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body))
  } catch (error) {
    // The parser's own message would echo what was sent.
    const detail = error instanceof SyntaxError ? 'not JSON' : 'not UTF-8'
    throw new DomainError('request.malformed', { detail }, { cause: error })
  }
}

/** The deepest nesting of JSON text, counting stops above `limit`. */
export function depthOf(body: Uint8Array, limit: number): number {
  let depth = 0
  let deepest = 0
  let inString = false
  for (let index = 0; index < body.length; index++) {
    const byte = body[index]
    if (inString) {
      if (byte === BACKSLASH) index++
      else if (byte === QUOTE) inString = false
    } else if (byte === QUOTE) inString = true
    else if (byte === 0x7b || byte === 0x5b) {
      depth++
      if (depth > deepest) deepest = depth
      if (deepest > limit) return deepest
    } else if (byte === 0x7d || byte === 0x5d) depth--
  }
  return deepest
}
