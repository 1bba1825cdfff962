import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { answerBells } from './bells.ts'
import { deadLetterRoutes } from './dead-letters.ts'
import type { Deps } from './deps.ts'

export const app = functionApp<Deps>()

app.post('/mqtt', (c) => answerBells(c.req.raw, c.env))
deadLetterRoutes(app)

export const handler = serve<Deps>('compute-delta', app, access)
