import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { declareIndex, readIndex, readIndexes, removeIndex } from '../../shared/index/declare.ts'
import { FIELD_TYPES } from '../../shared/index/facts.ts'
import { kick } from '../../shared/operation/queue.ts'
import type { Answer, App } from './route.ts'

const Type = z.enum(FIELD_TYPES)
const IndexSchema = z
  .object({
    name: z.string(),
    type: Type,
    ready: z.boolean().meta({ description: 'False while what is stored is being read' }),
    created_at: Time,
  })
  .meta({ id: 'Index' })
const NewIndex = z
  .strictObject({
    name: z
      .string()
      .min(1)
      .max(512)
      .meta({ description: 'As the fleet language writes it: shadow.reported.x, attribute.site' }),
    type: Type,
  })
  .meta({ id: 'NewIndex' })
const Declared = IndexSchema.extend({
  operation: z.string().meta({ description: 'The operation that reads what is stored' }),
}).meta({ id: 'DeclaredIndex' })
const Param = z.object({ name: z.string().max(2048) })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/indexes',
  summary: 'Leaves that are declared for search',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(IndexSchema)), ...refusals },
})
const addRoute = createRoute({
  method: 'post',
  path: '/api/v1/indexes',
  summary: 'Declares a leaf of shadows or attributes for search',
  request: { body: jsonBody(NewIndex) },
  responses: { 201: json(Declared, 'Declared'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/indexes/{name}',
  summary: 'One declared leaf',
  request: { params: Param },
  responses: { 200: json(IndexSchema), ...refusals },
})
const removeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/indexes/{name}',
  summary: 'Takes a declaration back',
  request: { params: Param },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const { db, clock } = c.env
  const binding = ['indexes']
  const after = readCursor(cursor, binding)?.after[0] ?? ''
  const rest = (await readIndexes(db)).filter(({ name }) => name > after)
  const page = pageOf(rest, limit, ({ name }) =>
    writeCursor({ after: [name], at: clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const add: Answer<typeof addRoute> = async (c) => {
  const who = acting(c.var.call, c.var.identity)
  const body = c.req.valid('json')
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const { index, operation } = await declareIndex(tx, who, body)
    return { status: 201 as const, body: { ...index, operation: String(operation) } }
  })
  await kick(c.env.db, 'shadow-update')
  return c.json(outcome.body, outcome.status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await readIndex(c.env.db, c.req.valid('param').name), 200)

const remove: Answer<typeof removeRoute> = async (c) => {
  const who = acting(c.var.call, c.var.identity)
  const { name } = c.req.valid('param')
  await transaction(c.env.db, (tx) => removeIndex(tx, who, name))
  await kick(c.env.db, 'shadow-update')
  return c.body(null, 204)
}

/** Routes of leaves that are declared for search. */
export function indexRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(addRoute, add)
  app.openapi(showRoute, show)
  app.openapi(removeRoute, remove)
}
