import { createHash } from 'node:crypto'
import type { DeviceId } from '../device-id.ts'
import type { Csr } from '../pki/csr.ts'

/** What a device shows to enrol. */
export type Proof =
  | { readonly kind: 'token'; readonly text: string }
  | {
      readonly kind: 'shared_key'
      readonly credentialId: string
      readonly time: number
      readonly nonce: string
      readonly mac: string
    }
  | { readonly kind: 'claim'; readonly credentialId: string; readonly certificate: Buffer }

export type Protocol = 'json' | 'est'

/** Where a request came from: for the limits, and for the audit log. */
export interface Origin {
  readonly source: string
  readonly callId: string
  readonly protocol: Protocol
}

export interface EnrollRequest {
  readonly deviceId: DeviceId
  readonly csr: Csr
  readonly hardwareRev: string | undefined
  readonly firmwareVer: string | undefined
  readonly proof: Proof
  readonly origin: Origin
}

/**
 * The idempotency key of an enrolment: the same device with the same key gets the same certificate. A renewal has the serial it renews in it,
 * so that the old key may be renewed too.
 */
export function requestId(spki: Buffer, profile: string, renews?: Buffer): Buffer {
  const hash = createHash('sha256').update(spki).update(`|${profile}`)
  if (renews) hash.update('|').update(renews)
  return hash.digest()
}
