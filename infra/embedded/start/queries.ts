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

/** Database and broker are this process's own, so whoever held a slot before is dead. */
export const freeSlots = statement<[broker: string]>(
  'start_slots_free',
  `update connector_slots set lease_until = '-infinity' where broker = $1::text`,
)

export const markPart = statement<[name: string, problem: string | null]>(
  'start_health_mark',
  `insert into health_marks (name, at, problem) values ($1::text, now(), $2::text)
   on conflict (name) do update set at = excluded.at, problem = excluded.problem`,
)

/** Of these connections, by device and certificate, those that may no longer be. */
export const readBarredConnections = statement<
  [deviceIds: readonly string[], serials: readonly Buffer[], overlapFrom: Date],
  { device_id: string }
>(
  'broker_barred_read',
  `select x.device_id
     from unnest($1::text[], $2::bytea[]) x(device_id, serial)
     left join certificates c on c.device_id = x.device_id and c.serial = x.serial
     left join devices d on d.device_id = x.device_id
    where d.status is distinct from 'active' or c.state is null or c.state = 'revoked'
       or (c.state = 'superseded' and exists (
            select from certificates n
             where n.device_id = c.device_id and n.state <> 'revoked' and n.issued_at > c.issued_at
               and (n.used_at is not null or n.not_before < $3::timestamptz)))`,
)
