import type { OutgoingHttpHeaders, ServerResponse } from 'node:http'

// Names that are not written by capitals at each word. Clients such as libest compare names by exact case.
const SPELT = new Map([
  ['www-authenticate', 'WWW-Authenticate'],
  ['etag', 'ETag'],
  ['content-md5', 'Content-MD5'],
  ['x-ua-compatible', 'X-UA-Compatible'],
])
const CONNECTION = new Set(['connection', 'keep-alive', 'transfer-encoding', 'upgrade', 'trailer'])
const ONE_WRITE_BYTES = 65_536
const WITHOUT_BODY = new Set([101, 204, 304])

/** `Content-Type` for `content-type`. */
export function spellHeader(name: string): string {
  return (
    SPELT.get(name.toLowerCase()) ??
    name.toLowerCase().replace(/(^|-)[a-z]/g, (start) => start.toUpperCase())
  )
}

export interface AnswerOptions {
  /** Pass the body on as it comes, with its own length or in chunks; else it is gathered and has a length. */
  readonly stream: boolean
  readonly headOnly: boolean
}

/** How long a client may leave an answer unread. */
const UNREAD_MS = 30_000

/** Writes a function's answer; head and body leave together unless the body streams. */
export async function writeAnswer(
  to: ServerResponse,
  response: Response,
  { stream, headOnly }: AnswerOptions,
): Promise<void> {
  const headers = headersOf(response)
  const patience = stopAfter(to, UNREAD_MS)
  to.once('finish', patience.clear).once('close', patience.clear)
  if (headOnly || WITHOUT_BODY.has(response.status)) {
    await response.body?.cancel()
    to.writeHead(response.status, headers).end()
  } else if (response.body && (stream || passesOn(response))) {
    to.writeHead(response.status, headers)
    to.flushHeaders()
    patience.clear()
    await pipe(response.body, to)
  } else {
    const body = Buffer.from(await response.arrayBuffer())
    to.writeHead(response.status, { ...headers, 'Content-Length': body.length })
    // A string joins the head in one write and one TLS record; of a buffer Node makes two. Bytes stay bytes in latin1.
    if (body.length <= ONE_WRITE_BYTES) to.end(body.toString('latin1'), 'latin1')
    else to.end(body)
  }
}

// A body with a length of its own, or without an end.
function passesOn({ headers }: Response): boolean {
  const type = headers.get('content-type') ?? ''
  return headers.has('content-length') || type.startsWith('text/event-stream')
}

function headersOf({ headers }: Response): OutgoingHttpHeaders {
  const written: OutgoingHttpHeaders = {}
  for (const [name, value] of headers)
    if (!CONNECTION.has(name) && !name.startsWith('muster-')) written[spellHeader(name)] = value
  const cookies = headers.getSetCookie()
  if (cookies.length > 0) written['Set-Cookie'] = cookies
  return written
}

// A body that breaks off ends the connection, so that the client never takes a part for the whole.
async function pipe(body: ReadableStream<Uint8Array>, to: ServerResponse): Promise<void> {
  const reader = body.getReader()
  const gone = () => void reader.cancel().catch(() => undefined)
  to.once('close', gone)
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) {
      if (to.destroyed) return
      if (!to.write(next.value)) await drained(to)
    }
    to.off('close', gone)
    to.end()
  } catch (error) {
    to.destroy()
    throw error
  }
}

function stopAfter(to: ServerResponse, milliseconds: number): { clear: () => void } {
  // An answer whose connection is gone already is never told so again; its timer keeps nobody.
  const timer = setTimeout(() => to.destroy(), milliseconds).unref()
  return { clear: () => clearTimeout(timer) }
}

function drained(to: ServerResponse): Promise<void> {
  const patience = stopAfter(to, UNREAD_MS)
  return new Promise((resolve) => {
    const done = () => {
      patience.clear()
      to.off('drain', done).off('close', done)
      resolve()
    }
    to.on('drain', done).on('close', done)
  })
}
