import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { markHealth } from './queries.ts'
import type { Signer } from './signer.ts'

const DAY_MS = 86_400_000
const WARN_MS = 30 * DAY_MS

export interface HealthDeps {
  readonly db: Db
  readonly clock: Clock
  readonly signer: Signer
}

/** Tells health how the authority is: whether it could sign now, and what a person should do. */
export async function markAuthority(deps: HealthDeps): Promise<void> {
  const now = deps.clock.now()
  await deps.db.rows(markHealth, ['ca', now, await problem(deps, now)])
}

async function problem({ signer }: HealthDeps, now: Date): Promise<string | null> {
  try {
    const { certificate } = await signer.active()
    const left = certificate.notAfter.getTime() - now.getTime()
    if (left < WARN_MS)
      return `warning: the issuing authority ends in ${Math.floor(left / DAY_MS)} days`
    return null
  } catch (error) {
    const cause = error instanceof DomainError && error.cause instanceof Error ? error.cause : error
    return cause instanceof Error ? cause.message : 'the authority cannot sign'
  }
}
