import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { deliverWebhooks } from '../../shared/webhook/deliver.ts'
import { auditRoutes } from './audit.ts'
import { authorityRoutes } from './authorities.ts'
import { credentialRoutes } from './credentials.ts'
import { deliverDeps } from './deliver.ts'
import type { Deps } from './deps.ts'
import { settingRoutes } from './settings.ts'
import { tokenRoutes } from './tokens.ts'
import { topicRoutes } from './topics.ts'
import { webhookRoutes } from './webhooks.ts'

export const app = functionApp<Deps>()

credentialRoutes(app)
tokenRoutes(app)
topicRoutes(app)
settingRoutes(app)
authorityRoutes(app)
webhookRoutes(app)
auditRoutes(app)
app.post('/cron', async (c) => {
  await deliverWebhooks(deliverDeps(c.env))
  return c.body(null, 204)
})

export const handler = serve<Deps>('admin', app, access)
