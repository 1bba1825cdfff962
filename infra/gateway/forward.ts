import { Agent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Readable } from 'node:stream'
import { pipeline } from 'node:stream/promises'
import { BodyChunks, webBody } from './body-chunks.ts'
import { DispatchError, type Dispatch } from './dispatch.ts'

export interface ForwardOptions {
  /** Base URL of a function's process, or of a gateway's `/function/<name>`; undefined: no such function. */
  readonly urlOf: (name: string) => string | undefined
  readonly timeoutMs?: number
}

const TIMEOUT_MS = 35_000
const BODYLESS = new Set([204, 304])

/** Hands requests to functions that are processes of their own, over plain HTTP with kept connections. */
export function forwardFunctions({ urlOf, timeoutMs = TIMEOUT_MS }: ForwardOptions): Dispatch & {
  close(): void
} {
  const agent = new Agent({ keepAlive: true, maxSockets: 256 })
  const dispatch: Dispatch = async (name, request) => {
    const url = urlOf(name)
    if (url === undefined) throw new DispatchError(404, `no function ${name}`)
    return toResponse(await send(new URL(url), request, agent, timeoutMs))
  }
  return Object.assign(dispatch, { close: () => agent.destroy() })
}

function send(
  url: URL,
  request: Request,
  agent: Agent,
  timeoutMs: number,
): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const { method, signal } = request
    const headers = Object.fromEntries(request.headers)
    const outgoing = httpRequest(url, { agent, method, headers, signal, timeout: timeoutMs })
    const fail = (cause: unknown) =>
      reject(new DispatchError(502, `${url.host} does not answer`, { cause }))
    outgoing.on('response', resolve).on('error', fail)
    outgoing.on('timeout', () => outgoing.destroy(new Error(`silent for ${timeoutMs} ms`)))
    if (request.body === null) outgoing.end()
    else {
      // An error here is one of `outgoing` too, or comes after the answer: then the answer counts.
      pipeline(Readable.fromWeb(request.body), outgoing).catch(fail)
    }
  })
}

function toResponse(incoming: IncomingMessage): Response {
  const headers = new Headers()
  const { rawHeaders, statusCode: status = 502 } = incoming
  for (let index = 0; index + 1 < rawHeaders.length; index += 2)
    headers.append(rawHeaders[index] ?? '', rawHeaders[index + 1] ?? '')
  if (BODYLESS.has(status) || incoming.headers['content-length'] === '0') {
    incoming.resume()
    return new Response(null, { status, headers })
  }
  const body = webBody(new BodyChunks(incoming), () => incoming.destroy())
  return new Response(body, { status, headers })
}
