import { createRoute } from '@hono/zod-openapi'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { addEntry, hasEntry } from '../../shared/allowlist/edit.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { changeDevice } from '../../shared/device/change.ts'
import { readDevice, readDeviceList } from '../../shared/device/read.ts'
import { registerDevice } from '../../shared/device/register.ts'
import { removeDevice } from '../../shared/device/remove.ts'
import { countDevices, pageDevices, readQuery, readSort } from '../../shared/device/selection.ts'
import { needOperate } from '../../shared/http/authorize.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import {
  DeviceListQuery,
  IfMatch,
  json,
  jsonBody,
  pageSchema,
  refusals,
} from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { DeviceChange, DeviceParam, DeviceSchema, NewDevice } from './device-schema.ts'

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/devices',
  summary: 'Devices that a fleet query selects',
  request: { query: DeviceListQuery },
  responses: { 200: json(pageSchema(DeviceSchema)), ...refusals },
})
const createDeviceRoute = createRoute({
  method: 'post',
  path: '/api/v1/devices',
  summary: 'Registers a device before it has come',
  request: { body: jsonBody(NewDevice) },
  responses: { 201: json(DeviceSchema, 'Registered'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/devices/{id}',
  summary: 'One device',
  request: { params: DeviceParam },
  responses: { 200: json(DeviceSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/devices/{id}',
  summary: 'Changes what the operator says of a device (RFC 7396)',
  request: { params: DeviceParam, headers: IfMatch, body: jsonBody(DeviceChange) },
  responses: { 200: json(DeviceSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/devices/{id}',
  summary: 'Removes all that is kept of a decommissioned device',
  request: { params: DeviceParam, headers: IfMatch },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, q = 'all', sort: sortText, count } = c.req.valid('query')
  const { db, clock } = c.env
  const { query, text } = await readQuery(db, q)
  const sort = readSort(sortText)
  const binding = ['devices', text, sortText ?? '']
  const from = readCursor(cursor, binding)
  const now = from?.at ?? clock.now()
  const rows = await pageDevices(db, { query, sort, now, limit, after: from?.after })
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.device_id, last.sort_value], at: now }, binding),
  )
  const items = await readDeviceList(
    db,
    page.items.map((row) => row.device_id),
  )
  const counted = count === 'true' ? { count: Number(await countDevices(db, query, { now })) } : {}
  return c.json(
    { items, next: page.next, ...counted },
    200,
    linkHeader(c.var.call.target, page.next),
  )
}

const show: Answer<typeof showRoute> = async (c) => {
  const { device, revision } = await readDevice(c.env.db, c.req.valid('param').id)
  return c.json(device, 200, { etag: etag(revision) })
}

const create: Answer<typeof createDeviceRoute> = async (c) => {
  const body = c.req.valid('json')
  const { identity } = c.var
  if (body.groups !== undefined) needOperate(identity, 'groups')
  if (body.preauthorize) needOperate(identity, 'allowlist')
  const who = acting(c.var.call, identity)
  const outcome = await runOnce(c.env, await keyedRequest(c, body.device_id), async (tx) => {
    await registerDevice(tx, who, {
      deviceId: body.device_id,
      hardwareRev: body.hardware_rev,
      brokerEndpoint: body.broker_endpoint,
      groups: body.groups,
      attributes: body.attributes,
    })
    const key = { match: 'device_id', value: body.device_id } as const
    if (body.preauthorize && !(await hasEntry(tx, key))) {
      await addEntry(tx, who, { ...key, max_uses: 1, hardware_rev: body.hardware_rev })
    }
    const { device, revision } = await readDevice(tx, body.device_id)
    const headers = { etag: etag(revision), location: `/api/v1/devices/${body.device_id}` }
    return { status: 201 as const, body: { ...device }, headers }
  })
  return c.json(outcome.body, outcome.status, outcome.headers)
}

const changeOne: Answer<typeof changeRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { hardware_rev: hardwareRev, broker_endpoint: endpoint, ...rest } = c.req.valid('json')
  if (rest.groups !== undefined) needOperate(c.var.identity, 'groups')
  const expected = ifMatch(c.req.header('if-match'), 'optional')
  const change = {
    ...rest,
    hardwareRev: hardwareRev === null ? '' : hardwareRev,
    brokerEndpoint: endpoint === null ? '' : endpoint,
  }
  const { device, revision } = await transaction(c.env.db, async (tx) => {
    await changeDevice(tx, acting(c.var.call, c.var.identity), id, change, expected)
    return readDevice(tx, id)
  })
  return c.json(device, 200, { etag: etag(revision) })
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'optional')
  await transaction(c.env.db, (tx) =>
    removeDevice(tx, acting(c.var.call, c.var.identity), id, expected),
  )
  return c.body(null, 204)
}

/** Routes of single devices and lists of them. */
export function deviceRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(showRoute, show)
  app.openapi(createDeviceRoute, create)
  app.openapi(changeRoute, changeOne)
  app.openapi(deleteRoute, remove)
}
