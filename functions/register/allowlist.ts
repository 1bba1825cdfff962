import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import {
  addEntry,
  dropEntry,
  editEntry,
  findEntry,
  pageEntries,
} from '../../shared/allowlist/edit.ts'
import { MATCHES, NewEntry, readEntryId } from '../../shared/allowlist/entry.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'

const State = z.enum(['open', 'pending', 'used', 'blocked'])
const EntrySchema = z
  .object({
    id: z.string().meta({ description: 'match:value' }),
    match: z.enum(MATCHES),
    value: z.string(),
    device_id: z.string().nullable(),
    hardware_rev: z.string().nullable(),
    credentials: z.array(z.string()).nullable(),
    expires_at: Time.nullable(),
    uses: z.number().int(),
    max_uses: z.number().int(),
    state: State,
  })
  .meta({ id: 'AllowlistEntry' })
const EntryParam = z.object({ id: z.string().min(1).max(320) })
const Filter = PageQuery.extend({ state: State.optional(), match: z.enum(MATCHES).optional() })
const Change = z.strictObject({
  state: z.enum(['open', 'blocked']).optional(),
  expires_at: z.iso.datetime({ offset: true }).nullable().optional(),
  max_uses: z.number().int().min(1).max(1_000_000).optional(),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/allowlist',
  summary: 'Who may enrol',
  request: { query: Filter },
  responses: { 200: json(pageSchema(EntrySchema)), ...refusals },
})
const addRoute = createRoute({
  method: 'post',
  path: '/api/v1/allowlist',
  summary: 'Lets a device in, or changes what was said of it',
  request: { body: jsonBody(NewEntry) },
  responses: { 201: json(EntrySchema, 'Added'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/allowlist/{id}',
  summary: 'One entry, by match:value or a device id',
  request: { params: EntryParam },
  responses: { 200: json(EntrySchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/allowlist/{id}',
  summary: 'Blocks or opens an entry, changes its end or its uses',
  request: { params: EntryParam, body: jsonBody(Change) },
  responses: { 200: json(EntrySchema), ...refusals },
})
const removeRoute = createRoute({
  method: 'delete',
  path: '/api/v1/allowlist/{id}',
  summary: 'Takes an entry off the list',
  request: { params: EntryParam },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, state, match } = c.req.valid('query')
  const binding = ['allowlist', state ?? '', match ?? '']
  const from = readCursor(cursor, binding)
  const rows = await pageEntries(c.env.db, { state, match }, from?.after, limit + 1)
  const page = pageOf(rows, limit, (last) =>
    writeCursor({ after: [last.value, last.match], at: c.env.clock.now() }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const add: Answer<typeof addRoute> = async (c) => {
  const entry = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const added = await addEntry(tx, who, entry)
    return { status: 201 as const, body: { ...added } }
  })
  return c.json(outcome.body, outcome.status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findEntry(c.env.db, readEntryId(c.req.valid('param').id)), 200)

const change: Answer<typeof changeRoute> = async (c) => {
  const key = readEntryId(c.req.valid('param').id)
  const asked = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  return c.json(await transaction(c.env.db, (tx) => editEntry(tx, who, key, asked)), 200)
}

const remove: Answer<typeof removeRoute> = async (c) => {
  const key = readEntryId(c.req.valid('param').id)
  const who = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => dropEntry(tx, who, key))
  return c.body(null, 204)
}

/** Routes of single entries of the allowlist. */
export function allowlistRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(addRoute, add)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, change)
  app.openapi(removeRoute, remove)
}
