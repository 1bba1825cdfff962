import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import type { Acting } from './acting.ts'
import { newSessionSecret, sessionHash } from './session.ts'
import { insertConsoleLink, takeConsoleLink } from './token-queries.ts'

const LINK_SECONDS = 60
export const SESSION_SECONDS = 12 * 3600

interface LinkDeps {
  readonly db: Db
  readonly clock: Clock
}

const after = (clock: Clock, seconds: number): Date =>
  new Date(clock.now().getTime() + seconds * 1000)

/**
 * Makes a link that opens the console once, within a minute, with the rights of the token.
 * @throws {DomainError} auth.scope_missing for operators of another issuer: a session hangs on a token of ours
 */
export async function createConsoleLink(
  { db, clock }: LinkDeps,
  acting: Acting,
): Promise<{ secret: string; expiresAt: Date }> {
  if (acting.tokenId === null) {
    throw new DomainError('auth.scope_missing', {
      detail: 'the console opens with a token of Muster',
    })
  }
  const secret = newSessionSecret()
  const expiresAt = after(clock, LINK_SECONDS)
  await db.rows(insertConsoleLink, [sessionHash('link', secret), acting.tokenId, expiresAt])
  await audit(db, { ...acting, verb: 'console.link', target: acting.tokenId })
  return { secret, expiresAt }
}

/** Takes a link and begins a session; undefined: the link is spent, too old or none. */
export async function beginSession(
  { db, clock }: LinkDeps,
  linkSecret: string,
): Promise<string | undefined> {
  const link = await db.row(takeConsoleLink, [sessionHash('link', linkSecret), clock.now()])
  if (link === undefined) return undefined
  const secret = newSessionSecret()
  const until = after(clock, SESSION_SECONDS)
  await db.rows(insertConsoleLink, [sessionHash('session', secret), link.token_id, until])
  return secret
}
