import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { credentialRoutes } from './credentials.ts'
import type { Deps } from './deps.ts'
import { settingRoutes } from './settings.ts'
import { tokenRoutes } from './tokens.ts'
import { topicRoutes } from './topics.ts'

export const app = functionApp<Deps>()

credentialRoutes(app)
tokenRoutes(app)
topicRoutes(app)
settingRoutes(app)

export const handler = serve<Deps>('admin', app, access)
