import type { Clock } from '../clock.ts'
import type { Database, Db } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { signCrl } from './crl-write.ts'
import { BROKER_SHARD, PUBLIC_SHARD } from './install-authority.ts'
import { crlDue, nextCrlNumbers, notifyCrl, readRevoked, saveCrl } from './queries.ts'
import type { Signer, SigningAuthority } from './signer.ts'

const HOUR_MS = 3_600_000
/** An expired CRL locks the whole fleet out of the broker, so its copy lasts longer than what the public may cache. */
const LIFETIME_MS = { [PUBLIC_SHARD]: 24 * HOUR_MS, [BROKER_SHARD]: 7 * 24 * HOUR_MS } as const

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
  const rows = await tx.rows(readRevoked, [issuerId, now])
  const revoked = rows.map(({ serial, revoked_at, reason }) => ({
    serial,
    revokedAt: revoked_at,
    reason,
  }))
  const numbers = { [PUBLIC_SHARD]: last.crl_number - 1n, [BROKER_SHARD]: last.crl_number }
  for (const shard of [PUBLIC_SHARD, BROKER_SHARD] as const) {
    const number = numbers[shard]
    const nextUpdate = new Date(now.getTime() + LIFETIME_MS[shard])
    const der = signCrl(issuer, { number, thisUpdate: now, nextUpdate, revoked })
    await tx.rows(saveCrl, [issuerId, shard, number, now, nextUpdate, der])
  }
}
