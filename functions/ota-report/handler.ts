import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import type { Deps } from './deps.ts'
import { answerMessages } from './messages.ts'

export const app = functionApp<Deps>()

app.post('/mqtt', (c) => answerMessages(c.req.raw, c.env))

export const handler = serve<Deps>('ota-report', app, access)
