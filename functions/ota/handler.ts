import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { actionRoutes } from './actions.ts'
import { artifactRoutes } from './artifacts.ts'
import { contentRoutes } from './content.ts'
import { bulkRoutes } from './bulk.ts'
import type { Deps } from './deps.ts'
import { keyRoutes } from './keys.ts'
import { releaseRoutes } from './releases.ts'
import { rolloutVerbRoutes } from './rollout-verbs.ts'
import { rolloutRoutes } from './rollouts.ts'
import { tick } from './tick.ts'
import { uploadRoutes } from './uploads.ts'

export const app = functionApp<Deps>()

keyRoutes(app)
uploadRoutes(app)
artifactRoutes(app)
contentRoutes(app)
releaseRoutes(app)
rolloutRoutes(app)
rolloutVerbRoutes(app)
actionRoutes(app)
bulkRoutes(app)
app.post('/cron', (c) => tick(c.env))

export const handler = serve<Deps>('ota', app, access)
