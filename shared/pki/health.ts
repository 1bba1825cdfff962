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
  /** Whether the root's key still lies where the rest does. */
  readonly rootIsHere: () => boolean
}

/** Tells health how the authority is: whether it could sign now, and what a person should do. */
export async function markAuthority(deps: HealthDeps): Promise<void> {
  const now = deps.clock.now()
  await deps.db.rows(markHealth, ['ca', now, await problem(deps, now)])
}

async function problem({ signer, rootIsHere }: HealthDeps, now: Date): Promise<string | null> {
  try {
    const { certificate } = await signer.active()
    const left = certificate.notAfter.getTime() - now.getTime()
    if (left < WARN_MS)
      return `warning: the issuing authority ends in ${Math.floor(left / DAY_MS)} days`
    return rootIsHere() ? 'warning: root-offline is still here: put it away' : null
  } catch (error) {
    const cause = error instanceof DomainError && error.cause instanceof Error ? error.cause : error
    return cause instanceof Error ? cause.message : 'the authority cannot sign'
  }
}
