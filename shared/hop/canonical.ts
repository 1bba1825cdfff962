import { createHmac, createSecretKey, hash, type KeyObject } from 'node:crypto'

export const VERDICTS = ['none', 'ok', 'expired', 'bad'] as const

/** What the edge found about the client certificate; it only narrows what the registry says. */
export type CertificateVerdict = (typeof VERDICTS)[number]

/** Everything a proof covers, in the order in which it is signed. */
export interface HopClaims {
  readonly kid: string
  readonly caller: string
  readonly callee: string
  readonly time: string
  readonly nonce: string
  readonly method: string
  readonly target: string
  readonly contentType: string
  readonly certificateHash: string
  readonly verdict: CertificateVerdict
  readonly source: string
  readonly topic: string
  readonly binding: string
  readonly body: string
}

/** The body's place in a proof when it was not read before signing. */
export const UNSIGNED_BODY = '-'

/** Hex SHA-256, as a proof carries it of bodies and certificates. */
export function hashBody(bytes: Uint8Array | string): string {
  return hash('sha256', bytes, 'hex')
}

// A key as bytes is imported at each call: 16 us instead of 2.5 for one proof (Node 24.21, 100,000 in a loop, two rounds).
const imported = new WeakMap<Buffer, KeyObject>()

function importOnce(key: Buffer): KeyObject {
  const known = imported.get(key) ?? createSecretKey(key)
  imported.set(key, known)
  return known
}

/** The message authentication code over the fifteen lines, each ended by LF. */
export function hopMac(key: Buffer, claims: HopClaims): Buffer {
  const lines = [
    'muster-hop-1',
    claims.kid,
    claims.caller,
    claims.callee,
    claims.time,
    claims.nonce,
    claims.method,
    claims.target,
    claims.contentType,
    claims.certificateHash,
    claims.verdict,
    claims.source,
    claims.topic,
    claims.binding,
    claims.body,
  ]
  return createHmac('sha256', importOnce(key))
    .update(lines.join('\n') + '\n')
    .digest()
}
