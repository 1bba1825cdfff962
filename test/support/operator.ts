import { makeToken, tokenHash } from '../../shared/access/token.ts'
import type { Database } from '../../shared/db/database.ts'

/** An operator's token with these scopes, made in the database; its text is what a client sends. */
export async function insertToken(
  db: Database,
  name: string,
  scope: readonly string[],
  expiresAt: Date | null = null,
): Promise<string> {
  const token = makeToken('op')
  await db.unnamed(
    'token',
    `insert into api_tokens (token_id, kind, name, secret_sha256, scope, expires_at) values ($1, 'operator', $2, $3, $4, $5)`,
    [token.id, name, tokenHash(token.text), scope, expiresAt],
  )
  return token.text
}
