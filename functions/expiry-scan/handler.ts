import { Counter } from 'prom-client'
import { scanExpiry } from '../../shared/enrollment/scan-expiry.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve, type Access } from '../../shared/http/serve.ts'
import { metrics } from '../../shared/metrics.ts'
import { readSettings } from '../../shared/setting/read.ts'
import type { Deps } from './deps.ts'

const alerts = new Counter({
  name: 'muster_certificate_alerts_total',
  help: 'Certificates that were alerted about, by the days they had left',
  labelNames: ['days'],
  registers: [metrics],
})

export const app = functionApp<Deps>()

// The tick is the scan's clock: a late or repeated one finds what was due then.
app.post('/cron', async (c) => {
  const { db, config, clock } = c.env
  const tick = Number(c.req.query('tick'))
  const settings = await readSettings(db)
  const scanned = await scanExpiry({
    db,
    now: Number.isSafeInteger(tick) && tick > 0 ? new Date(tick) : clock.now(),
    thresholds: settings['expiry.alert_days'],
    renewUrl: `${config.apiUrl}/api/v1/enroll/renew`,
    counted: (days) => alerts.inc({ days: String(days) }),
  })
  return c.json(scanned)
})

// Only the connector calls: nobody is asked for.
const nobody: Access<Deps> = { identify: async () => ({ kind: 'none' }) }

export const handler = serve('expiry-scan', app, nobody)
