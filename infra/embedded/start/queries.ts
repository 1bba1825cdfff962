import { statement } from '../../../shared/db/statement.ts'

export const insertOperatorToken = statement<
  [id: string, hash: Buffer, scope: readonly string[], expiresAt: Date]
>(
  'start_token_insert',
  `insert into api_tokens (token_id, kind, name, secret_sha256, scope, expires_at)
   values ($1::text, 'operator', 'npm start', $2::bytea, $3::text[], $4::timestamptz)`,
)

export const readOperatorToken = statement<[id: string, hash: Buffer], { expires_at: Date }>(
  'start_token_read',
  `select coalesce(expires_at, 'infinity') expires_at from api_tokens
    where token_id = $1::text and secret_sha256 = $2::bytea and revoked_at is null and kind = 'operator'`,
)

export const saveEndpoint = statement<[name: string, hosts: string]>(
  'start_endpoint_save',
  `insert into broker_endpoints (name, hosts) values ($1::text, $2::jsonb)
   on conflict (name) do update set hosts = excluded.hosts where broker_endpoints.hosts <> excluded.hosts`,
)

export const countDevices = statement<[], { devices: bigint }>(
  'start_devices_count',
  `select count(*) devices from devices`,
)

export const readOperatorTopics = statement<
  [],
  { filter: string; device: 'publish' | 'subscribe' | 'both' }
>('broker_topics_read', `select filter, device from topics order by filter`)
