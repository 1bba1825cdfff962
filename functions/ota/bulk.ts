import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { trySelection } from '../../shared/device/selection-operation.ts'
import { readQuery } from '../../shared/device/selection.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, refusals } from '../../shared/http/openapi.ts'
import { kick } from '../../shared/operation/queue.ts'
import { findOperation } from '../../shared/operation/read.ts'
import { queueActionsBulk } from '../../shared/rollout/bulk.ts'
import type { Answer, App } from './deps.ts'
import { DryRunSchema, QueuedSchema } from './schema.ts'
import { warningView } from './view.ts'
import { NameOrId } from './wire.ts'

const Bulk = z
  .strictObject({
    q: z.string().min(1).max(4096),
    change: z.strictObject({
      state: z.literal('cancelled'),
      rollout: NameOrId.optional().meta({ description: 'Only actions of this one' }),
    }),
    dry_run: z.boolean().default(false),
    expect: z.number().int().min(0).optional(),
    max_failed_percent: z.number().min(0).max(100).default(100),
  })
  .meta({ id: 'BulkActions' })

const bulkRoute = createRoute({
  method: 'post',
  path: '/api/v1/bulk/actions',
  summary: 'Calls back the actions of all devices that a query selects; dry_run counts them',
  request: { body: jsonBody(Bulk) },
  responses: {
    200: json(DryRunSchema, 'What it would touch'),
    202: json(QueuedSchema, 'Queued'),
    ...refusals,
  },
})

const bulk: Answer<typeof bulkRoute> = async (c) => {
  const { q, change, dry_run: dryRun, expect, max_failed_percent: most } = c.req.valid('json')
  const { db, clock } = c.env
  const check = await readQuery(db, q)
  const now = clock.now()
  if (dryRun) {
    const { warnings, ...counted } = await trySelection(db, check, now)
    return c.json({ ...counted, warnings: warnings.map(warningView) }, 200)
  }
  const by = acting(c.var.call, c.var.identity)
  const { rollout } = change
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const ask = { check, rollout, now, expect, maxFailedPercent: most }
    const id = await queueActionsBulk(tx, by, ask)
    return { status: 202 as const, body: { ...(await findOperation(tx, id)) } }
  })
  await kick(db, 'ota')
  return c.json(body, status)
}

/** Routes of changes of many devices' actions. */
export function bulkRoutes(app: App): void {
  app.openapi(bulkRoute, bulk)
}
