import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { json, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { findAuthority, listAuthorityViews } from '../../shared/pki/list-authorities.ts'
import type { Answer, App } from './deps.ts'

const AuthoritySchema = z
  .object({
    id: z.string(),
    name: z.string().nullable(),
    state: z.enum(['root', 'next', 'active', 'retired']),
    serial: z.string(),
    not_before: Time,
    expires_at: Time,
    pem: z.string(),
  })
  .meta({ id: 'Authority' })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/authorities',
  summary: 'Device authorities',
  responses: { 200: json(pageSchema(AuthoritySchema)), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/authorities/{id}',
  summary: 'One device authority',
  request: { params: z.object({ id: z.string().max(10) }) },
  responses: { 200: json(AuthoritySchema), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) =>
  c.json({ items: await listAuthorityViews(c.env.db), next: null }, 200)

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findAuthority(c.env.db, c.req.valid('param').id), 200)

/** Routes of authorities; their keys are nobody's to ask for. */
export function authorityRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(showRoute, show)
}
