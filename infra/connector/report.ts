import type { Db } from '../../shared/db/database.ts'
import { outboxBacklog } from '../../shared/outbox/read.ts'
import { noteOwnCertificate } from './broker-stream.ts'
import type { Cell } from './cells.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { markHealth } from './queries.ts'
import type { SlotKeeper } from './slot.ts'
import type { Watch } from './watch.ts'

const GAUGES_MS = 5000
// Soon enough to tell of a queue before it is full.
const HEALTH_MS = 5000

interface ReportDeps {
  readonly db: Db
  readonly log: Log
  readonly metrics: Metrics
  readonly keepers: readonly SlotKeeper[]
  readonly watches: readonly Watch[]
  readonly cells: readonly Cell[]
  readonly limits: BrokerLimits | undefined
}

/** What a broker is set up to hold. */
export type BrokerLimits = Readonly<Partial<Record<'connections_limit' | 'queue_limit', number>>>

/** A queue that is so full is told before the broker drops what comes. */
const QUEUE_SHARE = 0.5

/** Keeps gauges and the health mark of each broker up to date; returns what ends it. */
export function report(deps: ReportDeps): () => void {
  for (const { name: cell } of deps.cells) {
    for (const [name, value] of Object.entries(deps.limits ?? {}))
      deps.metrics.broker.set({ cell, name }, value)
  }
  const failed = (error: unknown) => deps.log.warn({ err: error }, 'report')
  const gauges = setInterval(() => void setGauges(deps).catch(failed), GAUGES_MS)
  const health = setInterval(() => void tellHealth(deps).catch(failed), HEALTH_MS)
  const first = setTimeout(() => void tellHealth(deps).catch(failed), 1000)
  return () => {
    clearInterval(gauges)
    clearInterval(health)
    clearTimeout(first)
  }
}

async function setGauges({ db, metrics, keepers }: ReportDeps): Promise<void> {
  for (const { session, slotClass, slot, cell } of keepers) {
    const label = { cell, class: slotClass }
    metrics.held.set(label, session?.lanes.items ?? 0)
    metrics.lanes.set(label, session?.lanes.size ?? 0)
    metrics.unacknowledged.set(label, session?.publisher.unacknowledged ?? 0)
    if (session === undefined) continue
    const { rows, seconds } = await outboxBacklog(db, slot)
    metrics.outboxRows.set(label, rows)
    metrics.outboxSeconds.set(label, seconds)
  }
}

/** The mark of a cell's health: `broker` where there is one cell, else each by its name. */
const markOf = (cells: readonly Cell[], name: string): string =>
  cells.length === 1 ? 'broker' : `broker:${name}`

async function tellHealth(deps: ReportDeps): Promise<void> {
  const { db, cells } = deps
  for (const { address } of cells) noteOwnCertificate(address)
  for (const { name } of cells) {
    const state = stateOf(deps, name)
    if (state !== undefined) await db.rows(markHealth, [markOf(cells, name), state.problem])
  }
}

/** How a cell is; undefined from a standby whose broker is well: the holder tells. */
function stateOf(
  { keepers, watches, limits }: ReportDeps,
  name: string,
): { problem: string | null } | undefined {
  const holds = keepers.some(({ cell, session }) => cell === name && session !== undefined)
  const watch = watches.find(({ cell }) => cell === name)
  if (!holds) {
    return watch?.connected === true
      ? undefined
      : { problem: 'the connector cannot reach the broker' }
  }
  const { queue_limit: limit = Infinity } = limits ?? {}
  const queued = watch?.queued ?? 0
  return {
    problem:
      queued > limit * QUEUE_SHARE
        ? `warning: ${queued} messages wait in the broker, above ${limit} for a client it drops what comes`
        : null,
  }
}
