import type * as z from 'zod'
import { json, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import { CLASSIC } from '../../shared/shadow/name.ts'
import {
  assertDevice,
  readHistory,
  readShadowList,
  type ShadowKey,
} from '../../shared/shadow/read.ts'
import { jsonText, textRoute, valid, type App, type ShadowContext } from './route.ts'
import { DeviceParam, NamedParam, ShadowHistoryItem, ShadowSummary } from './shadow-schema.ts'

async function history(c: ShadowContext, key: ShadowKey): Promise<Response> {
  const { db, clock } = c.env
  const { limit, cursor } = valid(PageQuery, c.req.query(), 'query')
  await assertDevice(db, key.deviceId)
  const binding = ['shadow.history', key.deviceId, key.shadow]
  const before = readCursor(cursor, binding)?.after[0] ?? null
  const items = await readHistory(db, key, before === null ? null : BigInt(before), limit)
  const page = pageOf(items, limit, ({ version }) =>
    writeCursor({ after: [String(version)], at: clock.now() }, binding),
  )
  // Requests are JSON texts already.
  const texts = page.items.map(({ request, ...item }) =>
    JSON.stringify(item).replace(/}$/, `,"request":${request ?? 'null'}}`),
  )
  const body = `{"items":[${texts.join(',')}],"next":${JSON.stringify(page.next)}}`
  return jsonText(body, linkHeader(c.var.call.target, page.next))
}

async function list(c: ShadowContext): Promise<Response> {
  const { db, clock } = c.env
  const { id } = valid(DeviceParam, c.req.param(), 'param')
  const { limit, cursor } = valid(PageQuery, c.req.query(), 'query')
  await assertDevice(db, id)
  const binding = ['shadows', id]
  const after = readCursor(cursor, binding)?.after[0] ?? null
  const page = pageOf(await readShadowList(db, id, after, limit), limit, ({ name }) =>
    writeCursor({ after: [name ?? CLASSIC], at: clock.now() }, binding),
  )
  return jsonText(JSON.stringify(page), linkHeader(c.var.call.target, page.next))
}

function historyRoute<P extends z.ZodObject>(
  app: App,
  path: string,
  params: P,
  of: (params: z.infer<P>) => ShadowKey,
): void {
  textRoute(
    app,
    {
      method: 'get',
      path,
      summary: 'What changed a shadow, newest first',
      request: { params, query: PageQuery },
      responses: { 200: json(pageSchema(ShadowHistoryItem)), ...refusals },
    },
    (c) => history(c, of(valid(params, c.req.param(), 'param'))),
  )
}

/** Lists of a device's shadows and of their changes. */
export function listRoutes(app: App): void {
  textRoute(
    app,
    {
      method: 'get',
      path: '/api/v1/devices/{id}/shadows',
      summary: 'The shadows of a device',
      request: { params: DeviceParam, query: PageQuery },
      responses: { 200: json(pageSchema(ShadowSummary)), ...refusals },
    },
    list,
  )
  const base = '/api/v1/devices/{id}/shadow'
  historyRoute(app, `${base}/history`, DeviceParam, ({ id }) => ({ deviceId: id, shadow: CLASSIC }))
  historyRoute(app, `${base}/name/{name}/history`, NamedParam, ({ id, name }) => ({
    deviceId: id,
    shadow: name,
  }))
}
