import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { addTopic, findTopic, pageTopics, removeTopic } from '../../shared/topic/topic.ts'
import type { Answer, App } from './deps.ts'

const Use = z.enum(['publish', 'subscribe', 'both'])
const TopicSchema = z
  .object({ filter: z.string(), device: Use, created_at: Time })
  .meta({ id: 'Topic' })
const NewTopic = z.strictObject({ filter: z.string().min(1).max(256), device: Use })
/** The filter itself, percent-encoded. */
const Param = z.object({ id: z.string().min(1).max(256) })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/topics',
  summary: "Topics of the operator's own",
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(TopicSchema)), ...refusals },
})
const addRoute = createRoute({
  method: 'post',
  path: '/api/v1/topics',
  summary: 'Lets devices use a topic; {id} in the filter is the own id',
  request: { body: jsonBody(NewTopic) },
  responses: { 201: json(TopicSchema, 'Added'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/topics/{id}',
  summary: 'One topic, by its filter',
  request: { params: Param },
  responses: { 200: json(TopicSchema), ...refusals },
})
const removeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/topics/{id}',
  summary: 'Takes a topic from devices',
  request: { params: Param },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['topics'])
  const rows = await pageTopics(c.env.db, from?.after[0] ?? null, limit + 1)
  const page = pageOf(rows, limit, ({ filter }) =>
    writeCursor({ after: [filter], at: c.env.clock.now() }, ['topics']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const add: Answer<typeof addRoute> = async (c) => {
  const { filter, device } = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const topic = await addTopic(tx, who, filter, device)
    return { status: 201 as const, body: { ...topic } }
  })
  return c.json(outcome.body, outcome.status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findTopic(c.env.db, c.req.valid('param').id), 200)

const remove: Answer<typeof removeRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => removeTopic(tx, who, id))
  return c.body(null, 204)
}

/** Routes of the operator's own topics. */
export function topicRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(addRoute, add)
  app.openapi(showRoute, show)
  app.openapi(removeRoute, remove)
}
