import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { forgetStaged } from '../../shared/allowlist/import.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { cancelWork } from '../../shared/operation/queue.ts'
import { findOperation, pageOperations, pageResults } from '../../shared/operation/read.ts'
import type { Answer, App } from './deps.ts'
import { OperationId, OperationSchema, OperationState } from './operation-schema.ts'

const Param = z.object({ id: OperationId })
const ResultSchema = z
  .object({
    device_id: z.string(),
    state: z.string(),
    code: z.string().nullable(),
    detail: z.string().nullable(),
    at: Time,
  })
  .meta({ id: 'OperationResult' })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/operations',
  summary: 'Long work, newest first',
  request: {
    query: PageQuery.extend({
      kind: z.string().max(64).optional(),
      state: OperationState.optional(),
    }),
  },
  responses: { 200: json(pageSchema(OperationSchema)), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/operations/{id}',
  summary: 'One operation',
  request: { params: Param },
  responses: { 200: json(OperationSchema), ...refusals },
})
const resultsRoute = createRoute({
  method: 'get',
  path: '/api/v1/operations/{id}/results',
  summary: 'What became of each device, or of each bad line of an import',
  request: {
    params: Param,
    query: PageQuery.extend({ state: z.enum(['succeeded', 'failed']).optional() }),
  },
  responses: { 200: json(pageSchema(ResultSchema)), ...refusals },
})
const cancelRoute = createRoute({
  method: 'post',
  path: '/api/v1/operations/{id}/cancel',
  summary: 'Ends an operation where it stands',
  request: { params: Param },
  responses: { 200: json(OperationSchema), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, kind, state } = c.req.valid('query')
  const binding = ['operations', kind ?? '', state ?? '']
  const from = readCursor(cursor, binding)
  const before = from === undefined ? null : Number(from.after[0])
  const rows = await pageOperations(c.env.db, { kind, state }, before, limit + 1)
  const page = pageOf(rows, limit, ({ id }) =>
    writeCursor({ after: [id], at: c.env.clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findOperation(c.env.db, c.req.valid('param').id), 200)

const results: Answer<typeof resultsRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { limit, cursor, state } = c.req.valid('query')
  const binding = ['results', String(id), state ?? '']
  const from = readCursor(cursor, binding)
  const after = from?.after[0] ?? null
  const rows = await pageResults(c.env.db, id, state ?? null, after, limit + 1)
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.device_id], at: c.env.clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const cancel: Answer<typeof cancelRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    await cancelWork(tx, acting(c.var.call, c.var.identity), id)
    await forgetStaged(tx, id)
    return { status: 200 as const, body: { ...(await findOperation(tx, id)) } }
  })
  return c.json(outcome.body, outcome.status)
}

/** Routes of operations, whoever advances them. */
export function operationRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(showRoute, show)
  app.openapi(resultsRoute, results)
  app.openapi(cancelRoute, cancel)
}
