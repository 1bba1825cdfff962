import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { trySelection } from '../../shared/device/selection-operation.ts'
import { readQuery } from '../../shared/device/selection.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, refusals, Time } from '../../shared/http/openapi.ts'
import { kick } from '../../shared/operation/queue.ts'
import { findOperation } from '../../shared/operation/read.ts'
import { queueShadowsBulk } from '../../shared/shadow/bulk.ts'
import { isTree } from '../../shared/shadow/document.ts'
import { parseJson, printJson } from '../../shared/shadow/json.ts'
import { CLASSIC } from '../../shared/shadow/name.ts'
import type { Answer, App } from './route.ts'
import { ShadowName, ShadowState } from './shadow-schema.ts'

const Bulk = z
  .strictObject({
    q: z.string().min(1).max(4096),
    change: z.strictObject({
      state: ShadowState,
      name: ShadowName.optional().meta({ description: 'A named shadow, not the classic one' }),
    }),
    dry_run: z.boolean().default(false),
    expect: z.number().int().min(0).optional(),
    max_failed_percent: z.number().min(0).max(100).default(100),
  })
  .meta({ id: 'BulkShadows' })
const Warning = z.object({
  code: z.string(),
  detail: z.string(),
  at: z.number().int(),
  end: z.number().int(),
  field: z.string(),
  hint: z.string().optional(),
})
const DryRun = z.object({
  q: z.string(),
  count: z.number().int(),
  samples: z.array(z.string()),
  warnings: z.array(Warning),
})
const Queued = z.object({
  id: z.string(),
  kind: z.string(),
  state: z.enum(['queued', 'running', 'succeeded', 'failed', 'cancelled']),
  actor: z.string(),
  query: z.string().nullable(),
  change: z.unknown(),
  total: z.number().int().nullable(),
  done: z.number().int(),
  failed: z.number().int(),
  created_at: Time,
  finished_at: Time.nullable(),
})

const bulkRoute = createRoute({
  method: 'post',
  path: '/api/v1/bulk/shadows',
  summary:
    'Changes a shadow of all devices that a query selects, as an operation; dry_run counts them',
  request: { body: jsonBody(Bulk) },
  responses: {
    200: json(DryRun, 'What it would touch'),
    202: json(Queued, 'Queued'),
    ...refusals,
  },
})

/** The change as an update's envelope, its numbers as they were sent. */
function requestText(body: string): string {
  const sent = parseJson(body)
  const change = isTree(sent) ? sent['change'] : undefined
  return printJson({ state: isTree(change) ? (change['state'] ?? null) : null })
}

const bulk: Answer<typeof bulkRoute> = async (c) => {
  const { q, change, dry_run: dryRun, expect, max_failed_percent: most } = c.req.valid('json')
  const { db, clock } = c.env
  const check = await readQuery(db, q)
  const now = clock.now()
  if (dryRun) return c.json(await trySelection(db, check, now), 200)
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const id = await queueShadowsBulk(tx, who, {
      check,
      request: requestText(await c.req.text()),
      shadow: change.name ?? CLASSIC,
      now,
      expect,
      maxFailedPercent: most,
    })
    return { status: 202 as const, body: { ...(await findOperation(tx, id)) } }
  })
  await kick(db, 'shadow-update')
  return c.json(outcome.body, outcome.status)
}

/** Routes of changes of many devices' shadows. */
export function bulkRoutes(app: App): void {
  app.openapi(bulkRoute, bulk)
}
