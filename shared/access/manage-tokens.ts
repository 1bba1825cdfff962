import { audit } from '../audit/record.ts'
import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import type { Identity } from '../identity.ts'
import type { Acting } from './acting.ts'
import { mayGrant } from './scope.ts'
import {
  insertToken,
  listTokens,
  readTokenRow,
  revokeToken,
  type TokenRow,
} from './token-queries.ts'
import { makeToken, tokenHash } from './token.ts'

/** A token as it is shown: never its secret. */
export interface TokenView {
  readonly id: string
  readonly name: string
  readonly state: 'active' | 'expired' | 'revoked'
  readonly scope: string[]
  readonly created_at: string
  readonly expires_at: string | null
  readonly revoked_at: string | null
  /** The day, UTC. */
  readonly last_used: string | null
}

function toView(row: TokenRow, now: Date): TokenView {
  const expired = row.expires_at !== null && row.expires_at <= now
  return {
    id: row.token_id,
    name: row.name,
    state: row.revoked_at !== null ? 'revoked' : expired ? 'expired' : 'active',
    scope: row.scope,
    created_at: row.created_at.toISOString(),
    expires_at: row.expires_at?.toISOString() ?? null,
    revoked_at: row.revoked_at?.toISOString() ?? null,
    last_used: row.last_used,
  }
}

export interface TokenDeps {
  readonly db: Db
  readonly clock: Clock
}

/** In order of their ids. */
export async function pageTokens(
  { db, clock }: TokenDeps,
  after: string | null,
  limit: number,
): Promise<TokenView[]> {
  const rows = await db.rows(listTokens, [after, limit])
  return rows.map((row) => toView(row, clock.now()))
}

/** By id or name. Throws token.not_found. */
export async function findToken({ db, clock }: TokenDeps, id: string): Promise<TokenView> {
  const row = await db.row(readTokenRow, [id])
  if (row === undefined) throw new DomainError('token.not_found')
  return toView(row, clock.now())
}

export interface NewToken {
  readonly name: string
  readonly scope: readonly string[]
  readonly expiresAt: Date | null
}

/**
 * Makes a token; its text is in the answer and nowhere else. Nobody gives away more than they hold.
 * @throws {DomainError} token.exists, auth.scope_missing
 */
export async function createToken(
  { db, clock }: TokenDeps,
  acting: Acting,
  identity: Identity,
  { name, scope, expiresAt }: NewToken,
): Promise<{ token: TokenView; secret: string }> {
  const held = identity.kind === 'operator' ? identity.scope : []
  const beyond = scope.filter((wanted) => !mayGrant(held, wanted))
  if (beyond.length > 0) {
    throw new DomainError('auth.scope_missing', {
      detail: `not yours to give: ${beyond.join(' ')}`,
    })
  }
  const { id, text } = makeToken('op')
  const row = await db.row(insertToken, [id, name, tokenHash(text), scope, expiresAt])
  if (row === undefined) throw new DomainError('token.exists')
  const detail = { name, scope: [...scope] }
  await audit(db, { ...acting, verb: 'token.create', target: id, detail })
  return { token: toView(row, clock.now()), secret: text }
}

/** From now on it is nobody. Throws token.not_found. */
export async function endToken(
  { db, clock }: TokenDeps,
  acting: Acting,
  id: string,
): Promise<TokenView> {
  const found = await db.row(readTokenRow, [id])
  const row = found && (await db.row(revokeToken, [found.token_id]))
  if (row === undefined) throw new DomainError('token.not_found')
  await audit(db, { ...acting, verb: 'token.revoke', target: row.token_id })
  return toView(row, clock.now())
}
