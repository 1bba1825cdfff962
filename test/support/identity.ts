// The identity functions of one database in this process: enroll, est and pki, with authorities of the test's own.
import { randomBytes } from 'node:crypto'
import * as enroll from '../../functions/enroll/handler.ts'
import { createDeps as enrollDeps } from '../../functions/enroll/deps.ts'
import * as est from '../../functions/est/handler.ts'
import { createDeps as estDeps } from '../../functions/est/deps.ts'
import * as pki from '../../functions/pki/handler.ts'
import { createDeps as pkiDeps } from '../../functions/pki/deps.ts'
import { makeToken, tokenHash, type Token } from '../../shared/access/token.ts'
import type { Clock } from '../../shared/clock.ts'
import { systemClock } from '../../shared/clock.ts'
import type { Database } from '../../shared/db/database.ts'
import type { Host, InternalCall } from '../../shared/host.ts'
import type { Hierarchy } from '../../shared/pki/authority.ts'
import { ceremonyFiles } from '../../shared/pki/ceremony.ts'
import { wrap } from '../../shared/wrap.ts'
import { newHierarchy } from './authority.ts'
import { signedRequest, type TestCall } from './call.ts'
import { testHost } from './host.ts'
import type { TestDatabase } from './postgres.ts'

export const KEK = randomBytes(32)

export interface IdentityFunctions {
  readonly hierarchy: Hierarchy
  readonly secrets: Map<string, Buffer>
  /** Calls a function as the edge does, or as `caller`. */
  readonly call: (
    name: 'enroll' | 'est' | 'pki',
    target: string,
    call?: TestCall,
  ) => Promise<Response>
  readonly internal: InternalCall
  readonly pki: Awaited<ReturnType<typeof pkiDeps>>
}

/** Which function has use for an inner target of the authority. */
const CALLER_OF: Readonly<Record<string, string>> = {
  '/internal/issue': 'enroll',
  '/internal/revoke': 'register',
  '/internal/claim': 'admin',
}

/** Secrets as the ceremony leaves them. */
export function ceremonySecrets(hierarchy: Hierarchy): Map<string, Buffer> {
  const { kept } = ceremonyFiles(hierarchy, undefined)
  const entries = Object.entries(kept).map(([name, text]) => [name, Buffer.from(text)] as const)
  return new Map([...entries, ['kek', KEK]])
}

/** Starts them. The authority can be taken away: `secrets.delete('ca-issuing-key')` before. */
export async function startIdentity(
  db: TestDatabase,
  clock: Clock = systemClock,
  hierarchy: Hierarchy = newHierarchy(),
  changed: Readonly<Record<string, string>> = {},
  between: (call: InternalCall) => InternalCall = (call) => call,
): Promise<IdentityFunctions> {
  const secrets = ceremonySecrets(hierarchy)
  for (const [name, text] of Object.entries(changed)) secrets.set(name, Buffer.from(text))
  const secret = async (name: string) => secrets.get(name)
  const signer = await pkiDeps({ ...testHost('pki', db), clock, secret })
  const internal: (caller: string) => InternalCall = (caller) => (name, path, body) =>
    pki.handler(signedRequest(name, path, { caller, body }), signer)
  const asWhoMay: InternalCall = (name, path, body) =>
    internal(CALLER_OF[path] ?? 'enroll')(name, path, body)
  const host = (name: string): Host => ({
    ...testHost(name, db),
    clock,
    secret,
    call: between(internal(name)),
  })
  const enrollHost = await enrollDeps(host('enroll'))
  const estHost = await estDeps(host('est'))
  const call: IdentityFunctions['call'] = (name, target, options) => {
    const request = signedRequest(name, target, options)
    if (name === 'pki') return pki.handler(request, signer)
    return name === 'est' ? est.handler(request, estHost) : enroll.handler(request, enrollHost)
  }
  return { hierarchy, secrets, call, internal: asWhoMay, pki: signer }
}

export interface CredentialOptions {
  readonly uses?: number
  readonly expiresAt?: Date
  readonly enabled?: boolean
  readonly hardwareRevs?: readonly string[]
  readonly networks?: readonly string[]
  readonly transports?: readonly string[]
}

async function insertCredential(
  db: Database,
  id: string,
  kind: string,
  secret: { hash?: Buffer; wrapped?: Buffer; certificate?: Buffer },
  options: CredentialOptions,
): Promise<void> {
  const uses = options.uses ?? 1
  const slots = uses <= 1000 ? 1 : 16
  await db.unnamed(
    'credential',
    `with c as (
       insert into bootstrap_credentials (credential_id, kind, secret_hash, wrapped_key, certificate, expires_at, max_uses, enabled, hardware_revs, networks, transports)
       values ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10::cidr[], $11))
     insert into credential_uses (credential_id, slot, allowed)
     select $1, s, $7::bigint / $12::int from generate_series(0, $12::int - 1) s`,
    [
      id,
      kind,
      secret.hash ?? null,
      secret.wrapped ?? null,
      secret.certificate ?? null,
      options.expiresAt ?? new Date(Date.now() + 86_400_000),
      uses,
      options.enabled ?? true,
      options.hardwareRevs ?? null,
      options.networks ?? null,
      options.transports ?? ['http'],
      slots,
    ],
  )
}

/** A bootstrap token. */
export async function insertBootstrapToken(
  db: Database,
  options: CredentialOptions = {},
): Promise<Token> {
  const token = makeToken('bt')
  await insertCredential(db, token.id, 'token', { hash: tokenHash(token.text) }, options)
  return token
}

/** A shared key. */
export async function insertSharedKey(
  db: Database,
  id: string,
  options: CredentialOptions = {},
): Promise<Buffer> {
  const key = randomBytes(32)
  await insertCredential(db, id, 'shared_key', { wrapped: wrap(KEK, key, id) }, options)
  return key
}

/** A claim certificate. */
export async function insertClaim(
  db: Database,
  id: string,
  certificate: Buffer,
  options: CredentialOptions = {},
): Promise<void> {
  await insertCredential(db, id, 'claim', { certificate }, options)
}

export interface AllowOptions {
  readonly match?: 'device_id' | 'serial' | 'spki'
  readonly deviceId?: string
  readonly hardwareRev?: string
  readonly credentials?: readonly string[]
  readonly expiresAt?: Date
  readonly maxUses?: number
  readonly state?: 'open' | 'pending' | 'blocked'
}

/** An entry of the allowlist. */
export async function allow(
  db: Database,
  value: string,
  options: AllowOptions = {},
): Promise<void> {
  await db.unnamed(
    'allow',
    `insert into allowlist (value, match, device_id, hardware_rev, credentials, expires_at, max_uses, state, import_id)
     values ($1, $2, $3, $4, $5, $6, $7, $8, 0)`,
    [
      value,
      options.match ?? 'device_id',
      options.deviceId ?? null,
      options.hardwareRev ?? null,
      options.credentials ?? null,
      options.expiresAt ?? null,
      options.maxUses ?? 1,
      options.state ?? 'open',
    ],
  )
}
