import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { testWebhook } from '../../shared/webhook/deliver.ts'
import { isDelivered } from '../../shared/webhook/send.ts'
import {
  changeWebhook,
  createWebhook,
  findWebhook,
  pageDeliveries,
  pageWebhooks,
  redeliver,
  removeWebhook,
} from '../../shared/webhook/webhook.ts'
import { deliverDeps } from './deliver.ts'
import type { Answer, App } from './deps.ts'
import { answerSeal } from './seal.ts'

const Kind = z.string().regex(/^(?:\*|[a-z_]+(?:\.[a-z_]+)?)$/, 'noun, noun.event or *')
const Kinds = z.array(Kind).min(1).max(50)
const Url = z.string().min(1).max(2048)
const WebhookSchema = z
  .object({
    id: z.string(),
    url: z.string(),
    kinds: z.array(z.string()),
    enabled: z.boolean(),
    rotating: z.boolean(),
    waiting: z.number().int(),
  })
  .meta({ id: 'Webhook' })
const WithSecret = WebhookSchema.extend({ secret: z.string().optional() })
const NewWebhook = z.strictObject({ url: Url, kinds: Kinds.default(['*']) })
const Change = z.strictObject({
  url: Url.optional(),
  kinds: Kinds.optional(),
  enabled: z.boolean().optional(),
  rotate_secret: z.boolean().optional(),
  forget_old_secret: z.boolean().optional(),
})
const Tested = z.object({
  delivered: z.boolean(),
  status: z.number().int().nullable(),
  problem: z.string().nullable(),
})
const DeliverySchema = z
  .object({
    event_id: z.string(),
    at: Time,
    attempts: z.number().int(),
    next_at: Time,
    expires_at: Time,
  })
  .meta({ id: 'WebhookDelivery' })
const Param = z.object({
  id: z
    .string()
    .regex(/^[1-9]\d{0,9}$/, 'not a number')
    .transform(Number)
    .pipe(z.number().max(2_147_483_647)),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/webhooks',
  summary: 'Where events are sent',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(WebhookSchema)), ...refusals },
})
const createWebhookRoute = createRoute({
  method: 'post',
  path: '/api/v1/webhooks',
  summary: 'Sends events to a URL from now on (Standard Webhooks); its secret is told this once',
  request: { body: jsonBody(NewWebhook) },
  responses: { 201: json(WithSecret, 'Made'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/webhooks/{id}',
  summary: 'One webhook',
  request: { params: Param },
  responses: { 200: json(WebhookSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/webhooks/{id}',
  summary: 'Changes a webhook, or its secret: both sign until the old one is forgotten',
  request: { params: Param, body: jsonBody(Change) },
  responses: { 200: json(WithSecret), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/webhooks/{id}',
  summary: 'Removes a webhook',
  request: { params: Param },
  responses: { 204: { description: 'Removed' }, ...refusals },
})
const testRoute = createRoute({
  method: 'post',
  path: '/api/v1/webhooks/{id}/test',
  summary: 'Sends an event of no consequence and says what came of it',
  request: { params: Param },
  responses: { 200: json(Tested), ...refusals },
})
const deliveriesRoute = createRoute({
  method: 'get',
  path: '/api/v1/webhooks/{id}/deliveries',
  summary: 'Deliveries that failed and are tried again for three days',
  request: { params: Param, query: PageQuery },
  responses: { 200: json(pageSchema(DeliverySchema)), ...refusals },
})
const redeliverRoute = createRoute({
  method: 'post',
  path: '/api/v1/webhooks/{id}/redeliver',
  summary: 'Tries all that failed now',
  request: { params: Param },
  responses: { 200: json(z.object({ deliveries: z.number().int() })), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['webhooks'])
  const rows = await pageWebhooks(c.env.db, Number(from?.after[0] ?? 0), limit + 1)
  const page = pageOf(rows, limit, ({ id }) =>
    writeCursor({ after: [id], at: c.env.clock.now() }, ['webhooks']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createWebhookRoute> = async (c) => {
  const asked = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const keyed = await keyedRequest(c)
  const target = deliverDeps(c.env)
  const outcome = await runOnce(
    c.env,
    keyed,
    async (tx) => {
      const { webhook, secret } = await createWebhook(tx, who, asked, target)
      return { status: 201 as const, body: { ...webhook, secret } }
    },
    answerSeal(c.env, keyed),
  )
  return c.json(outcome.body, outcome.status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findWebhook(c.env.db, c.req.valid('param').id), 200)

const change: Answer<typeof changeRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const asked = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const target = deliverDeps(c.env)
  const { webhook, secret } = await transaction(c.env.db, (tx) =>
    changeWebhook(tx, who, id, asked, target),
  )
  return c.json({ ...webhook, ...(secret !== undefined && { secret }) }, 200)
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => removeWebhook(tx, who, id))
  return c.body(null, 204)
}

const test: Answer<typeof testRoute> = async (c) => {
  const sent = await testWebhook(deliverDeps(c.env), c.req.valid('param').id)
  const problem = sent.status === undefined ? sent.problem : null
  return c.json({ delivered: isDelivered(sent), status: sent.status ?? null, problem }, 200)
}

const deliveries: Answer<typeof deliveriesRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { limit, cursor } = c.req.valid('query')
  const binding = ['deliveries', String(id)]
  const from = readCursor(cursor, binding)
  const rows = await pageDeliveries(c.env.db, id, BigInt(from?.after[0] ?? '0'), limit + 1)
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.event_id], at: c.env.clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const again: Answer<typeof redeliverRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  const now = c.env.clock.now()
  const count = await transaction(c.env.db, (tx) => redeliver(tx, who, id, now))
  return c.json({ deliveries: count }, 200)
}

/** Routes of webhooks. */
export function webhookRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createWebhookRoute, create)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, change)
  app.openapi(deleteRoute, remove)
  app.openapi(testRoute, test)
  app.openapi(deliveriesRoute, deliveries)
  app.openapi(redeliverRoute, again)
}
