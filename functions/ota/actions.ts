import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { serialId } from '../../shared/artifact/artifacts.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { DomainError } from '../../shared/errors.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { ACTION_STATES, PHASES } from '../../shared/rollout/action.ts'
import {
  cancelAction,
  findAction,
  pageOfActions,
  readLog,
  type ActionFilter,
} from '../../shared/rollout/actions.ts'
import { readRollout } from '../../shared/rollout/read-rollout.ts'
import type { Answer, App, Deps } from './deps.ts'
import { RolloutParam } from './rollouts.ts'
import { ActionSchema, LogSchema } from './schema.ts'
import { actionView, logView } from './view.ts'
import { NameOrId } from './wire.ts'

const ActionNumber = z.coerce.number().int().min(1).max(2_147_483_647)
const Param = z.object({ device: DeviceId, number: ActionNumber })
const Filter = PageQuery.extend({
  state: z.enum(ACTION_STATES).optional(),
  phase: z.enum(PHASES).optional(),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/actions',
  summary: 'Actions by device and number',
  request: {
    query: Filter.extend({
      device_id: DeviceId.optional(),
      rollout: NameOrId.optional(),
    }),
  },
  responses: { 200: json(pageSchema(ActionSchema)), ...refusals },
})
const devicesRoute = createRoute({
  method: 'get',
  path: '/api/v1/rollouts/{name}/devices',
  summary: 'The devices of a rollout, as their actions',
  request: { params: RolloutParam, query: Filter },
  responses: { 200: json(pageSchema(ActionSchema)), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/actions/{device}/{number}',
  summary: 'One action',
  request: { params: Param },
  responses: { 200: json(ActionSchema), ...refusals },
})
const logRoute = createRoute({
  method: 'get',
  path: '/api/v1/actions/{device}/{number}/log',
  summary: 'What became of an action, the oldest first',
  request: { params: Param },
  responses: { 200: json(LogSchema), ...refusals },
})
const cancelRoute = createRoute({
  method: 'post',
  path: '/api/v1/actions/{device}/{number}/cancel',
  summary: 'Calls an action back while its device has not begun to change itself',
  request: { params: Param },
  responses: { 200: json(ActionSchema), ...refusals },
})

interface Asked {
  readonly filter: ActionFilter
  readonly limit: number
  readonly cursor: string | undefined
}

async function page({ db, clock }: Deps, { filter, limit, cursor }: Asked) {
  const { deviceId = '', rolloutId = '', state = '', phase = '' } = filter
  const binding = ['actions', deviceId, String(rolloutId), state, phase]
  const [device, number] = readCursor(cursor, binding)?.after ?? []
  const after = typeof device === 'string' ? placeOf(device, number) : undefined
  const rows = await pageOfActions(db, filter, after, limit + 1)
  const { items, next } = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.device_id, String(last.number)], at: clock.now() }, binding),
  )
  return { items: items.map(actionView), next }
}

function placeOf(device: string, text: string | null | undefined): [string, number] {
  const number = serialId(text ?? '')
  if (number === undefined || !DeviceId.safeParse(device).success) {
    throw new DomainError('page.cursor_invalid')
  }
  return [device, number]
}

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, device_id: deviceId, rollout, state, phase } = c.req.valid('query')
  const rolloutId =
    rollout === undefined ? undefined : (await readRollout(c.env, rollout)).rollout_id
  const filter = { deviceId, rolloutId, state, phase }
  const answer = await page(c.env, { filter, limit, cursor })
  return c.json(answer, 200, linkHeader(c.var.call.target, answer.next))
}

const devices: Answer<typeof devicesRoute> = async (c) => {
  const { limit, cursor, state, phase } = c.req.valid('query')
  const { rollout_id: rolloutId } = await readRollout(c.env, c.req.valid('param').name)
  const answer = await page(c.env, { filter: { rolloutId, state, phase }, limit, cursor })
  return c.json(answer, 200, linkHeader(c.var.call.target, answer.next))
}

const show: Answer<typeof showRoute> = async (c) => {
  const { device, number } = c.req.valid('param')
  return c.json(actionView(await findAction(c.env.db, device, number)), 200)
}

const log: Answer<typeof logRoute> = async (c) => {
  const { device, number } = c.req.valid('param')
  const rows = await readLog(c.env.db, device, number)
  return c.json({ items: rows.map(logView) }, 200)
}

const cancel: Answer<typeof cancelRoute> = async (c) => {
  const { device, number } = c.req.valid('param')
  const by = acting(c.var.call, c.var.identity)
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => ({
    status: 200 as const,
    body: actionView(await cancelAction(tx, by, device, number)),
  }))
  return c.json(body, status)
}

/** Routes of actions. */
export function actionRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(devicesRoute, devices)
  app.openapi(showRoute, show)
  app.openapi(logRoute, log)
  app.openapi(cancelRoute, cancel)
}
