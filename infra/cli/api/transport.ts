import http from 'node:http'
import https from 'node:https'
import type { Readable } from 'node:stream'
import { UnreachableError } from './problem.ts'

/** Where requests go, and what they show there. Never sent to another origin: redirects are not followed. */
export interface Server {
  readonly url: URL
  readonly token?: string | undefined
  /** PEM of the certificate authorities that are trusted instead of the system's. */
  readonly ca?: string | undefined
}

export interface Ask {
  readonly method: string
  /** Below the origin, with its query. */
  readonly target: string
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer | undefined
  readonly signal?: AbortSignal | undefined
}

export interface Answer {
  readonly status: number
  readonly headers: Readonly<http.IncomingHttpHeaders>
  readonly body: Readable
}

export type Transport = (ask: Ask) => Promise<Answer>

const LOOPBACK = /^(?:localhost|127(?:\.[0-9]+){3}|\[::1\])$/
const SILENCE_MS = 60_000

const REASONS = new Map([
  ['ECONNREFUSED', 'nothing listens there'],
  ['ENOTFOUND', 'the name is not known'],
  ['EAI_AGAIN', 'the name cannot be looked up'],
  ['ETIMEDOUT', 'no answer in time'],
  ['ECONNRESET', 'the connection was cut'],
  ['EHOSTUNREACH', 'the host is not reached'],
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'its certificate is not trusted; give --ca'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'its certificate is not trusted; give --ca'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'its certificate is not trusted; give --ca'],
  ['UNABLE_TO_GET_ISSUER_CERT_LOCALLY', 'its certificate is not trusted; give --ca'],
  ['CERT_SIGNATURE_FAILURE', 'its certificate is not of the given CA'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'its certificate is for another name'],
  ['CERT_HAS_EXPIRED', 'its certificate has expired'],
])

function unreachable({ url }: Server, error: NodeJS.ErrnoException): UnreachableError {
  const reason = REASONS.get(error.code ?? '') ?? error.message
  return new UnreachableError(`${url.origin}: ${reason}`, { cause: error })
}

/** Opens connections to one server and to no other. */
export function openTransport(server: Server): Transport {
  const { url, token, ca } = server
  const secure = url.protocol === 'https:'
  if (!secure && (url.protocol !== 'http:' || !LOOPBACK.test(url.hostname))) {
    throw new UnreachableError(`${url.origin}: only https, or http on this machine`)
  }
  const agent = secure
    ? new https.Agent({ keepAlive: true, ...(ca !== undefined && { ca }) })
    : new http.Agent({ keepAlive: true })
  const request = secure ? https.request : http.request
  return (ask) =>
    new Promise((resolve, reject) => {
      const sent = request(new URL(ask.target, url.origin), {
        method: ask.method,
        agent,
        headers: {
          ...(token !== undefined && { authorization: `Bearer ${token}` }),
          ...(ask.body !== undefined && { 'content-length': String(Buffer.byteLength(ask.body)) }),
          ...ask.headers,
        },
        ...(ask.signal && { signal: ask.signal }),
      })
      sent.setTimeout(SILENCE_MS, () =>
        sent.destroy(Object.assign(new Error('no answer in time'), { code: 'ETIMEDOUT' })),
      )
      sent.once('response', (body) =>
        resolve({ status: body.statusCode ?? 0, headers: body.headers, body }),
      )
      sent.once('error', (error) =>
        reject(ask.signal?.aborted ? error : unreachable(server, error)),
      )
      sent.end(ask.body)
    })
}
