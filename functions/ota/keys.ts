import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { addKey, findKey, pageOfKeys, revokeKey } from '../../shared/artifact/keys.ts'
import { HardwareRev, Name } from '../../shared/artifact/names.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { KeySchema } from './schema.ts'
import { keyView } from './view.ts'

const Param = z.object({ name: Name })
const NewKey = z.strictObject({
  name: Name,
  public_key: z.string().max(16_384).meta({ description: 'PEM of a SubjectPublicKeyInfo' }),
  hardware_revs: z.array(HardwareRev).min(1).max(100).optional(),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/keys',
  summary: 'Keys whose signatures are trusted',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(KeySchema)), ...refusals },
})
const addRoute = createRoute({
  method: 'post',
  path: '/api/v1/keys',
  summary: 'Trusts a public key; a private one is refused',
  request: { body: jsonBody(NewKey) },
  responses: { 201: json(KeySchema, 'Trusted'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/keys/{name}',
  summary: 'One key',
  request: { params: Param },
  responses: { 200: json(KeySchema), ...refusals },
})
const revokeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/keys/{name}',
  summary: 'Trusts a key no longer; it stays listed as revoked',
  request: { params: Param },
  responses: { 204: { description: 'Revoked' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const after = readCursor(cursor, ['keys'])?.after[0]?.replaceAll('\0', '') ?? ''
  const page = pageOf(await pageOfKeys(c.env.db, after, limit + 1), limit, (last) =>
    writeCursor({ after: [last.key_id], at: c.env.clock.now() }, ['keys']),
  )
  const items = page.items.map(keyView)
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const add: Answer<typeof addRoute> = async (c) => {
  const said = c.req.valid('json')
  const key = { name: said.name, publicKey: said.public_key, hardwareRevs: said.hardware_revs }
  const by = acting(c.var.call, c.var.identity)
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => ({
    status: 201 as const,
    body: keyView(await addKey(tx, by, key)),
  }))
  return c.json(body, status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(keyView(await findKey(c.env.db, c.req.valid('param').name)), 200)

const revoke: Answer<typeof revokeRoute> = async (c) => {
  const by = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => revokeKey(tx, by, c.req.valid('param').name))
  return c.body(null, 204)
}

/** Routes of trusted keys. */
export function keyRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(addRoute, add)
  app.openapi(showRoute, show)
  app.openapi(revokeRoute, revoke)
}
