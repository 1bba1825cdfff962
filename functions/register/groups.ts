import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import {
  changeGroupName,
  createGroup,
  findGroup,
  pageGroups,
  pageMembers,
  removeGroup,
} from '../../shared/device/groups.ts'
import { changeMembers } from '../../shared/device/membership.ts'
import { readDeviceList } from '../../shared/device/read.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { etag, ifMatch } from '../../shared/http/etag.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { IfMatch, json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { DeviceSchema, GroupName } from './device-schema.ts'

const GroupSchema = z
  .object({ name: z.string(), devices: z.number().int(), created_at: Time })
  .meta({ id: 'Group' })
const NameParam = z.object({ name: GroupName })
const NameBody = z.strictObject({ name: GroupName })
const Members = z.strictObject({ device_ids: z.array(DeviceId).min(1).max(1000) })
const Changed = z.object({ changed: z.number().int() })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/groups',
  summary: 'Groups by name',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(GroupSchema)), ...refusals },
})
const createGroupRoute = createRoute({
  method: 'post',
  path: '/api/v1/groups',
  summary: 'Makes a group',
  request: { body: jsonBody(NameBody) },
  responses: { 201: json(GroupSchema, 'Made'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/groups/{name}',
  summary: 'One group',
  request: { params: NameParam },
  responses: { 200: json(GroupSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/groups/{name}',
  summary: 'Renames a group; If-Match is required',
  request: { params: NameParam, headers: IfMatch, body: jsonBody(NameBody) },
  responses: { 200: json(GroupSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/groups/{name}',
  summary: 'Removes a group, its devices stay; If-Match is required',
  request: { params: NameParam, headers: IfMatch },
  responses: { 204: { description: 'Removed' }, ...refusals },
})
const membersRoute = createRoute({
  method: 'get',
  path: '/api/v1/groups/{name}/devices',
  summary: 'Devices of a group',
  request: { params: NameParam, query: PageQuery },
  responses: { 200: json(pageSchema(DeviceSchema)), ...refusals },
})
const members = (method: 'post' | 'delete', summary: string) =>
  createRoute({
    method,
    path: '/api/v1/groups/{name}/devices',
    summary,
    request: { params: NameParam, body: jsonBody(Members) },
    responses: { 200: json(Changed), ...refusals },
  })
const addRoute = members('post', 'Adds devices to a group: all, or none where one is unknown')
const takeRoute = members('delete', 'Takes devices out of a group')

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['groups'])
  const rows = await pageGroups(c.env.db, from?.after[0] ?? null, limit + 1)
  const page = pageOf(rows, limit, ({ name }) =>
    writeCursor({ after: [name], at: c.env.clock.now() }, ['groups']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createGroupRoute> = async (c) => {
  const { name } = c.req.valid('json')
  const { body, status, headers } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    await createGroup(tx, acting(c.var.call, c.var.identity), name)
    const { group, revision } = await findGroup(tx, name)
    return { status: 201 as const, body: { ...group }, headers: { etag: etag(revision) } }
  })
  return c.json(body, status, headers)
}

const show: Answer<typeof showRoute> = async (c) => {
  const { group, revision } = await findGroup(c.env.db, c.req.valid('param').name)
  return c.json(group, 200, { etag: etag(revision) })
}

const rename: Answer<typeof changeRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const { name: to } = c.req.valid('json')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  const { group, revision } = await transaction(c.env.db, async (tx) => {
    await changeGroupName(tx, acting(c.var.call, c.var.identity), name, to, expected)
    return findGroup(tx, to)
  })
  return c.json(group, 200, { etag: etag(revision) })
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const expected = ifMatch(c.req.header('if-match'), 'required')
  await transaction(c.env.db, (tx) =>
    removeGroup(tx, acting(c.var.call, c.var.identity), name, expected),
  )
  return c.body(null, 204)
}

const listMembers: Answer<typeof membersRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const { limit, cursor } = c.req.valid('query')
  const binding = ['group members', name]
  const from = readCursor(cursor, binding)
  const ids = await pageMembers(c.env.db, name, from?.after[0] ?? null, limit + 1)
  const page = pageOf(ids, limit, (id) =>
    writeCursor({ after: [id], at: c.env.clock.now() }, binding),
  )
  const items = await readDeviceList(c.env.db, page.items)
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const add: Answer<typeof addRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const { device_ids: ids } = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const changed = await changeMembers(tx, who, name, 'add', ids)
    return { status: 200 as const, body: { changed } }
  })
  return c.json(outcome.body, outcome.status)
}

const take: Answer<typeof takeRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const { device_ids: ids } = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const changed = await transaction(c.env.db, (tx) => changeMembers(tx, who, name, 'remove', ids))
  return c.json({ changed }, 200)
}

/** Routes of groups and their members. */
export function groupRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createGroupRoute, create)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, rename)
  app.openapi(deleteRoute, remove)
  app.openapi(membersRoute, listMembers)
  app.openapi(addRoute, add)
  app.openapi(takeRoute, take)
}
