import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import type { Deps } from './deps.ts'
import { addEnroll } from './enroll.ts'
import { addHealth } from './health.ts'
import { addRenew } from './renew.ts'

export const app = functionApp<Deps>()
addEnroll(app)
addRenew(app)
addHealth(app)

export const handler = serve<Deps>('enroll', app, access)
