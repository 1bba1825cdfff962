import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { allowlistRoutes } from './allowlist.ts'
import { bulkRoutes } from './bulk.ts'
import { cron } from './cron.ts'
import type { Deps } from './deps.ts'
import { deviceRoutes } from './devices.ts'
import { endpointRoutes } from './endpoints.ts'
import { groupRoutes } from './groups.ts'
import { identityRoutes } from './identity.ts'
import { importRoutes } from './imports.ts'
import { mqtt } from './mqtt.ts'
import { operationRoutes } from './operations.ts'
import { queryRoutes } from './query.ts'
import { transitionRoutes } from './transitions.ts'

export const app = functionApp<Deps>()

deviceRoutes(app)
transitionRoutes(app)
groupRoutes(app)
importRoutes(app)
allowlistRoutes(app)
identityRoutes(app)
endpointRoutes(app)
operationRoutes(app)
bulkRoutes(app)
queryRoutes(app)
app.post('/mqtt', (c) => mqtt(c.env, c.req.raw))
app.post('/cron', (c) => cron(c.env))

export const handler = serve<Deps>('register', app, access)
