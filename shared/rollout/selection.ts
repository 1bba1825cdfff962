// Which devices of a query a rollout takes, and why it leaves others out. The query's own text is built by its compiler alone;
// what stands around it here is fixed.
import type { Db } from '../db/database.ts'
import { readQuery } from '../device/selection.ts'
import { compileSelect } from '../query/compile.ts'
import type { RolloutRow } from './rollout.ts'

export type Verdict = 'eligible' | 'inactive' | 'no_artifact' | 'same_version' | 'newer_version'

// Needs d (devices) and r (release_id, version, version_key, allow_downgrade) in scope.
const VERDICT = `case
  when d.status <> 'active' then 'inactive'
  when not exists (select from release_artifacts f where f.release_id = r.release_id and f.hardware_rev = d.hardware_rev) then 'no_artifact'
  when d.firmware_ver = r.version then 'same_version'
  when not r.allow_downgrade and d.firmware_key > r.version_key then 'newer_version'
  else 'eligible' end`

interface Bound {
  readonly text: string
  readonly values: readonly unknown[]
}

async function selected(
  db: Db,
  rollout: Pick<RolloutRow, 'query'>,
  options: { now: Date; after?: string | undefined; limit: number },
): Promise<Bound> {
  const { query } = await readQuery(db, rollout.query)
  return compileSelect(query, options)
}

/** Appends parameters behind those of the query. */
function binder(values: readonly unknown[]): {
  all: unknown[]
  readonly bind: (value: unknown) => string
} {
  const all = [...values]
  return { all, bind: (value) => `$${all.push(value)}` }
}

const ALL = 2_000_000_000

export interface PlanRow {
  verdict: Verdict
  hardware_rev: string
  count: bigint
}

/** What a rollout would do to the whole selection, by verdict and hardware. */
export async function planRows(db: Db, rollout: RolloutRow, now: Date): Promise<PlanRow[]> {
  const { text, values } = await selected(db, rollout, { now, limit: ALL })
  const { all, bind } = binder(values)
  const release = bind(rollout.release_id)
  const downgrade = bind(rollout.rules.allow_downgrade)
  return db.unnamed<PlanRow>(
    'rollout_plan',
    `with m as (${text}),
     r as (select release_id, version, version_key, ${downgrade}::boolean as allow_downgrade from releases where release_id = ${release}::int)
     select ${VERDICT} as verdict, d.hardware_rev, count(*) as count
       from m join devices d using (device_id) cross join r group by 1, 2 order by 1, 2`,
    all,
  )
}

export interface Slice {
  /** Devices that the query gave. */
  seen: number
  last: string | null
  /** Of them, those that the rollout takes and that have no action of it yet. */
  wanted: number
  /** Less than wanted: another action of this second holds a device's number; the next step goes on. */
  made: number
}

/**
 * Makes the actions of the next slice of the selection, in one statement. Devices come in the order of a hash, so that a group is a
 * cross-section, and exactly of its size within each slice.
 */
export async function makeActions(
  tx: Db,
  rollout: RolloutRow,
  bounds: readonly number[],
  limit: number,
): Promise<Slice> {
  const now = rollout.selected_at ?? rollout.created_at
  const after = rollout.cursor ?? undefined
  const { text, values } = await selected(tx, rollout, { now, after, limit })
  const { all, bind } = binder(values)
  const id = bind(rollout.rollout_id)
  const release = bind(rollout.release_id)
  const downgrade = bind(rollout.rules.allow_downgrade)
  const groups = bind(bounds)
  const [slice] = await tx.unnamed<Slice>(
    'rollout_materialise',
    `with m as (${text}),
     r as (select release_id, version, version_key, ${downgrade}::boolean as allow_downgrade from releases where release_id = ${release}::int),
     e as (
       select d.device_id from m join devices d using (device_id) cross join r
        where ${VERDICT} = 'eligible'
          and not exists (select from actions a where a.device_id = d.device_id and a.rollout_id = ${id}::int)),
     n as (
       select device_id, ((row_number() over (order by hashtextextended(device_id, ${id}::bigint)) - 1) * 100.0
              / count(*) over ())::float8 as place from e),
     i as (
       insert into actions (device_id, number, rollout_id, grp, release_id, state)
       select device_id, extract(epoch from now() - timestamptz '2026-01-01T00:00:00Z')::int, ${id}::int,
              width_bucket(place, ${groups}::float8[]) + 1, ${release}::int, 'scheduled'
         from n order by device_id
       on conflict do nothing returning grp),
     g as (
       update rollout_groups g set total = g.total + c.n from (select grp, count(*)::int as n from i group by grp) c
        where g.rollout_id = ${id}::int and g.grp = c.grp)
     select (select count(*) from m)::int as seen, (select max(device_id) from m) as last,
            (select count(*) from n)::int as wanted, (select count(*) from i)::int as made`,
    all,
  )
  return slice ?? { seen: 0, last: null, wanted: 0, made: 0 }
}
