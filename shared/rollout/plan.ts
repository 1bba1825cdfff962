import type { Clock } from '../clock.ts'
import type { Db } from '../db/database.ts'
import { countedWarnings, readQuery } from '../device/selection.ts'
import type { Warning } from '../query/check.ts'
import { readRollout } from './read-rollout.ts'
import { groupBounds, type Rollout } from './rollout.ts'
import { planRows, type PlanRow, type Verdict } from './selection.ts'

interface Deps {
  readonly db: Db
  readonly clock: Clock
}

export interface Plan {
  readonly rollout: Rollout
  /** Devices that the query selects. */
  readonly total: number
  readonly eligible: number
  readonly groups: readonly number[]
  readonly leftOut: Readonly<Record<Exclude<Verdict, 'eligible'>, number>>
  readonly hardware: readonly { readonly hardwareRev: string; readonly total: number }[]
  readonly warnings: readonly Warning[]
}

/** How many of `count` devices fall into each group. */
export function groupSizes(count: number, bounds: readonly number[]): number[] {
  const ends = [
    ...bounds.map((bound) => Math.max(0, Math.ceil((bound * count) / 100 - 1e-9))),
    count,
  ]
  return ends.map((end, index) => end - (ends[index - 1] ?? 0))
}

const sum = (rows: readonly PlanRow[]): number =>
  rows.reduce((total, row) => total + Number(row.count), 0)

/** What a start would do now; nothing is changed. */
export async function planRollout({ db, clock }: Deps, name: string): Promise<Plan> {
  const now = clock.now()
  const rollout = await readRollout({ db }, name)
  const rows = await planRows(db, rollout, now)
  const of = (verdict: Verdict) => rows.filter((row) => row.verdict === verdict)
  const eligible = sum(of('eligible'))
  return {
    rollout,
    total: sum(rows),
    eligible,
    groups: groupSizes(eligible, groupBounds(rollout.rules.groups)),
    leftOut: {
      inactive: sum(of('inactive')),
      no_artifact: sum(of('no_artifact')),
      same_version: sum(of('same_version')),
      newer_version: sum(of('newer_version')),
    },
    hardware: of('eligible').map((row) => ({
      hardwareRev: row.hardware_rev,
      total: Number(row.count),
    })),
    warnings: await countedWarnings(db, await readQuery(db, rollout.query), now),
  }
}
