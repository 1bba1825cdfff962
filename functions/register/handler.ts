import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { allowlistRoutes } from './allowlist.ts'
import type { Deps } from './deps.ts'
import { deviceRoutes } from './devices.ts'
import { endpointRoutes } from './endpoints.ts'
import { groupRoutes } from './groups.ts'
import { importRoutes } from './imports.ts'
import { operationRoutes } from './operations.ts'
import { transitionRoutes } from './transitions.ts'

export const app = functionApp<Deps>()

deviceRoutes(app)
transitionRoutes(app)
groupRoutes(app)
importRoutes(app)
allowlistRoutes(app)
endpointRoutes(app)
operationRoutes(app)

export const handler = serve<Deps>('register', app, access)
