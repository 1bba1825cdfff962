import { createHash, createHmac, timingSafeEqual } from 'node:crypto'
import { isIP } from 'node:net'
import { parseToken, tokenMatches } from '../access/token.ts'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { sha256 } from '../pki/key.ts'
import { unwrap } from '../wrap.ts'
import { readCredential, seeOnce, type CredentialRow } from './credential-queries.ts'
import { Refusal, type Reason } from './refusal.ts'
import type { EnrollRequest, Proof } from './request.ts'

export interface AuthenticateDeps {
  readonly db: Database
  readonly clock: Clock
  /** The key-encryption key that wraps shared keys; undefined: none is mounted. */
  readonly kek: () => Promise<Buffer | undefined>
}

const WINDOW_SECONDS = 300

export interface Authenticated {
  readonly credentialId: string
  /** What hardware the credential is for; null: any. */
  readonly hardwareRevs: readonly string[] | null
  /** The very same signed request came before: it may find its answer again, and begin nothing. */
  readonly replay: boolean
}

/** Checks what the device shows, and that it may be used here and now; not how often. */
export async function authenticate(
  deps: AuthenticateDeps,
  request: EnrollRequest,
): Promise<Authenticated> {
  const { proof } = request
  const id = credentialId(proof)
  const source = isIP(request.origin.source) > 0 ? request.origin.source : null
  const row =
    id === undefined ? undefined : await deps.db.row(readCredential, [id, proof.kind, source])
  if (!row) throw new Refusal('credential_unknown', id)
  const fault = usability(row, deps.clock.now()) ?? (await proofFault(deps, row, request))
  if (fault !== undefined && fault !== 'replayed') throw new Refusal(fault, row.credential_id)
  return {
    credentialId: row.credential_id,
    hardwareRevs: row.hardware_revs,
    replay: fault === 'replayed',
  }
}

/** The credential that a proof names, before anything is checked: what the limits count by. */
export function credentialId(proof: Proof): string | undefined {
  return proof.kind === 'token' ? parseToken(proof.text, 'bt')?.id : proof.credentialId
}

function usability(row: CredentialRow, now: Date): Reason | undefined {
  if (!row.enabled) return 'credential_disabled'
  if (row.starts_at && row.starts_at > now) return 'credential_early'
  if (row.expires_at <= now) return 'credential_expired'
  if (!row.transports.includes('http')) return 'credential_transport'
  return row.in_network ? undefined : 'credential_network'
}

async function proofFault(
  deps: AuthenticateDeps,
  row: CredentialRow,
  request: EnrollRequest,
): Promise<Reason | undefined> {
  const { proof } = request
  switch (proof.kind) {
    case 'token':
      return row.secret_hash && tokenMatches(proof.text, row.secret_hash)
        ? undefined
        : 'credential_wrong'
    case 'claim':
      return undefined // the certificate was shown in the handshake, and is the one that the row holds
    case 'shared_key':
      return sharedKeyFault(deps, row, request, proof)
  }
}

async function sharedKeyFault(
  { db, clock, kek }: AuthenticateDeps,
  row: CredentialRow,
  request: EnrollRequest,
  proof: Extract<Proof, { kind: 'shared_key' }>,
): Promise<Reason | undefined> {
  const now = clock.now()
  if (Math.abs(now.getTime() / 1000 - proof.time) > WINDOW_SECONDS) return 'clock'
  const wrapping = await kek()
  if (!row.wrapped_key || !wrapping) return 'credential_wrong'
  const key = unwrap(wrapping, row.wrapped_key, row.credential_id)
  const wanted = enrollMac(key, { ...proof, deviceId: request.deviceId, csr: request.csr.der })
  const given = Buffer.from(proof.mac, 'base64url')
  if (given.length !== wanted.length || !timingSafeEqual(given, wanted)) return 'credential_wrong'
  const nonce = createHash('sha256').update(`enroll|${row.credential_id}|${proof.nonce}`).digest()
  const until = new Date(now.getTime() + 2 * WINDOW_SECONDS * 1000)
  return (await db.row(seeOnce, [nonce, until])) ? undefined : 'replayed'
}

/** The mac of the native contract: five lines, each ended by LF. */
export function enrollMac(
  key: Buffer,
  of: { deviceId: string; time: number; nonce: string; csr: Buffer },
): Buffer {
  const lines = ['muster-enroll-1', of.deviceId, of.time, of.nonce, sha256(of.csr).toString('hex')]
  return createHmac('sha256', key)
    .update(lines.map((line) => `${line}\n`).join(''))
    .digest()
}
