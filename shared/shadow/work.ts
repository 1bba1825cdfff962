import { forgetLeaves, readLeaves, type Leaves } from '../index/leaves.ts'
import type { Change, Changed } from './change.ts'
import { countRequests } from './metrics.ts'
import { planShadow, type Plan } from './plan.ts'
import { recall } from './recall.ts'
import { keyOf, keyOfRow, rowsOf, type Group } from './rows.ts'
import { writePlans, type Batch, type ShadowDeps } from './write-plans.ts'

export interface Worked {
  /** How each request of the batch ended. */
  readonly results: ReadonlyMap<Change, Changed>
  /** Rows of the outbox that tell of what was written. */
  readonly outbox: readonly string[]
}

const ATTEMPTS = 4

/**
 * Applies a batch of requests: one read, merge and delta in memory, one write of all that has effect. A shadow that another one changed meanwhile is
 * read and applied again, three times.
 */
export async function workShadows(deps: ShadowDeps, batch: Batch): Promise<Worked> {
  const results = new Map<Change, Changed>()
  const outbox: string[] = []
  let groups = groupByShadow(batch.changes)
  for (let attempt = 1; attempt <= ATTEMPTS && groups.length > 0; attempt++) {
    const plans = await plan(deps, batch, groups, results)
    const lost = await write(deps, batch, plans, results, outbox)
    groups = groups.filter((group) => group.some((change) => lost.has(keyOf(change))))
    if (!batch.inTime()) break
  }
  for (const change of groups.flat()) results.set(change, { kind: 'conflict' })
  countRequests(results.values())
  return { results, outbox }
}

// Sorted, so that concurrent batches take their rows in one order.
function groupByShadow(changes: readonly Change[]): Group[] {
  const groups = new Map<string, Change[]>()
  for (const change of changes) {
    const key = keyOf(change)
    const group = groups.get(key)
    if (group) group.push(change)
    else groups.set(key, [change])
  }
  return [...groups].toSorted(([a], [b]) => (a < b ? -1 : 1)).map(([, group]) => group)
}

interface Planned {
  readonly leaves: Leaves
  readonly plans: readonly Plan[]
}

async function plan(
  deps: ShadowDeps,
  batch: Batch,
  groups: readonly Group[],
  results: Map<Change, Changed>,
): Promise<Planned> {
  const { db, clock, maxBytes } = deps
  const byDevices = batch.deliveredBy !== undefined
  const [leaves, rows] = await Promise.all([readLeaves(db), rowsOf(db, groups, results, byDevices)])
  const asked = groups.flatMap((group) => {
    const row = group[0] && rows.get(keyOf(group[0]))
    return row ? [[row, group] as const] : []
  })
  const deliveredSlot = batch.deliveredBy?.slot ?? null
  const recalled = await recall(db, deliveredSlot, asked)
  const at = Math.floor(clock.now().getTime() / 1000)
  const { firmware, byShadow } = leaves
  const plans = asked.map(([row, group]) =>
    planShadow(row, group, {
      at,
      maxBytes,
      deliveredSlot,
      leaves: byShadow.get(row.shadow) ?? [],
      firmware,
      recalled,
    }),
  )
  return { leaves, plans }
}

/** Writes what has effect; returns the shadows that were not written, since others were faster. */
async function write(
  deps: ShadowDeps,
  batch: Batch,
  { leaves, plans }: Planned,
  results: Map<Change, Changed>,
  outbox: string[],
): Promise<ReadonlySet<string>> {
  const effective = plans.filter(({ shadow }) => shadow !== undefined)
  const written = await writePlans(deps, batch, leaves, effective)
  outbox.push(...written.outbox)
  const lost = new Set<string>()
  for (const each of plans) {
    const key = each.shadow && keyOfRow(each.shadow)
    if (key !== undefined && !written.keys.has(key)) lost.add(key)
    else for (const [change, changed] of each.results) results.set(change, changed)
  }
  // None at all: perhaps leaves were declared meanwhile.
  if (lost.size > 0 && written.keys.size === 0) forgetLeaves(deps.db)
  return lost
}
