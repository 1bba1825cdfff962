import type { IncomingHttpHeaders } from 'node:http'
import { request as httpsRequest, type Agent } from 'node:https'
import type * as z from 'zod'

export interface Tls {
  /** PEM of the root that the server's certificate leads to. */
  readonly ca: string
  readonly cert?: string
  readonly key?: string
}

export interface Ask {
  readonly method?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
  readonly agent?: Agent
}

export interface Answer {
  readonly status: number
  readonly headers: IncomingHttpHeaders
  readonly body: Buffer
}

const TIMEOUT_MS = 30_000

/** One HTTPS request, the answer whole. */
export function ask(url: string, tls: Tls, { method, headers, body, agent }: Ask = {}) {
  const { promise, resolve, reject } = Promise.withResolvers<Answer>()
  const sent = httpsRequest(
    url,
    {
      ...tls,
      method: method ?? 'GET',
      headers: {
        ...headers,
        ...(body !== undefined && { 'content-length': Buffer.byteLength(body) }),
      },
      timeout: TIMEOUT_MS,
      ...(agent && { agent }),
    },
    (received) => {
      const chunks: Buffer[] = []
      received.on('data', (chunk: Buffer) => chunks.push(chunk))
      received.on('error', reject)
      received.on('end', () =>
        resolve({
          status: received.statusCode ?? 0,
          headers: received.headers,
          body: Buffer.concat(chunks),
        }),
      )
    },
  )
  sent.on('timeout', () => sent.destroy(new Error(`${url}: no answer in ${TIMEOUT_MS / 1000} s`)))
  sent.on('error', reject)
  sent.end(body)
  return promise
}

/** A 2xx answer's JSON, read by its schema; anything else is an error that shows the problem document. */
export function jsonOf<T>(answer: Answer, schema: z.ZodType<T>, what: string): T {
  const text = answer.body.toString('utf8')
  if (answer.status >= 200 && answer.status < 300) return schema.parse(JSON.parse(text))
  throw new Error(`${what}: ${answer.status} ${text.slice(0, 300)}`)
}
