import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import {
  findCredentialRow,
  listCredentials,
  type CredentialKind,
  type CredentialRow,
} from './queries.ts'

/** A bootstrap credential as it is shown: never its secret. */
export interface Credential {
  readonly name: string
  readonly kind: CredentialKind
  readonly state: 'active' | 'disabled' | 'early' | 'expired' | 'used'
  readonly hardware_revs: string[] | null
  readonly networks: string[] | null
  readonly uses: number
  readonly max_uses: number
  /** Enrolments that named it and were refused. */
  readonly failed: number
  readonly last_used: string | null
  readonly starts_at: string | null
  readonly expires_at: string
  readonly created_at: string
}

export interface FoundCredential {
  readonly credential: Credential
  readonly revision: bigint
}

export interface CredentialDeps {
  readonly db: Db
  readonly clock: Clock
}

function stateOf(row: CredentialRow, now: Date): Credential['state'] {
  if (!row.enabled) return 'disabled'
  if (row.expires_at <= now) return 'expired'
  if (row.uses >= row.max_uses) return 'used'
  return row.starts_at !== null && row.starts_at > now ? 'early' : 'active'
}

function toCredential(row: CredentialRow, now: Date): Credential {
  return {
    name: row.credential_id,
    kind: row.kind,
    state: stateOf(row, now),
    hardware_revs: row.hardware_revs,
    networks: row.networks,
    uses: Number(row.uses),
    max_uses: Number(row.max_uses),
    failed: Number(row.failed),
    last_used: row.last_used?.toISOString() ?? null,
    starts_at: row.starts_at?.toISOString() ?? null,
    expires_at: row.expires_at.toISOString(),
    created_at: row.created_at.toISOString(),
  }
}

/** In order of their names. */
export async function pageCredentials(
  { db, clock }: CredentialDeps,
  after: string | null,
  limit: number,
): Promise<Credential[]> {
  const rows = await db.rows(listCredentials, [after, limit])
  return rows.map((row) => toCredential(row, clock.now()))
}

/** Throws credential.not_found. */
export async function findCredential(
  { db, clock }: CredentialDeps,
  name: string,
): Promise<FoundCredential> {
  const row = await db.row(findCredentialRow, [name])
  if (row === undefined) throw new DomainError('credential.not_found', { credentials: [name] })
  return { credential: toCredential(row, clock.now()), revision: row.revision }
}
