import type { Db } from '../../shared/db/database.ts'
import { outboxBacklog } from '../../shared/outbox/read.ts'
import type { Log } from './log.ts'
import type { Metrics } from './metrics.ts'
import { markHealth } from './queries.ts'
import type { SlotKeeper } from './slot.ts'
import type { Watch } from './watch.ts'

const GAUGES_MS = 5000
const HEALTH_MS = 20_000

interface ReportDeps {
  readonly db: Db
  readonly log: Log
  readonly metrics: Metrics
  readonly keepers: readonly SlotKeeper[]
  readonly watch: Watch | undefined
}

/** Keeps gauges and the health mark `broker` up to date; returns what ends it. */
export function report(deps: ReportDeps): () => void {
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
  for (const { session, slotClass, slot } of keepers) {
    const label = { class: slotClass }
    metrics.held.set(label, session?.lanes.items ?? 0)
    metrics.lanes.set(label, session?.lanes.size ?? 0)
    metrics.unacknowledged.set(label, session?.publisher.unacknowledged ?? 0)
    if (session === undefined) continue
    const { rows, seconds } = await outboxBacklog(db, slot)
    metrics.outboxRows.set(label, rows)
    metrics.outboxSeconds.set(label, seconds)
  }
}

/** A standby whose broker is well says nothing: the holder does. */
async function tellHealth({ db, keepers, watch }: ReportDeps): Promise<void> {
  const holds = keepers.some((each) => each.session !== undefined)
  if (holds) await db.rows(markHealth, ['broker', null])
  else if (watch?.connected !== true)
    await db.rows(markHealth, ['broker', 'the connector cannot reach the broker'])
}
