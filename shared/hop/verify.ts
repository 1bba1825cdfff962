import { timingSafeEqual } from 'node:crypto'
import {
  hashBody,
  hopMac,
  UNSIGNED_BODY,
  VERDICTS,
  type CertificateVerdict,
  type HopClaims,
} from './canonical.ts'
import type { CallerKey } from './keys.ts'

/** What a proven call says of itself. */
export interface HopProof {
  readonly callId: string
  readonly caller: string
  readonly target: string
  readonly source: string
  readonly verdict: CertificateVerdict
  readonly certificate?: Buffer
  readonly topic?: string
  readonly binding?: Buffer
  /** True when the caller vouches for no body: allowed only where the route says so. */
  readonly unsignedBody: boolean
  /** Whether this is the body that was signed; true of every body when it is unsigned. */
  bodyHolds(hexSha256: string): boolean
}

export type HopFault =
  | 'absent'
  | 'malformed'
  | 'key_unknown'
  | 'time_off'
  | 'mac_wrong'
  | 'verdict_odd'

/** Malformed headers are answered 400, all else 401; the fault is for the log only. */
export type HopResult =
  | { readonly ok: true; readonly proof: HopProof }
  | { readonly ok: false; readonly status: 400 | 401; readonly fault: HopFault }

export interface HopVerifier {
  /** Checks the headers; the body needs not be read for it. */
  verify(method: string, headers: Headers): HopResult
}

export interface VerifierOptions {
  readonly callee: string
  /** Asked on each call, with the kid that it names, so that keys can be rotated while the callee runs. */
  readonly keys: (kid: string) => readonly CallerKey[]
  readonly now: () => Date
}

const HEADERS = [
  'muster-hop',
  'muster-target',
  'client-cert',
  'x-forwarded-for',
  'x-topic',
] as const
const HOP =
  /^1 ([A-Za-z0-9_-]{1,32}) ([a-z][a-z0-9-]{0,31}) (\d{1,16}) ([A-Za-z0-9_-]{16,64}) (none|ok|expired|bad) ([0-9a-f]{64}|-) ([A-Za-z0-9+/]{1,64}={0,2}|-) ([A-Za-z0-9+/]{43}=)$/
const CERTIFICATE = /^:([A-Za-z0-9+/]+={0,2}):$/
const ADDRESS = /^[0-9A-Fa-f:.]{2,45}$/
const VALUE = /^[\x20-\x7e]*$/
const WINDOW_MS = 30_000

/** Whether a header of the proof, or Content-Type, came more than once; `rawHeaders` as Node has them. */
export function repeatsHopHeader(rawHeaders: readonly string[]): boolean {
  const seen = new Set<string>()
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index]?.toLowerCase() ?? ''
    if (name !== 'content-type' && !HEADERS.some((known) => known === name)) continue
    if (seen.has(name)) return true
    seen.add(name)
  }
  return false
}

/** Makes the check that stands before everything else a function does. */
export function createVerifier(options: VerifierOptions): HopVerifier {
  return { verify: (method, headers) => verify(options, method, headers) }
}

function verify(options: VerifierOptions, method: string, headers: Headers): HopResult {
  const hop = headers.get('muster-hop')
  if (hop === null) return refuse('absent')
  const read = readHeaders(hop, method, options.callee, headers)
  if (!read) return refuse('malformed', 400)
  const { claims, mac, certificate } = read
  const known = options
    .keys(claims.kid)
    .find((k) => k.kid === claims.kid && k.caller === claims.caller)
  if (!known) return refuse('key_unknown')
  if (!timingSafeEqual(hopMac(known.key, claims), mac)) return refuse('mac_wrong')
  if (Math.abs(options.now().getTime() - Number(claims.time)) > WINDOW_MS) return refuse('time_off')
  if ((certificate === undefined) !== (claims.verdict === 'none')) return refuse('verdict_odd')
  return { ok: true, proof: toProof(claims, certificate) }
}

function refuse(fault: HopFault, status: 400 | 401 = 401): HopResult {
  return { ok: false, status, fault }
}

// A header that came twice was joined by ", " on its way into `Headers`; none of these values may hold that but
// X-Topic and Content-Type, where the joined value fails the proof (hosts with raw headers ask repeatsHopHeader).
function readHeaders(hop: string, method: string, callee: string, headers: Headers) {
  const words = HOP.exec(hop)
  const target = headers.get('muster-target')
  const source = headers.get('x-forwarded-for') ?? ''
  const cert = headers.get('client-cert')
  const topic = headers.get('x-topic') ?? ''
  if (!words || target === null || !/^\/[\x21-\x7e]*$/.test(target)) return undefined
  if ((source !== '' && !ADDRESS.test(source)) || !VALUE.test(topic)) return undefined
  const certificate = cert === null ? undefined : decode(CERTIFICATE.exec(cert)?.[1])
  if (cert !== null && !certificate) return undefined
  const [, kid = '', caller = '', time = '', nonce = '', verdict, body = '', bound, mac = ''] =
    words
  const claims: HopClaims = {
    kid,
    caller,
    callee,
    time,
    nonce,
    method,
    target,
    contentType: headers.get('content-type') ?? '',
    certificateHash: certificate ? hashBody(certificate) : '',
    verdict: VERDICTS.find((known) => known === verdict) ?? 'bad',
    source,
    topic,
    binding: bound === undefined || bound === UNSIGNED_BODY ? '' : bound,
    body,
  }
  return { claims, mac: Buffer.from(mac, 'base64'), certificate }
}

function decode(base64: string | undefined): Buffer | undefined {
  if (!base64) return undefined
  const bytes = Buffer.from(base64, 'base64')
  return bytes.toString('base64') === base64 ? bytes : undefined
}

function toProof(claims: HopClaims, certificate: Buffer | undefined): HopProof {
  const { body } = claims
  return {
    callId: claims.nonce,
    caller: claims.caller,
    target: claims.target,
    source: claims.source,
    verdict: claims.verdict,
    ...(certificate && { certificate }),
    ...(claims.topic && { topic: claims.topic }),
    ...(claims.binding && { binding: Buffer.from(claims.binding, 'base64') }),
    unsignedBody: body === UNSIGNED_BODY,
    bodyHolds: (hexSha256) => body === UNSIGNED_BODY || body === hexSha256,
  }
}
