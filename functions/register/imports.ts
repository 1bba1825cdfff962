import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { beginImport, commitImport, stageChunk } from '../../shared/allowlist/import.ts'
import { DomainError } from '../../shared/errors.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, refusals } from '../../shared/http/openapi.ts'
import { kick } from '../../shared/operation/queue.ts'
import { findOperation } from '../../shared/operation/read.ts'
import type { Answer, App } from './deps.ts'
import { OperationId, OperationSchema } from './operation-schema.ts'

const ImportParam = z.object({ operation: OperationId })
const Staged = z.object({
  rows: z.number().int(),
  faults: z.array(z.object({ line: z.number().int(), reason: z.string() })),
})

const beginRoute = createRoute({
  method: 'post',
  path: '/api/v1/allowlist/imports',
  summary: 'Begins an import; rows are staged under it, then committed',
  request: { body: jsonBody(z.strictObject({ dry_run: z.boolean().default(false) })) },
  responses: { 201: json(OperationSchema, 'Begun'), ...refusals },
})
const rowsRoute = createRoute({
  method: 'post',
  path: '/api/v1/allowlist/imports/{operation}/rows',
  summary: 'Stages at most 10,000 lines of the file, repeatable; line 1 is the header',
  request: {
    params: ImportParam,
    query: z.strictObject({ from: z.coerce.number().int().min(1).max(10_000_001) }),
    body: { required: true, content: { 'text/csv': { schema: z.string() } } },
  },
  responses: { 200: json(Staged), ...refusals },
})
const commitRoute = createRoute({
  method: 'post',
  path: '/api/v1/allowlist/imports/{operation}/commit',
  summary: 'Takes all staged rows at once, or none where a line is bad',
  request: { params: ImportParam },
  responses: { 202: json(OperationSchema, 'Queued'), ...refusals },
})

const begin: Answer<typeof beginRoute> = async (c) => {
  const { dry_run: dryRun } = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const id = await beginImport(tx, who, dryRun)
    return { status: 201 as const, body: { ...(await findOperation(tx, id)) } }
  })
  return c.json(outcome.body, outcome.status)
}

const stage: Answer<typeof rowsRoute> = async (c) => {
  if (!/^text\/csv\b/i.test(c.req.header('content-type') ?? '')) {
    throw new DomainError('request.unsupported_media_type', { detail: 'text/csv is expected' })
  }
  const text = utf8(await c.req.arrayBuffer())
  const { operation } = c.req.valid('param')
  const { from } = c.req.valid('query')
  const staged = await transaction(c.env.db, (tx) => stageChunk(tx, operation, from, text))
  return c.json({ rows: staged.rows, faults: [...staged.faults] }, 200)
}

function utf8(bytes: ArrayBuffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw new DomainError('request.malformed', { detail: 'not UTF-8' })
  }
}

const commit: Answer<typeof commitRoute> = async (c) => {
  const { operation } = c.req.valid('param')
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    await commitImport(tx, operation)
    return { status: 202 as const, body: { ...(await findOperation(tx, operation)) } }
  })
  await kick(c.env.db, 'register')
  return c.json(outcome.body, outcome.status)
}

/** Routes of imports of the allowlist. */
export function importRoutes(app: App): void {
  app.openapi(beginRoute, begin)
  app.openapi(rowsRoute, stage)
  app.openapi(commitRoute, commit)
}
