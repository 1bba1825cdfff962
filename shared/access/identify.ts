import { createHash, X509Certificate } from 'node:crypto'
import type { Clock } from '../clock.ts'
import type { Database } from '../db/database.ts'
import { deviceId } from '../device-id.ts'
import type { Identity } from '../identity.ts'
import { looksLikeJwt, type OidcVerifier } from './oidc.ts'
import {
  readApiToken,
  readCertificateOwner,
  readClaim,
  readSession,
  touchApiToken,
  touchCertificate,
  type CertificateRow,
} from './queries.ts'
import { mayUseSession, sessionHash, sessionSecret } from './session.ts'
import { parseToken, tokenMatches } from './token.ts'

/** What of a call says who asks. */
export interface Caller {
  readonly source: string
  readonly certificate?: Buffer
  readonly verdict: 'none' | 'ok' | 'expired' | 'bad'
}

export interface IdentifyDeps {
  readonly db: Database
  readonly clock: Clock
  readonly oidc: OidcVerifier | undefined
  /** Origin of our own pages: `https://localhost:8443`. */
  readonly origin: string
}

const NOBODY: Identity = { kind: 'none' }
const OVERLAP_MS = 7 * 24 * 3_600_000

/**
 * Finds out who asks. A bearer credential stands before a cookie, both before the certificate: an operator behind a device's
 * certificate is the operator. What is not valid is nobody: the answer is the same 401 for every reason.
 */
export async function identify(
  caller: Caller,
  request: Request,
  deps: IdentifyDeps,
): Promise<Identity> {
  const authorization = request.headers.get('authorization')
  const bearer = authorization && /^bearer +([\w.~+/=-]+)$/i.exec(authorization)?.[1]
  if (bearer) return byBearer(bearer, deps)
  const secret = sessionSecret(request.headers.get('cookie'))
  if (secret !== undefined && mayUseSession(request.method, request.headers, deps.origin)) {
    return bySession(secret, deps)
  }
  return caller.certificate === undefined ? NOBODY : byCertificate(caller.certificate, caller, deps)
}

async function byBearer(text: string, { db, clock, oidc }: IdentifyDeps): Promise<Identity> {
  const token = parseToken(text, 'op')
  if (token === undefined) {
    const found = oidc && looksLikeJwt(text) ? await oidc(text) : undefined
    return found === undefined ? NOBODY : { kind: 'operator', tokenId: null, ...found }
  }
  const row = await db.row(readApiToken, [token.id, clock.now()])
  if (row === undefined || !tokenMatches(text, row.secret_sha256)) return NOBODY
  if (!row.used_today) await db.rows(touchApiToken, [row.token_id])
  return operator(row)
}

async function bySession(secret: string, { db, clock }: IdentifyDeps): Promise<Identity> {
  const row = await db.row(readSession, [sessionHash('session', secret), clock.now()])
  return row === undefined ? NOBODY : operator(row)
}

function operator(row: { token_id: string; name: string; scope: string[] }): Identity {
  return {
    kind: 'operator',
    actor: `token ${row.name}`,
    tokenId: row.token_id,
    scope: row.scope,
  }
}

async function byCertificate(
  certificate: Buffer,
  { verdict }: Caller,
  { db, clock }: IdentifyDeps,
): Promise<Identity> {
  const serial = serialOf(certificate)
  if (serial === undefined) return NOBODY
  const sha256 = createHash('sha256').update(certificate).digest()
  const now = clock.now()
  const overlapFrom = new Date(now.getTime() - OVERLAP_MS)
  const row = await db.row(readCertificateOwner, [serial, sha256, overlapFrom])
  if (row === undefined) {
    return verdict === 'ok' ? byClaim(certificate, db) : NOBODY
  }
  const identity = owner(row, serial, now)
  // The edge's verdict only narrows: what it would not let pass is nobody, or known to be revoked.
  if (identity.kind !== 'device' || verdict !== 'ok') {
    return identity.kind === 'revoked' ? identity : NOBODY
  }
  if (!row.used && row.state === 'active') {
    await db.rows(touchCertificate, [row.device_id, serial, now])
  }
  return identity
}

function serialOf(certificate: Buffer): Buffer | undefined {
  try {
    return Buffer.from(new X509Certificate(certificate).serialNumber, 'hex')
  } catch {
    return undefined
  }
}

function owner(row: CertificateRow, serial: Buffer, now: Date): Identity {
  const id = deviceId(row.device_id)
  if (id === undefined) return NOBODY
  if (row.state === 'revoked' || row.status === 'decommissioned') {
    return { kind: 'revoked', deviceId: id }
  }
  if (row.not_after <= now || (row.state === 'superseded' && row.replaced)) return NOBODY
  const hex = serial.toString('hex').toUpperCase()
  return { kind: 'device', deviceId: id, serial: hex, status: row.status }
}

async function byClaim(certificate: Buffer, db: Database): Promise<Identity> {
  const row = await db.row(readClaim, [certificate])
  return row === undefined
    ? NOBODY
    : { kind: 'claim', credentialId: row.credential_id, certificate }
}
