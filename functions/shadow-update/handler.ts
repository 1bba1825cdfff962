import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { bulkRoutes } from './bulk.ts'
import { cron } from './cron.ts'
import type { Deps } from './deps.ts'
import { indexRoutes } from './indexes.ts'
import { listRoutes } from './lists.ts'
import { answerMessages } from './messages.ts'
import { shadowRoutes } from './shadows.ts'

export const app = functionApp<Deps>()

app.post('/mqtt', (c) => answerMessages(c.req.raw, c.env))
app.post('/cron', (c) => cron(c.env))
shadowRoutes(app)
listRoutes(app)
indexRoutes(app)
bulkRoutes(app)

export const handler = serve<Deps>('shadow-update', app, access)
