import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import {
  AnyJson,
  IfMatch,
  json,
  jsonBody,
  pageSchema,
  refusals,
  Time,
} from '../../shared/http/openapi.ts'
import {
  changeSetting,
  findSetting,
  listSettings,
  resetSetting,
  type SettingView,
} from '../../shared/setting/change.ts'
import { forgetSettings } from '../../shared/setting/read.ts'
import type { Answer, App } from './deps.ts'

const SettingSchema = z
  .object({
    name: z.string(),
    value: AnyJson,
    default: AnyJson,
    about: z.string(),
    updated_by: z.string().nullable(),
    updated_at: Time.nullable(),
  })
  .meta({ id: 'Setting' })
const Param = z.object({ name: z.string().max(64) })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/settings',
  summary: 'Every setting, changed or not',
  responses: { 200: json(pageSchema(SettingSchema)), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/settings/{name}',
  summary: 'One setting',
  request: { params: Param },
  responses: { 200: json(SettingSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/settings/{name}',
  summary: 'Changes a setting, live within ten seconds; If-Match is required',
  request: {
    params: Param,
    headers: IfMatch,
    body: jsonBody(z.strictObject({ value: AnyJson })),
  },
  responses: { 200: json(SettingSchema), ...refusals },
})
const resetRoute = createRoute({
  method: 'delete',
  path: '/api/v1/settings/{name}',
  summary: 'Goes back to the default; If-Match is required',
  request: { params: Param, headers: IfMatch },
  responses: { 200: json(SettingSchema), ...refusals },
})

const shown = (setting: SettingView): z.infer<typeof SettingSchema> => SettingSchema.parse(setting)

const list: Answer<typeof listRoute> = async (c) => {
  const items = (await listSettings(c.env.db)).map(({ setting }) => shown(setting))
  return c.json({ items, next: null }, 200)
}

const show: Answer<typeof showRoute> = async (c) => {
  const { setting, revision } = await findSetting(c.env.db, c.req.valid('param').name)
  return c.json(shown(setting), 200, { etag: etag(revision) })
}

const change: Answer<typeof changeRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const { value } = c.req.valid('json')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const who = acting(c.var.call, c.var.identity)
  const { setting, revision } = await transaction(c.env.db, async (tx) => {
    await changeSetting(tx, who, name, value, expected)
    return findSetting(tx, name)
  })
  forgetSettings(c.env.db)
  return c.json(shown(setting), 200, { etag: etag(revision) })
}

const reset: Answer<typeof resetRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const who = acting(c.var.call, c.var.identity)
  const { setting, revision } = await transaction(c.env.db, async (tx) => {
    await resetSetting(tx, who, name, expected)
    return findSetting(tx, name)
  })
  forgetSettings(c.env.db)
  return c.json(shown(setting), 200, { etag: etag(revision) })
}

/** Routes of the policy that lives in the database. */
export function settingRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, change)
  app.openapi(resetRoute, reset)
}
