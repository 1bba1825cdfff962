import { createRoute, type RouteConfig, type RouteHandler } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import {
  discard,
  findDeadLetter,
  pageDeadLetters,
  replay,
} from '../../shared/dead-letter/letters.ts'
import { DeviceId } from '../../shared/device-id.ts'
import type { functionApp, FunctionEnv } from '../../shared/http/function-app.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { classOfTopic, parseTopic } from '../../shared/mqtt/topics.ts'
import { notifyOutbox } from '../../shared/outbox/notify.ts'
import type { Deps } from './deps.ts'

type App = ReturnType<typeof functionApp<Deps>>
type Answer<R extends RouteConfig> = RouteHandler<R, FunctionEnv<Deps>>

const Param = z.object({
  id: z
    .string()
    .regex(/^[1-9]\d{0,17}$/, 'not a number')
    .transform((text) => BigInt(text)),
})
const DeadLetterSchema = z
  .object({
    id: z.string(),
    at: Time,
    device_id: z.string().nullable(),
    topic: z.string(),
    bytes: z.number().int(),
    reason: z.string(),
    delivery: z.string().nullable(),
    replayed_at: Time.nullable(),
  })
  .meta({ id: 'DeadLetter' })
const WholeSchema = DeadLetterSchema.extend({
  payload: z.string().meta({ description: 'Base64' }),
}).meta({ id: 'WholeDeadLetter' })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/dead-letters',
  summary: 'Messages that no function could take, newest first',
  request: {
    query: PageQuery.extend({
      device_id: DeviceId.optional(),
      reason: z.string().max(64).optional(),
    }),
  },
  responses: { 200: json(pageSchema(DeadLetterSchema)), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/dead-letters/{id}',
  summary: 'One of them, with its payload',
  request: { params: Param },
  responses: { 200: json(WholeSchema), ...refusals },
})
const discardRoute = createRoute({
  method: 'delete',
  path: '/api/v1/dead-letters/{id}',
  summary: 'Forgets it',
  request: { params: Param },
  responses: { 204: { description: 'Forgotten' }, ...refusals },
})
const replayRoute = createRoute({
  method: 'post',
  path: '/api/v1/dead-letters/{id}/replay',
  summary: 'Sends it again, as if the device had just published it',
  request: { params: Param },
  responses: { 200: json(WholeSchema), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, device_id: deviceId, reason } = c.req.valid('query')
  const { db, clock } = c.env
  const binding = ['dead-letters', deviceId ?? '', reason ?? '']
  const before = readCursor(cursor, binding)?.after[0] ?? null
  const from = before === null ? null : BigInt(before)
  const items = await pageDeadLetters(db, { deviceId, reason }, from, limit)
  const page = pageOf(items, limit, ({ id }) =>
    writeCursor({ after: [id], at: clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findDeadLetter(c.env.db, c.req.valid('param').id), 200)

const forget: Answer<typeof discardRoute> = async (c) => {
  const { id } = c.req.valid('param')
  await transaction(c.env.db, (tx) => discard(tx, acting(c.var.call, c.var.identity), id))
  return c.body(null, 204)
}

/** What a device could publish; a bell is the connector's own. */
const classOf = (topic: string) =>
  parseTopic(topic)?.kind === 'bell' ? undefined : classOfTopic(topic)

const sendAgain: Answer<typeof replayRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  let slots: readonly number[] = []
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    slots = await replay(tx, who, id, classOf)
    return { status: 200 as const, body: { ...(await findDeadLetter(tx, id)) } }
  })
  notifyOutbox(c.env.db, slots)
  return c.json(outcome.body, outcome.status)
}

/** Routes of messages that no function could take. */
export function deadLetterRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(showRoute, show)
  app.openapi(discardRoute, forget)
  app.openapi(replayRoute, sendAgain)
}
