import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { takeQuota } from './queries.ts'

/** Counts certificates against the day's quota; the last statement of a signing batch. Throws ca.unavailable where it is used up. */
export async function countIssued(tx: Db, issuerId: number, count: number): Promise<void> {
  if (await tx.row(takeQuota, [issuerId, count])) return
  const cause = new Error('the daily quota of the authority is used up')
  throw new DomainError('ca.unavailable', { retry_after_seconds: 3600 }, { cause })
}
