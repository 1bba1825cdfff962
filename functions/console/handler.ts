import { access } from '../../shared/access/access.ts'
import { DomainError } from '../../shared/errors.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import type { Deps } from './deps.ts'
import { docsPage, openapiDocument } from './docs.ts'
import { errorPage } from './errors.ts'
import { eventRoutes } from './events.ts'
import { home } from './home.ts'
import { countTick, fleetMetrics } from './metrics.ts'
import { STYLE } from './style.ts'

export const app = functionApp<Deps>()

eventRoutes(app)
app.get('/', home)
app.get('/docs', docsPage)
app.get('/openapi.json', openapiDocument)
app.get('/errors/:code', errorPage)
app.get('/metrics', fleetMetrics)
app.post('/cron', countTick)
app.get('/assets/:name', (c) => {
  if (c.req.param('name') !== 'muster.css') throw new DomainError('route.not_found')
  return c.body(STYLE, 200, {
    'content-type': 'text/css; charset=utf-8',
    'cache-control': 'public, max-age=300',
    'x-content-type-options': 'nosniff',
  })
})

export const handler = serve<Deps>('console', app, access)
