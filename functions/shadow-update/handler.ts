import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import type { Deps } from './deps.ts'
import { listRoutes } from './lists.ts'
import { answerMessages } from './messages.ts'
import { shadowRoutes } from './shadows.ts'

export const app = functionApp<Deps>()

app.post('/mqtt', (c) => answerMessages(c.req.raw, c.env))
shadowRoutes(app)
listRoutes(app)

export const handler = serve<Deps>('shadow-update', app, access)
