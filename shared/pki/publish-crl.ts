import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { signCrl } from './crl-write.ts'
import { BROKER_SHARD, PUBLIC_SHARD } from './install-authority.ts'
import {
  crlDue,
  nextCrlNumbers,
  notifyCrl,
  readReplaced,
  readRevoked,
  saveCrl,
  type RevokedRow,
} from './queries.ts'
import type { Signer, SigningAuthority } from './signer.ts'

const HOUR_MS = 3_600_000
/** An expired CRL locks the whole fleet out of the broker, so its copy lasts longer than what the public may cache. */
const LIFETIME_MS = { [PUBLIC_SHARD]: 24 * HOUR_MS, [BROKER_SHARD]: 7 * 24 * HOUR_MS } as const

const OVERLAP_MS = 7 * 24 * HOUR_MS
/** Replaced certificates in the broker's copy: with 100,000 entries the broker stands still for 0.2 s at each reading. */
const MOST_REPLACED = 20_000

export interface CrlDeps {
  readonly db: Database
  readonly clock: Clock
  readonly signer: Signer
}

/** Signs new CRLs of these authorities, or of all that are at hand; the numbers rise. Then tells whoever listens. */
export async function publishCrls(deps: CrlDeps, issuerIds?: ReadonlySet<number>): Promise<void> {
  for (const authority of await deps.signer.all()) {
    if (authority.state === 'next') continue
    if (issuerIds && !issuerIds.has(authority.issuerId)) continue
    await transaction(deps.db, (tx) => publish(tx, authority, deps.clock.now()))
  }
  await deps.db.rows(notifyCrl, [])
}

/** Renews CRLs that are past half their life, and those that lack a revocation because a process ended in between. */
export async function publishDueCrls(deps: CrlDeps): Promise<number> {
  const due = new Set<number>()
  for (const { issuerId, state } of await deps.signer.all()) {
    if (state === 'next') continue
    const row = await deps.db.row(crlDue, [issuerId, deps.clock.now()])
    if (row?.due) due.add(issuerId)
  }
  if (due.size > 0) await publishCrls(deps, due)
  return due.size
}

// The update of the issuer's row is the lock: two that publish at once wait here, and the second reads what the first could not see yet.
async function publish(tx: Db, { issuerId, issuer }: SigningAuthority, now: Date): Promise<void> {
  const last = await tx.row(nextCrlNumbers, [issuerId])
  if (!last) return
  const revoked = await tx.rows(readRevoked, [issuerId, now])
  // The broker knows no registry: what HTTP refuses by it since the overlap ended, the broker refuses by its copy.
  const overlapFrom = new Date(now.getTime() - OVERLAP_MS)
  const replaced = await tx.rows(readReplaced, [issuerId, now, overlapFrom, MOST_REPLACED])
  const entries = {
    [PUBLIC_SHARD]: entriesOf(revoked),
    [BROKER_SHARD]: entriesOf([...revoked, ...replaced]),
  }
  const numbers = { [PUBLIC_SHARD]: last.crl_number - 1n, [BROKER_SHARD]: last.crl_number }
  for (const shard of [PUBLIC_SHARD, BROKER_SHARD] as const) {
    const number = numbers[shard]
    const nextUpdate = new Date(now.getTime() + LIFETIME_MS[shard])
    const der = signCrl(issuer, { number, thisUpdate: now, nextUpdate, revoked: entries[shard] })
    await tx.rows(saveCrl, [issuerId, shard, number, now, nextUpdate, der])
  }
}

/** Entries in order of their serials, as a CRL has them. */
const entriesOf = (rows: readonly RevokedRow[]) =>
  rows
    .map(({ serial, revoked_at: revokedAt, reason }) => ({ serial, revokedAt, reason }))
    .toSorted((one, other) => Buffer.compare(one.serial, other.serial))
