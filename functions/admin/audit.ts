import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { pageAudit, pageSeals } from '../../shared/audit/read.ts'
import { audit } from '../../shared/audit/record.ts'
import { verifyAudit } from '../../shared/audit/verify.ts'
import { AnyJson, json, pageSchema, refusals, Time } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'

const DAY_MS = 86_400_000
const SHOWN_DAYS = 31

const RecordSchema = z
  .object({
    id: z.string(),
    xid: z.string(),
    at: Time,
    actor: z.string(),
    token_id: z.string().nullable(),
    source: z.string().nullable(),
    call_id: z.string().nullable(),
    verb: z.string(),
    target: z.string().nullable(),
    code: z.string().nullable(),
    detail: z.record(z.string(), AnyJson).nullable(),
    record: z.string().meta({ description: 'What is sealed, after `id|xid|`' }),
  })
  .meta({ id: 'AuditRecord' })
const SealSchema = z
  .object({
    id: z.string(),
    from_xid: z.string(),
    to_xid: z.string(),
    rows: z.number().int(),
    root: z.string(),
    previous: z.string(),
    signature: z.string(),
    public_key: z.string(),
    at: Time,
  })
  .meta({ id: 'AuditSeal' })
const Verified = z
  .object({
    seals: z.number().int(),
    records: z.number().int(),
    aged: z.number().int(),
    faults: z.array(
      z.object({
        seal_id: z.string(),
        fault: z.enum(['signature', 'previous', 'records']),
        at: Time,
      }),
    ),
    next: z.string().nullable().meta({ description: 'Go on with `after`; null: that was all' }),
  })
  .meta({ id: 'AuditVerification' })
const Moment = z.iso.datetime({ offset: true })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/audit',
  summary: 'Who did what, newest first; the last 31 days, unless `since` says otherwise',
  request: {
    query: PageQuery.extend({
      since: Moment.optional(),
      until: Moment.optional(),
      actor: z.string().max(256).optional(),
      verb: z.string().max(64).optional(),
      target: z.string().max(256).optional(),
    }),
  },
  responses: { 200: json(pageSchema(RecordSchema)), ...refusals },
})
const sealsRoute = createRoute({
  method: 'get',
  path: '/api/v1/audit/seals',
  summary: 'Seals of the audit log, oldest first',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(SealSchema)), ...refusals },
})
const verifyRoute = createRoute({
  method: 'post',
  path: '/api/v1/audit/verify',
  summary:
    'Computes seals anew from the records that stand in the database, as many as a call bears',
  request: {
    query: z.strictObject({
      after: z
        .string()
        .regex(/^[1-9]\d{0,17}$/, 'not a seal')
        .optional(),
    }),
  },
  responses: { 200: json(Verified), ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, since, until, actor, verb, target } = c.req.valid('query')
  const binding = ['audit', since ?? '', until ?? '', actor ?? '', verb ?? '', target ?? '']
  const from = readCursor(cursor, binding)
  const now = from?.at ?? c.env.clock.now()
  const filter = {
    since: since === undefined ? new Date(now.getTime() - SHOWN_DAYS * DAY_MS) : new Date(since),
    until: until === undefined ? new Date(now.getTime() + DAY_MS) : new Date(until),
    actor,
    verb,
    target,
  }
  const who = acting(c.var.call, c.var.identity)
  const rows = await pageAudit(c.env.db, who, filter, { after: from?.after, limit: limit + 1 })
  const page = pageOf(rows, limit, ({ xid, id }) =>
    writeCursor({ after: [xid, id], at: now }, binding),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const seals: Answer<typeof sealsRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['seals'])
  const rows = await pageSeals(c.env.db, BigInt(from?.after[0] ?? '0'), limit + 1)
  const page = pageOf(rows, limit, ({ id }) =>
    writeCursor({ after: [id], at: c.env.clock.now() }, ['seals']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const verify: Answer<typeof verifyRoute> = async (c) => {
  const { db, clock } = c.env
  const after = BigInt(c.req.valid('query').after ?? '0')
  const verified = await verifyAudit(db, { now: clock.now(), after })
  const detail = { seals: verified.seals, faults: verified.faults.length }
  await audit(db, { ...acting(c.var.call, c.var.identity), verb: 'audit.verify', detail })
  return c.json(verified, 200)
}

/** Routes of the audit log. */
export function auditRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(sealsRoute, seals)
  app.openapi(verifyRoute, verify)
}
