import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { CERTIFICATES_KIND } from '../../shared/certificate/bulk.ts'
import { queueBulk } from '../../shared/device/bulk.ts'
import { readQuery } from '../../shared/device/selection.ts'
import { queueSelection, trySelection } from '../../shared/device/selection-operation.ts'
import { needOperate } from '../../shared/http/authorize.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, refusals } from '../../shared/http/openapi.ts'
import { kick } from '../../shared/operation/queue.ts'
import { findOperation } from '../../shared/operation/read.ts'
import type { Answer, App } from './deps.ts'
import { AttributesChange, EndpointName, GroupName } from './device-schema.ts'
import { RevocationReason } from './identity-schema.ts'
import { OperationSchema } from './operation-schema.ts'
import { WarningSchema } from './query.ts'

const Groups = z
  .strictObject({
    add: z.array(GroupName).max(50).default([]),
    remove: z.array(GroupName).max(50).default([]),
  })
  .refine(({ add, remove }) => add.length + remove.length > 0, 'nothing to change')
const Change = z
  .strictObject({
    status: z.enum(['active', 'suspended', 'decommissioned']).optional(),
    attributes: AttributesChange.optional(),
    groups: Groups.optional(),
    broker_endpoint: EndpointName.nullable().optional(),
  })
  .refine((change) => Object.values(change).some((part) => part !== undefined), 'nothing to change')
const common = {
  q: z.string().min(1).max(4096),
  dry_run: z.boolean().default(false),
  expect: z.number().int().min(0).optional(),
  max_failed_percent: z.number().min(0).max(100).default(100),
}
const Bulk = z.strictObject({ ...common, change: Change }).meta({ id: 'BulkDevices' })
const CertificateChange = z.discriminatedUnion('action', [
  z.strictObject({ action: z.literal('renew') }),
  z.strictObject({ action: z.literal('revoke'), reason: RevocationReason }),
])
const CertificateBulk = z
  .strictObject({ ...common, change: CertificateChange })
  .meta({ id: 'BulkCertificates' })
const DryRun = z
  .object({
    q: z.string(),
    count: z.number().int(),
    samples: z.array(z.string()),
    warnings: z.array(WarningSchema),
  })
  .meta({ id: 'DryRun' })

const responses = {
  200: json(DryRun, 'What it would touch'),
  202: json(OperationSchema, 'Queued'),
  ...refusals,
}
const bulkRoute = createRoute({
  method: 'post',
  path: '/api/v1/bulk/devices',
  summary: 'Changes all devices that a query selects, as an operation; dry_run counts them',
  request: { body: jsonBody(Bulk) },
  responses,
})
const certificatesRoute = createRoute({
  method: 'post',
  path: '/api/v1/bulk/certificates',
  summary: 'Revokes the certificates of all devices that a query selects, or asks these to renew',
  request: { body: jsonBody(CertificateBulk) },
  responses,
})

const bulk: Answer<typeof bulkRoute> = async (c) => {
  const body = c.req.valid('json')
  if (body.change.groups !== undefined) needOperate(c.var.identity, 'groups')
  const { db, clock } = c.env
  const check = await readQuery(db, body.q)
  const now = clock.now()
  if (body.dry_run) return c.json(await trySelection(db, check, now), 200)
  const who = acting(c.var.call, c.var.identity)
  const { expect, max_failed_percent: maxFailedPercent } = body
  const { broker_endpoint: endpoint, ...others } = body.change
  const change = { ...others, brokerEndpoint: endpoint === null ? '' : endpoint }
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const id = await queueBulk(tx, who, { check, change, now, expect, maxFailedPercent })
    return { status: 202 as const, body: { ...(await findOperation(tx, id)) } }
  })
  await kick(db, 'register')
  return c.json(outcome.body, outcome.status)
}

const certificates: Answer<typeof certificatesRoute> = async (c) => {
  const body = c.req.valid('json')
  const { db, clock } = c.env
  const check = await readQuery(db, body.q)
  const now = clock.now()
  if (body.dry_run) return c.json(await trySelection(db, check, now), 200)
  const who = acting(c.var.call, c.var.identity)
  const { expect, change, max_failed_percent: maxFailedPercent } = body
  const kind = CERTIFICATES_KIND
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const ask = { kind, check, change: { ...change }, now, expect, maxFailedPercent }
    const id = await queueSelection(tx, who, ask)
    return { status: 202 as const, body: { ...(await findOperation(tx, id)) } }
  })
  await kick(db, 'register')
  return c.json(outcome.body, outcome.status)
}

/** Routes of changes of many devices. */
export function bulkRoutes(app: App): void {
  app.openapi(bulkRoute, bulk)
  app.openapi(certificatesRoute, certificates)
}
