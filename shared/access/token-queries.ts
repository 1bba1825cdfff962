import { statement } from '../db/statement.ts'

export interface TokenRow {
  token_id: string
  name: string
  scope: string[]
  created_at: Date
  expires_at: Date | null
  revoked_at: Date | null
  last_used: string | null
}

const COLUMNS =
  'token_id, name, scope, created_at, expires_at, revoked_at, last_used::text as last_used'

export const listTokens = statement<[after: string | null, limit: number], TokenRow>(
  'api_tokens_list',
  `select ${COLUMNS} from api_tokens
    where kind = 'operator' and ($1::text is null or token_id > $1::text) order by token_id limit $2::int`,
)

// By id, or by the name of one that is still good.
export const readTokenRow = statement<[id: string], TokenRow>(
  'api_token_find',
  `select ${COLUMNS} from api_tokens
    where kind = 'operator' and (token_id = $1::text or (name = $1::text and revoked_at is null))
    order by (token_id = $1::text) desc limit 1`,
)

export const insertToken = statement<
  [id: string, name: string, hash: Buffer, scope: readonly string[], expiresAt: Date | null],
  TokenRow
>(
  'api_token_insert',
  `insert into api_tokens (token_id, kind, name, secret_sha256, scope, expires_at)
   select $1::text, 'operator', $2::text, $3::bytea, $4::text[], $5::timestamptz
    where not exists (select from api_tokens where name = $2::text and revoked_at is null)
   returning ${COLUMNS}`,
)

export const revokeToken = statement<[id: string], TokenRow>(
  'api_token_revoke',
  `update api_tokens set revoked_at = coalesce(revoked_at, now()) where token_id = $1::text returning ${COLUMNS}`,
)

export const insertConsoleLink = statement<[hash: Buffer, tokenId: string, expiresAt: Date]>(
  'console_link_insert',
  `insert into console_links (secret_sha256, token_id, expires_at) values ($1::bytea, $2::text, $3::timestamptz)`,
)

export const takeConsoleLink = statement<[hash: Buffer, now: Date], { token_id: string }>(
  'console_link_take',
  `delete from console_links where secret_sha256 = $1::bytea and expires_at > $2::timestamptz returning token_id`,
)
