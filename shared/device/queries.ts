import { statement } from '../db/statement.ts'
import type { FieldType } from '../index/facts.ts'

export type DeviceStatus = 'active' | 'suspended' | 'decommissioned'

export interface DeviceRow {
  device_id: string
  hardware_rev: string
  firmware_ver: string
  cert_serial: string
  /** Text: 'infinity' where there is none. */
  cert_expires: string
  provisioned_at: Date | null
  broker_endpoint: string
  status: DeviceStatus
  revision: bigint
  updated_at: Date
  last_seen: Date | null
  connected: boolean
  groups: string[]
  /** Documents of all sources, the operator's last. */
  attributes: string[]
}

export const readDevices = statement<[ids: readonly string[]], DeviceRow>(
  'devices_read',
  `select d.device_id, d.hardware_rev, d.firmware_ver, d.cert_serial,
          case when d.cert_expires = 'infinity' then 'infinity'
               else to_char(d.cert_expires at time zone 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"') end as cert_expires,
          d.provisioned_at, d.broker_endpoint, d.status, d.revision, d.updated_at,
          coalesce(p.last_seen, d.last_seen) as last_seen, coalesce(p.connected, false) as connected,
          array(select g.name from group_members m join groups g on g.group_id = m.group_id
                 where m.device_id = d.device_id order by g.name) as groups,
          array(select a.document from device_attributes a where a.device_id = d.device_id
                 order by array_position(array['system', 'agent', 'operator'], a.source)) as attributes
     from unnest($1::text[]) with ordinality i(device_id, n)
     join devices d on d.device_id = i.device_id
     left join device_presence p on p.device_id = d.device_id
    order by i.n`,
)

export const lockDevice = statement<[id: string], { status: DeviceStatus; revision: bigint }>(
  'device_lock',
  `select status, revision from devices where device_id = $1::text for update`,
)

export const insertDevice = statement<
  [id: string, hardwareRev: string, brokerEndpoint: string | null],
  { device_id: string }
>(
  'device_insert',
  `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, provisioned_at, broker_endpoint)
   values ($1::text, $2::text, '', '', 'infinity', null,
           coalesce($3::text, (select name from broker_endpoints order by priority, name limit 1), ''))
   on conflict (device_id) do nothing
   returning device_id`,
)

export const updateDevice = statement<
  [id: string, hardwareRev: string | null, brokerEndpoint: string | null],
  { revision: bigint }
>(
  'device_update',
  `update devices set hardware_rev = coalesce($2::text, hardware_rev), broker_endpoint = coalesce($3::text, broker_endpoint),
          revision = revision + 1, updated_at = now()
    where device_id = $1::text returning revision`,
)

/** An endpoint that was taken away meanwhile changes nothing. */
export const changeEndpoints = statement<[ids: readonly string[], name: string]>(
  'device_endpoints_change',
  `update devices d set broker_endpoint = $2::text, revision = revision + 1, updated_at = now()
     from (select device_id from devices where device_id = any($1::text[]) order by device_id for update) i
    where d.device_id = i.device_id and d.broker_endpoint <> $2::text
      and ($2::text = '' or exists (select from broker_endpoints where name = $2::text))`,
)

export const changeStatus = statement<
  [ids: readonly string[], status: DeviceStatus, from: readonly DeviceStatus[]],
  { device_id: string }
>(
  'device_status_change',
  `update devices d set status = $2::text, revision = revision + 1, updated_at = now()
     from (select device_id from devices where device_id = any($1::text[]) order by device_id for update) i
    where d.device_id = i.device_id and d.status = any($3::text[])
   returning d.device_id`,
)

export const readStatuses = statement<
  [ids: readonly string[]],
  { device_id: string; status: DeviceStatus }
>('device_statuses_read', `select device_id, status from devices where device_id = any($1::text[])`)

export const blockAllowlist = statement<[ids: readonly string[]]>(
  'allowlist_block_devices',
  `update allowlist set state = 'blocked'
    where (match = 'device_id' and value = any($1::text[])) or device_id = any($1::text[])`,
)

export const notifyDevices = statement<[ids: readonly string[]], { sent: string }>(
  'devices_notify',
  `select pg_notify('device', id)::text as sent from unnest($1::text[]) id`,
)

export interface FieldRow {
  field: number
  name: string
  type: FieldType
  ready: boolean
}

export const readDeclaredFields = statement<[], FieldRow>(
  'device_fields_read',
  `select field, name, type, ready from fields order by field`,
)

export const readAttributes = statement<
  [ids: readonly string[]],
  { device_id: string; source: string; document: string }
>(
  'device_attributes_read',
  `select device_id, source, document from device_attributes where device_id = any($1::text[]) order by device_id`,
)

export const writeAttributes = statement<
  [ids: readonly string[], source: string, documents: readonly string[]]
>(
  'device_attributes_write',
  `insert into device_attributes (device_id, source, document)
   select t.device_id, $2::text, t.document from unnest($1::text[], $3::text[]) as t(device_id, document) order by t.device_id
       on conflict (device_id, source) do update set document = excluded.document, updated_at = now()`,
)

export type FactParams = [
  ids: readonly string[],
  fields: readonly number[],
  factIds: readonly string[],
  factFields: readonly number[],
  t: readonly string[],
  n: readonly (number | null)[],
  v: readonly (string | null)[],
]

// What is no longer said goes, what is new comes, what stays is not touched.
export const writeFacts = statement<FactParams>(
  'device_attribute_facts_write',
  `with said as (select device_id, field, t, n, v from unnest($3::text[], $4::int[], $5::text[], $6::float8[], $7::text[]) f(device_id, field, t, n, v)),
   gone as (delete from device_facts f
             where f.device_id = any($1::text[]) and f.field = any($2::int[])
               and not exists (select from said s where s.device_id = f.device_id and s.field = f.field and s.t = f.t))
   insert into device_facts (device_id, field, t, n, v)
   select device_id, field, t, n, v from said order by device_id, field, t on conflict do nothing`,
)
