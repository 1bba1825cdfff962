import { statement } from '../../shared/db/statement.ts'

export const insertSlots = statement<[string, readonly string[]]>(
  'slot_insert',
  `insert into connector_slots (broker, class) select $1::text, class from unnest($2::text[]) class
   on conflict (broker, class) do nothing`,
)

export const readSlots = statement<[string], { slot: number; class: string }>(
  'slot_list',
  `select slot, class from connector_slots where broker = $1::text order by slot`,
)

// Four at once: one wins. $3 is the epoch of a holder whose will was heard: its lease no longer counts.
export const claimSlot = statement<[number, string, bigint | null], { epoch: bigint }>(
  'slot_claim',
  `
  update connector_slots
     set holder = $2::text, epoch = nextval('connector_epochs'),
         lease_until = clock_timestamp() + interval '2 s'
   where slot = $1::smallint
     and (lease_until < clock_timestamp() or holder = $2::text or epoch = $3::bigint)
  returning epoch`,
)

export const renewSlot = statement<[number, string, bigint], { at: Date }>(
  'slot_renew',
  `
  update connector_slots set lease_until = clock_timestamp() + interval '2 s'
   where slot = $1::smallint and holder = $2::text and epoch = $3::bigint
  returning clock_timestamp() as at`,
)

// Not '-infinity': writers leave out a slot that nobody has held for minutes, and this one is only changing hands.
export const freeSlot = statement<[number, string, bigint]>(
  'slot_free',
  `
  update connector_slots set lease_until = clock_timestamp()
   where slot = $1::smallint and holder = $2::text and epoch = $3::bigint`,
)

export const insertDeadLetters = statement<
  [
    number,
    readonly (string | null)[],
    readonly string[],
    readonly Buffer[],
    readonly string[],
    readonly string[],
  ]
>(
  'dead_letter_insert',
  `
  insert into dead_letters (slot, device_id, topic, payload, delivery, reason)
  select $1::smallint, d.* from unnest($2::text[], $3::text[], $4::bytea[], $5::bigint[], $6::text[]) d`,
)

export const markHealth = statement<[string, string | null]>(
  'health_mark_write',
  `
  insert into health_marks (name, at, problem) values ($1::text, clock_timestamp(), $2::text)
  on conflict (name) do update set at = excluded.at, problem = excluded.problem`,
)

export const insertSchedules = statement<[readonly string[]]>(
  'cron_tick_insert',
  `insert into cron_ticks (schedule) select unnest($1::text[]) on conflict (schedule) do nothing`,
)

// Where no other process can be at work, what a killed one left claimed is free.
export const freeTicks = statement<[readonly string[]]>(
  'cron_tick_free',
  `
  update cron_ticks set lease_until = '-infinity'
   where schedule = any($1::text[]) and lease_until > clock_timestamp()`,
)

// Four at once: one wins.
export const claimTick = statement<[string, Date, string], { claimed: boolean }>(
  'cron_tick_claim',
  `
  update cron_ticks
     set claimed = $2::timestamptz, holder = $3::text,
         lease_until = clock_timestamp() + interval '10 s'
   where schedule = $1::text and done < $2::timestamptz and lease_until < clock_timestamp()
  returning true as claimed`,
)

/** Each 3 s while the call is under way: a holder that died is replaced after 10 s, whatever the call may take. */
export const renewTick = statement<[string, Date, string]>(
  'cron_tick_renew',
  `
  update cron_ticks set lease_until = clock_timestamp() + interval '10 s'
   where schedule = $1::text and claimed = $2::timestamptz and holder = $3::text`,
)

export const finishTick = statement<[string, Date, string]>(
  'cron_tick_finish',
  `
  update cron_ticks set done = $2::timestamptz, lease_until = '-infinity'
   where schedule = $1::text and claimed = $2::timestamptz and holder = $3::text`,
)

// An answered failure did end: the next try need not wait for the lease.
export const postponeTick = statement<[string, Date, string, number]>(
  'cron_tick_postpone',
  `
  update cron_ticks set lease_until = clock_timestamp() + make_interval(secs => $4::float8)
   where schedule = $1::text and claimed = $2::timestamptz and holder = $3::text`,
)
