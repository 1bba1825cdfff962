import { Counter } from 'prom-client'
import { access } from '../../shared/access/access.ts'
import { readAuditKey, sealAudit } from '../../shared/audit/seal.ts'
import { emit } from '../../shared/event/emit.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { expireRows } from '../../shared/retention/expire.ts'
import { markRetention } from '../../shared/retention/mark.ts'
import { keepPartitions } from '../../shared/retention/partitions.ts'
import { metrics } from '../../shared/metrics.ts'
import { readSettings } from '../../shared/setting/read.ts'
import type { Deps } from './deps.ts'

const EXPIRE_MS = 5_000

const expiredRows = new Counter({
  name: 'muster_retention_rows_total',
  help: 'Rows that were deleted since they had ended, by table',
  labelNames: ['table'],
  registers: [metrics],
})
const cappedDays = new Counter({
  name: 'muster_retention_capped_days_total',
  help: 'Days of the shadow history that were dropped early, since it was above its cap',
  registers: [metrics],
})

export const app = functionApp<Deps>()

app.post('/cron', async (c) => {
  const { db, clock, log } = c.env
  const settings = await readSettings(db)
  const partitions = await keepPartitions(db, settings['retention.shadow_history_gib'])
  const gone = await expireRows(db, clock.now(), settings, EXPIRE_MS)
  for (const [table, rows] of gone) expiredRows.inc({ table }, rows)
  if (partitions.capped) cappedDays.inc()
  const problem = await seal(c.env)
  await markRetention(db, problem ?? partitions.problem)
  const expired = Object.fromEntries(gone)
  log.info({ ...partitions, expired }, 'retention')
  return c.body(null, 204)
})

/** The root goes to the log and, as an event, to webhooks: places that whoever changes the database does not reach. */
async function seal(deps: Deps): Promise<string | undefined> {
  const { db, clock, log } = deps
  const key = await deps.secret('audit-key')
  if (key === undefined) return 'no audit key is mounted: the audit log is not sealed'
  const sealed = await sealAudit({ db, clock }, readAuditKey(key))
  if (sealed === undefined) return undefined
  const { sealId, rows, root } = sealed
  log.info({ sealId, rows, root }, 'audit log sealed')
  const payload = { seal_id: String(sealId), rows, root }
  await emit(db, { kind: 'audit.sealed', payload })
  return undefined
}

export const handler = serve<Deps>('retention', app, access)
