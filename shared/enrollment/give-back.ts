import type { Database } from '../db/database.ts'
import { transaction } from '../db/transaction.ts'
import { giveBackAllowlist, type AllowlistRow } from './admit-queries.ts'
import type { Candidate } from './admit.ts'
import { giveBackUse } from './credential-queries.ts'
import { rejectSigning } from './issue-queries.ts'

/** Undoes the counting of a request that the authority refused for good; `entry` is undefined where nothing was counted. */
export async function giveBack(
  { db }: { db: Database },
  { request, requestId, credentialId }: Candidate,
  entry: AllowlistRow | undefined,
): Promise<void> {
  await transaction(db, async (tx) => {
    const rejected = await tx.row(rejectSigning, [request.deviceId, requestId, 'request_key'])
    if (!entry || !rejected) return
    await tx.rows(giveBackAllowlist, [entry.value, entry.match])
    await tx.rows(giveBackUse, [credentialId])
  })
}
