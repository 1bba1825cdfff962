import { access } from '../../shared/access/access.ts'
import { functionApp } from '../../shared/http/function-app.ts'
import { serve } from '../../shared/http/serve.ts'
import { authorities } from './cacerts.ts'
import { attributes } from './csrattrs.ts'
import type { Deps } from './deps.ts'
import { estError } from './error.ts'
import { simpleEnroll } from './simple-enroll.ts'
import { simpleReenroll } from './simple-reenroll.ts'

const EST = '/.well-known/est'

export const app = functionApp<Deps>()
app.get(`${EST}/cacerts`, (c) => authorities(c.env, c.req.raw))
app.get(`${EST}/csrattrs`, (c) => attributes(c.req.raw))
app.post(`${EST}/simpleenroll`, (c) => simpleEnroll(c.env, c.req.raw, c.var))
app.post(`${EST}/simplereenroll`, (c) => simpleReenroll(c.env, c.req.raw, c.var))

const served = serve<Deps>('est', app, access)

/** Problems leave as EST clients can read them, whoever raised them. */
export const handler = async (request: Request, deps: Deps): Promise<Response> =>
  estError(await served(request, deps), request.method)
