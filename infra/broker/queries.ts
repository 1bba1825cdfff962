import { statement } from '../../shared/db/statement.ts'

export interface IssuedCrlRow {
  issuer_id: number
  certificate: Buffer
  number: bigint
  der: Buffer
}

/** The broker's copy of each authority's CRL; an authority that has none yet is left out. */
export const readBrokerCrls = statement<[], IssuedCrlRow>(
  'agent_crls_read',
  `select i.issuer_id, i.certificate, c.number, c.der
     from issuers i join crls c on c.issuer_id = i.issuer_id and c.shard = 1
    where i.not_after > now() order by i.issuer_id`,
)

export const readCrlNumbers = statement<[], { issuer_id: number; number: bigint }>(
  'agent_crl_numbers_read',
  `select issuer_id, number from crls where shard = 1 order by issuer_id`,
)

/** Whose connections end with these serials: of the revoked, and of who has been connected since before the replaced one had a successor. */
export const readOwners = statement<[serials: readonly Buffer[]], { device_id: string }>(
  'agent_owners_read',
  `select device_id from revocations where serial = any($1::bytea[])
    union
   select c.device_id
     from certificates c
     join device_presence p on p.device_id = c.device_id and p.connected
    where c.serial = any($1::bytea[]) and c.state = 'superseded'
      and p.connected_at < (select max(n.issued_at) from certificates n where n.device_id = c.device_id and n.state = 'active')`,
)

/** Of these devices, those that must not be connected: suspended, decommissioned, or without a certificate that is not revoked. */
export const readBarred = statement<
  [deviceIds: readonly string[], now: Date],
  { device_id: string }
>(
  'agent_barred_read',
  `select d.device_id from devices d
    where d.device_id = any($1::text[])
      and (d.status <> 'active' or not exists (
            select from certificates c
             where c.device_id = d.device_id and c.state <> 'revoked' and c.not_after > $2::timestamptz))`,
)

/** Devices that were suspended since. A decommissioned one has no certificate that is not revoked. */
export const readSuspended = statement<[since: Date], { device_id: string; updated_at: Date }>(
  'agent_suspended_read',
  `select device_id, updated_at from devices
    where status = 'suspended' and updated_at > $1::timestamptz order by updated_at limit 10000`,
)

export const readOperatorTopics = statement<
  [],
  { filter: string; device: 'publish' | 'subscribe' | 'both' }
>('agent_topics_read', `select filter, device from topics order by filter`)

export const markAgent = statement<[name: string, at: Date, problem: string | null]>(
  'agent_health_mark',
  `insert into health_marks as h (name, at, problem) values ($1::text, $2::timestamptz, $3::text)
       on conflict (name) do update set at = excluded.at, problem = excluded.problem where h.at < excluded.at`,
)

export const readBrokerAuthorities = statement<[], { certificate: Buffer }>(
  'agent_authorities_read',
  `select certificate from issuers where not_after > now() order by issuer_id`,
)
