import { access } from '../../shared/access/access.ts'
import { readAuditKey, sealAudit } from '../../shared/audit/seal.ts'
import { emit } from '../../shared/event/emit.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { expireRows } from '../../shared/retention/expire.ts'
import { markRetention } from '../../shared/retention/mark.ts'
import { keepPartitions } from '../../shared/retention/partitions.ts'
import { readSettings } from '../../shared/setting/read.ts'
import type { Deps } from './deps.ts'

const EXPIRE_MS = 5_000

export const app = functionApp<Deps>()

app.post('/cron', async (c) => {
  const { db, clock, log } = c.env
  const settings = await readSettings(db)
  const partitions = await keepPartitions(db, settings['retention.shadow_history_gib'])
  const gone = await expireRows(db, clock.now(), settings, EXPIRE_MS)
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
