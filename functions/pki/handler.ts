import { functionApp } from '../../shared/http/function-app.ts'
import { serve, type Access } from '../../shared/http/serve.ts'
import type { Deps } from './deps.ts'
import { issue } from './issue.ts'
import { signClaimFor } from './claim.ts'
import { authorityBundle, crl } from './public.ts'
import { revoke } from './revoke.ts'
import { tick } from './tick.ts'

export const app = functionApp<Deps>()

app.get('/pki/ca.pem', (c) => authorityBundle(c.env, c.req.raw))
app.get('/pki/crl', (c) => crl(c.env, c.req.raw))
app.post('/internal/issue', (c) => issue(c.env, c.req.raw))
app.post('/internal/revoke', (c) => revoke(c.env, c.req.raw))
app.post('/internal/claim', (c) => signClaimFor(c.env, c.req.raw))
app.post('/cron', (c) => tick(c.env))

// Public paths are for everyone; so nobody is asked for.
const nobody: Access<Deps> = { identify: async () => ({ kind: 'none' }) }

export const handler = serve('pki', app, nobody)
