import { randomUUID } from 'node:crypto'
import { hashBody, hopMac, UNSIGNED_BODY, type CertificateVerdict } from './canonical.ts'
import type { HopKey } from './keys.ts'

export interface HopCall {
  readonly key: HopKey
  readonly caller: string
  readonly callee: string
  readonly now: Date
  readonly method: string
  /** The public path and query exactly as sent, or an inner target such as `/mqtt`. */
  readonly target: string
  readonly contentType?: string | undefined
  /** DER of the client certificate. */
  readonly certificate?: Buffer | undefined
  readonly verdict?: CertificateVerdict | undefined
  /** Address of the peer. */
  readonly source?: string | undefined
  readonly topic?: string | undefined
  /** tls-unique of the client's connection. */
  readonly binding?: Buffer | undefined
  /** `hashBody(bytes)`, or `UNSIGNED_BODY` when the body streams. Absent: there is no body. */
  readonly body?: string | undefined
  /** Becomes the call id; made up when absent. */
  readonly nonce?: string | undefined
}

/**
 * The source of a call that no client made. It is sent like any other: a gateway fills in an `X-Forwarded-For` that is missing,
 * and the proof covers it.
 */
export const NO_CLIENT = '::'

const EMPTY_BODY = hashBody('')
const VALUE = /^[\x20-\x7e]*$/

/** Signs one call: the headers that go with it, apart from its own Content-Type. */
export function signHop(call: HopCall): Record<string, string> {
  const { key, caller, callee, method, target } = call
  const time = String(call.now.getTime())
  const nonce = call.nonce ?? randomUUID()
  const verdict = call.verdict ?? 'none'
  const body = call.body ?? EMPTY_BODY
  const binding = call.binding?.toString('base64') ?? ''
  const mac = hopMac(key.key, {
    kid: key.kid,
    caller,
    callee,
    time,
    nonce,
    method,
    target,
    contentType: call.contentType ?? '',
    certificateHash: call.certificate ? hashBody(call.certificate) : '',
    verdict,
    source: call.source ?? '',
    topic: call.topic ?? '',
    binding,
    body,
  })
  const words = ['1', key.kid, caller, time, nonce, verdict, body, binding || UNSIGNED_BODY]
  const headers: Record<string, string> = {
    'Muster-Hop': [...words, mac.toString('base64')].join(' '),
    'Muster-Target': target,
  }
  if (call.certificate) headers['Client-Cert'] = `:${call.certificate.toString('base64')}:`
  if (call.source) headers['X-Forwarded-For'] = call.source
  if (call.topic) headers['X-Topic'] = call.topic
  for (const [name, value] of Object.entries(headers))
    if (!VALUE.test(value)) throw new Error(`hop: ${name} is not printable ASCII`)
  return headers
}
