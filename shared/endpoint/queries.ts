import { statement } from '../db/statement.ts'

export interface EndpointRow {
  name: string
  region: string | null
  priority: number
  hosts: unknown
  checked_at: Date | null
  problem: string | null
}

const COLUMNS = 'name, region, priority, hosts, checked_at, problem'

export const listEndpoints = statement<[after: string | null, limit: number], EndpointRow>(
  'endpoints_list',
  `select ${COLUMNS} from broker_endpoints where ($1::text is null or name > $1::text) order by name limit $2::int`,
)

export const readEndpoint = statement<[name: string], EndpointRow>(
  'endpoint_read',
  `select ${COLUMNS} from broker_endpoints where name = $1::text`,
)

export const insertEndpoint = statement<
  [name: string, region: string | null, priority: number, hosts: string],
  EndpointRow
>(
  'endpoint_insert',
  `insert into broker_endpoints (name, region, priority, hosts) values ($1::text, $2::text, $3::smallint, $4::jsonb)
   on conflict (name) do nothing returning ${COLUMNS}`,
)

export const updateEndpoint = statement<
  [
    name: string,
    region: string | null,
    clearRegion: boolean,
    priority: number | null,
    hosts: string | null,
  ],
  EndpointRow
>(
  'endpoint_update',
  `update broker_endpoints
      set region = case when $3::boolean then null else coalesce($2::text, region) end,
          priority = coalesce($4::smallint, priority), hosts = coalesce($5::jsonb, hosts)
    where name = $1::text returning ${COLUMNS}`,
)

export const deleteEndpoint = statement<[name: string], { name: string }>(
  'endpoint_delete',
  `delete from broker_endpoints e where name = $1::text returning name`,
)

/** A broker that is no more: its slots, what waited there for devices that left it, and who was last seen there. */
export const forgetCell = statement<[name: string]>(
  'endpoint_forget_cell',
  `with s as (delete from connector_slots where broker = $1::text returning slot),
        o as (delete from outbox where slot in (select slot from s)),
        h as (delete from health_marks where name in ('broker:' || $1::text, 'broker-agent:' || $1::text))
   update device_presence set cell = null, connected = false where cell = $1::text`,
)

export const endpointInUse = statement<[name: string], { used: boolean }>(
  'endpoint_in_use',
  `select exists (select from devices where broker_endpoint = $1::text limit 1) as used`,
)
