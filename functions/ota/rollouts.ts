import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { Name } from '../../shared/artifact/names.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { IfMatch, json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import {
  changeRolloutPlan,
  createRollout,
  removeRollout,
} from '../../shared/rollout/create-rollout.ts'
import { planRollout } from '../../shared/rollout/plan.ts'
import { pageOfRollouts, readRollout } from '../../shared/rollout/read-rollout.ts'
import { ROLLOUT_STATES } from '../../shared/rollout/rollout.ts'
import { RuleEdits, RuleFields } from '../../shared/rollout/rules.ts'
import { readSettings } from '../../shared/setting/read.ts'
import type { Answer, App } from './deps.ts'
import { PlanSchema, RolloutSchema } from './schema.ts'
import { planView, rolloutView, warningView } from './view.ts'
import { idBefore, NameOrId } from './wire.ts'

export const RolloutParam = z.object({ name: NameOrId })
const Kind = z.enum(['forced', 'soft'])
const NewRollout = z.strictObject({
  name: Name,
  release: NameOrId,
  query: z.string().max(4096),
  kind: Kind.default('forced'),
  ...RuleFields,
})
const Edit = z.strictObject({
  release: NameOrId.optional(),
  query: z.string().max(4096).optional(),
  kind: Kind.optional(),
  ...RuleEdits,
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/rollouts',
  summary: 'Rollouts, newest first',
  request: { query: PageQuery.extend({ status: z.enum(ROLLOUT_STATES).optional() }) },
  responses: { 200: json(pageSchema(RolloutSchema)), ...refusals },
})
const createRolloutRoute = createRoute({
  method: 'post',
  path: '/api/v1/rollouts',
  summary: 'Plans a release for the devices of a query; nothing moves before `start`',
  request: { body: jsonBody(NewRollout) },
  responses: { 201: json(RolloutSchema, 'Planned'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/rollouts/{name}',
  summary: 'One rollout, with its groups',
  request: { params: RolloutParam },
  responses: { 200: json(RolloutSchema), ...refusals },
})
const editRoute = createRoute({
  method: 'patch',
  path: '/api/v1/rollouts/{name}',
  summary: 'Changes what has not started; If-Match is required',
  request: { params: RolloutParam, headers: IfMatch, body: jsonBody(Edit) },
  responses: { 200: json(RolloutSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/rollouts/{name}',
  summary: 'Deletes what has not started; If-Match is required',
  request: { params: RolloutParam, headers: IfMatch },
  responses: { 204: { description: 'Deleted' }, ...refusals },
})
const planRoute = createRoute({
  method: 'get',
  path: '/api/v1/rollouts/{name}/plan',
  summary: 'What a start would do now, counted',
  request: { params: RolloutParam },
  responses: { 200: json(PlanSchema), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, status } = c.req.valid('query')
  const binding = ['rollouts', status ?? '']
  const from = readCursor(cursor, binding)
  const before = idBefore(from)
  const page = pageOf(await pageOfRollouts(c.env, status, before, limit + 1), limit, (last) =>
    writeCursor({ after: [String(last.rollout_id)], at: c.env.clock.now() }, binding),
  )
  const items = page.items.map(rolloutView)
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createRolloutRoute> = async (c) => {
  const made = c.req.valid('json')
  const by = acting(c.var.call, c.var.identity)
  const { 'rollout.approval': approval } = await readSettings(c.env.db)
  const { body, status, headers } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const { rollout, warnings } = await createRollout(tx, by, made, approval)
    return {
      status: 201 as const,
      body: { ...rolloutView(rollout), warnings: warnings.map(warningView) },
      headers: { etag: etag(rollout.revision) },
    }
  })
  return c.json(body, status, headers)
}

const show: Answer<typeof showRoute> = async (c) => {
  const rollout = await readRollout(c.env, c.req.valid('param').name)
  return c.json(rolloutView(rollout), 200, { etag: etag(rollout.revision) })
}

const edit: Answer<typeof editRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const wish = { by: acting(c.var.call, c.var.identity), name, expected }
  const { 'rollout.approval': approval } = await readSettings(c.env.db)
  const rollout = await transaction(c.env.db, (tx) =>
    changeRolloutPlan(tx, wish, c.req.valid('json'), approval),
  )
  return c.json(rolloutView(rollout), 200, { etag: etag(rollout.revision) })
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const wish = { by: acting(c.var.call, c.var.identity), name, expected }
  await transaction(c.env.db, (tx) => removeRollout(tx, wish))
  return c.body(null, 204)
}

const plan: Answer<typeof planRoute> = async (c) =>
  c.json(planView(await planRollout(c.env, c.req.valid('param').name)), 200)

/** Routes of rollouts, but what moves them. */
export function rolloutRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createRolloutRoute, create)
  app.openapi(showRoute, show)
  app.openapi(editRoute, edit)
  app.openapi(deleteRoute, remove)
  app.openapi(planRoute, plan)
}
