import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { markHealth } from './queries.ts'
import type { Signer } from './signer.ts'

const WARN_MS = 30 * 86_400_000

/** Tells health how the authority is: whether it could sign now, and for how long. */
export async function markAuthority({
  db,
  clock,
  signer,
}: {
  db: Db
  clock: Clock
  signer: Signer
}): Promise<void> {
  const now = clock.now()
  await db.rows(markHealth, ['ca', now, await problem(signer, now)])
}

async function problem(signer: Signer, now: Date): Promise<string | null> {
  try {
    const { certificate } = await signer.active()
    const days = Math.floor((certificate.notAfter.getTime() - now.getTime()) / 86_400_000)
    return certificate.notAfter.getTime() - now.getTime() < WARN_MS
      ? `warning: the issuing authority ends in ${days} days`
      : null
  } catch (error) {
    const cause = error instanceof DomainError && error.cause instanceof Error ? error.cause : error
    return cause instanceof Error ? cause.message : 'the authority cannot sign'
  }
}
