import { statement } from '../db/statement.ts'

export interface ShadowRow {
  readonly device_id: string
  readonly shadow: string
  readonly version: bigint
  readonly desired: string | null
  readonly reported: string | null
  readonly metadata: string | null
  readonly slot: number | null
  readonly delivery: bigint | null
  readonly tokens: Buffer | null
  readonly retained: boolean
}

/** A shadow, and whether its device is suspended or decommissioned. */
export interface AskedRow extends ShadowRow {
  readonly barred: boolean
}

export const readShadows = statement<[readonly string[], readonly string[]], AskedRow>(
  'shadows_read',
  `
  select s.device_id, s.shadow, s.version, s.desired, s.reported, s.metadata, s.slot, s.delivery, s.tokens, s.retained,
         exists (select from devices d where d.device_id = s.device_id and d.status <> 'active') as barred
    from unnest($1::text[], $2::text[]) k(device_id, shadow)
    join shadows s on s.device_id = k.device_id and s.shadow = k.shadow`,
)

export const readDeviceShadows = statement<[readonly string[]], ShadowRow>(
  'shadows_read_devices',
  `
  select device_id, shadow, version, desired, reported, metadata, slot, delivery, tokens, retained
    from shadows where device_id = any($1::text[])`,
)

export interface RequestRow {
  readonly device_id: string
  readonly shadow: string
  readonly version: bigint
  readonly at: number
  readonly request: string
}

// The row of the outbox and those of history have one transaction's time: the whole key is known.
export const readRequests = statement<
  [readonly string[], readonly string[], readonly number[], readonly Date[]],
  RequestRow
>(
  'shadow_history_find',
  `
  select h.device_id, h.shadow, h.version, extract(epoch from h.at)::int as at, h.request
    from unnest($1::text[], $2::text[], $3::bigint[], $4::timestamptz[]) k(device_id, shadow, version, at)
    join shadow_history h on h.device_id = k.device_id and h.shadow = k.shadow and h.version = k.version
     and h.at >= k.at and h.at < k.at + interval '1 ms'
   order by h.device_id, h.shadow, h.version`,
)

// A subscription to config/desired makes a shadow a lightweight one, also before it exists.
export const retainShadows = statement<[readonly string[]], { device_id: string }>(
  'shadows_retain',
  `
  insert into shadows (device_id, shadow, version, retained)
  select id, '', 0, true from unnest($1::text[]) id order by id
  on conflict (device_id, shadow) do update set retained = true where not shadows.retained
  returning device_id`,
)

export interface RecalledRow {
  readonly n: number
  readonly version: bigint
  readonly at: number
  readonly by_packet: boolean
}

// What was applied within the last hour with the same bytes: by the packet where the broker says that it sends again, else by its token.
export const recallShadows = statement<
  [
    readonly number[],
    readonly string[],
    readonly string[],
    readonly string[],
    readonly (number | null)[],
    readonly boolean[],
    number | null,
  ],
  RecalledRow
>(
  'shadows_recall',
  `
  select k.n, h.version, extract(epoch from h.at)::int as at, h.by_packet
    from unnest($1::int[], $2::text[], $3::text[], $4::text[], $5::int[], $6::boolean[]) k(n, device_id, shadow, request, packet, by_token)
    cross join lateral (
      select h.version, h.at, (h.packet = k.packet and h.slot = $7::smallint) is true as by_packet
        from shadow_history h
       where h.device_id = k.device_id and h.shadow = k.shadow and h.request = k.request and h.at > now() - interval '1 hour'
         and (k.by_token or (h.packet = k.packet and h.slot = $7::smallint))
       order by by_packet desc, h.version desc limit 1) h`,
)

// Version 0: it does not exist yet, and has a row to compare with. At most 50 named ones a device; tombstones go after two days, when a
// new one comes, and the numbering of such a name begins anew (as on AWS).
export const insertShadows = statement<
  [readonly string[], readonly string[], number],
  { device_id: string; shadow: string; inserted: boolean }
>(
  'shadows_insert',
  `
  with k as (
    select k.device_id, k.shadow, row_number() over (partition by k.device_id, k.shadow = '' order by k.shadow) as n
      from unnest($1::text[], $2::text[]) k(device_id, shadow)
     where not exists (select from shadows s where s.device_id = k.device_id and s.shadow = k.shadow)),
  n as (
    select d.device_id, count(s.device_id) as named
      from (select distinct device_id from k) d
      left join shadows s on s.device_id = d.device_id and s.shadow <> ''
       and (s.metadata is not null or s.updated_at > now() - interval '2 days')
     group by d.device_id),
  gone as (
    delete from shadows s using n
     where s.device_id = n.device_id and s.shadow <> '' and s.metadata is null and s.updated_at < now() - interval '2 days'),
  i as (
    insert into shadows (device_id, shadow, version)
    select k.device_id, k.shadow, 0 from k join n using (device_id)
     where k.shadow = '' or n.named + k.n <= $3::int
     order by k.device_id, k.shadow
    on conflict do nothing returning device_id, shadow)
  select k.device_id, k.shadow, i.device_id is not null as inserted from k left join i using (device_id, shadow)`,
)

/** A shadow as it is to be, if it still has the version that was read. */
export interface ShadowJson {
  readonly device_id: string
  readonly shadow: string
  readonly expected: number
  readonly version: number
  readonly desired: string | null
  readonly reported: string | null
  readonly metadata: string | null
  /** Hex. */
  readonly tokens: string | null
  /** Decimal. */
  readonly delivery: string | null
  readonly retained: boolean
}

/** One applied request. */
export interface ItemJson {
  readonly device_id: string
  readonly shadow: string
  readonly version: number
  readonly actor: string
  readonly packet: number | null
  readonly request: string
  /** Where its messages go; null: nowhere, the device asks when it comes. */
  readonly slot: number | null
}

export interface FactJson {
  readonly device_id: string
  readonly shadow: string
  readonly field: number
  readonly t: string
  readonly n: number | null
  readonly v: string | null
}

/** An Idempotency-Key, written if the shadow is. */
export interface KeyJson {
  readonly device_id: string
  readonly shadow: string
  readonly key: string
  /** Hex. */
  readonly sha256: string
  readonly answer: string
}

/** A record of the audit log, written if the shadow is. */
export interface AuditJson {
  readonly device_id: string
  readonly shadow: string
  readonly actor: string
  readonly token_id: string | null
  readonly source: string | null
  readonly call_id: string
  readonly verb: string
  readonly detail: { readonly shadow: string; readonly version: number }
}

/** Lists travel as JSON text; see the statement. */
export type WriteParams = [
  shadows: string,
  items: string,
  deliveredSlot: number | null,
  epoch: string | null,
  leavesMark: bigint,
  goneFacts: string,
  saidFacts: string,
  keys: string,
  audit: string,
]

export interface WriteRow {
  /** Decimal: arrays of bigint arrive as text. */
  readonly outbox_ids: string[]
  /** `device shadow` of each that was written. */
  readonly written: string[]
}

// State, history, outbox, facts, keys and the audit log in one statement. A row that changed since it was read, or leaves that were declared
// since, keep a shadow out of all of them. json_to_recordset, not unnest: 1.1 times the rate, since escaping arrays of documents costs
// the client more than JSON does (docs/decisions/0003-shadow-statement.md).
export const writeShadows = statement<WriteParams, WriteRow>(
  'shadows_write',
  `
  with i as materialized (
    select device_id, shadow, expected, version, desired, reported, metadata, tokens, delivery, retained
      from json_to_recordset($1::json) t(device_id text, shadow text, expected bigint, version bigint, desired text, reported text,
      metadata text, tokens text, delivery bigint, retained boolean)),
  u as (
    update shadows s
       set version = i.version, desired = i.desired, reported = i.reported, metadata = i.metadata, tokens = decode(i.tokens, 'hex'),
           slot = coalesce($3::smallint, s.slot), delivery = coalesce(i.delivery, s.delivery), retained = s.retained or i.retained,
           updated_at = now()
      from i
     where s.device_id = i.device_id and s.shadow = i.shadow and s.version = i.expected
       and (select count(*) filter (where ready) * 17592186044416 + count(*) * 4294967296 + coalesce(max(field), 0) from fields) = $5::bigint
    returning s.device_id, s.shadow),
  x as (
    select x.* from json_to_recordset($2::json) x(device_id text, shadow text, version bigint, actor text, packet int, request text, slot smallint)
      join u using (device_id, shadow)),
  h as (
    insert into shadow_history (device_id, shadow, version, actor, slot, packet, request)
    select device_id, shadow, version, actor, $3::smallint, packet, request from x),
  o as (
    insert into outbox (slot, epoch, device_ids, shadows, versions)
    select slot, $4::bigint, array_agg(device_id), array_agg(shadow), array_agg(version) from x
     where slot is not null group by slot
    returning id),
  gone as (
    delete from device_facts f
     using json_to_recordset($6::json) g(device_id text, shadow text, field int, t text) join u using (device_id, shadow)
     where f.device_id = g.device_id and f.field = g.field and f.t = g.t),
  said as (
    insert into device_facts (device_id, field, t, n, v)
    select a.device_id, a.field, a.t, a.n, a.v
      from json_to_recordset($7::json) a(device_id text, shadow text, field int, t text, n float8, v text) join u using (device_id, shadow)
    on conflict do nothing),
  keyed as (
    insert into idempotency_keys (owner, key, request_sha256, status, answer, expires_at)
    select k.device_id, k.key, decode(k.sha256, 'hex'), 200, k.answer, now() + interval '24 hours'
      from json_to_recordset($8::json) k(device_id text, shadow text, key text, sha256 text, answer text) join u using (device_id, shadow)
    on conflict (owner, key) do update
       set request_sha256 = excluded.request_sha256, status = excluded.status, answer = excluded.answer, expires_at = excluded.expires_at
     where idempotency_keys.expires_at < now()),
  audited as (
    insert into audit (actor, token_id, source, call_id, verb, target, detail)
    select a.actor, a.token_id, a.source::inet, a.call_id, a.verb, a.device_id, a.detail
      from json_to_recordset($9::json) a(device_id text, shadow text, actor text, token_id text, source text, call_id text, verb text, detail jsonb)
      join u using (device_id, shadow))
  select array(select id from o) as outbox_ids, array(select device_id || ' ' || shadow from u) as written`,
)

export interface FieldJson {
  readonly device_id: string
  readonly shadow: string
  readonly field: number
}

// Facts of leaves whose backfill is under way, after the shadows are locked: what the backfill wrote while the write waited for it was
// not to be seen by the write itself.
export const rewriteFacts = statement<[fields: string, facts: string]>(
  'shadow_facts_rewrite',
  `
  with said as (
    select device_id, field, t, n, v from json_to_recordset($2::json) a(device_id text, field int, t text, n float8, v text)),
  gone as (
    delete from device_facts f
     using json_to_recordset($1::json) k(device_id text, field int)
     where f.device_id = k.device_id and f.field = k.field
       and not exists (select from said s where s.device_id = f.device_id and s.field = f.field and s.t = f.t))
  insert into device_facts (device_id, field, t, n, v)
  select device_id, field, t, n, v from said on conflict do nothing`,
)

export interface KeyRow {
  readonly owner: string
  readonly key: string
  readonly request_sha256: Buffer
  readonly answer: string | null
}

export const readShadowKeys = statement<[readonly string[], readonly string[]], KeyRow>(
  'shadow_keys_read',
  `
  select i.owner, i.key, i.request_sha256, i.answer
    from unnest($1::text[], $2::text[]) k(owner, key)
    join idempotency_keys i on i.owner = k.owner and i.key = k.key and i.expires_at > now()`,
)

export interface HistoryRow {
  readonly version: bigint
  readonly at: Date
  readonly actor: string
  readonly request: string
}

// As long as partitions are kept, which is 7 days and the day that is not over.
export const listHistory = statement<[string, string, bigint | null, number], HistoryRow>(
  'shadow_history_list',
  `
  select version, at, actor, request from shadow_history
   where device_id = $1::text and shadow = $2::text and at > now() - interval '8 days'
     and ($3::bigint is null or version < $3::bigint)
   order by version desc limit $4::int`,
)

export interface ShadowListRow {
  readonly shadow: string
  readonly version: bigint
  readonly desired: string | null
  readonly reported: string | null
  readonly retained: boolean
  readonly updated_at: Date
}

export const listShadows = statement<[string, string | null, number], ShadowListRow>(
  'shadows_list',
  `
  select shadow, version, desired, reported, retained, updated_at from shadows
   where device_id = $1::text and metadata is not null and ($2::text is null or shadow > $2::text)
   order by shadow limit $3::int`,
)
