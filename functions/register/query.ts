import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { countDevices, countedWarnings, declaredFields } from '../../shared/device/selection.ts'
import { json, jsonBody, refusals } from '../../shared/http/openapi.ts'
import { checkQuery } from '../../shared/query/check.ts'
import { completeQuery } from '../../shared/query/complete.ts'
import { deviceCatalogue } from '../../shared/query/device-catalogue.ts'
import type { Answer, App } from './deps.ts'

/** Something the author of a query should know. */
export const WarningSchema = z
  .object({
    code: z.string(),
    detail: z.string(),
    at: z.number().int(),
    end: z.number().int(),
    field: z.string(),
    hint: z.string().optional(),
  })
  .meta({ id: 'QueryWarning' })

const COUNT_CAP = 1_000_001

const Ask = z.strictObject({
  q: z.string().max(4096),
  count: z.boolean().default(false),
  cursor: z.number().int().min(0).max(4096).optional().meta({
    description: 'UTF-16 offset: answers what may stand there instead of checking',
  }),
})
const Checked = z
  .object({
    q: z.string().meta({ description: 'The canonical text' }),
    warnings: z.array(WarningSchema),
    count: z.number().int().optional(),
    completion: z
      .object({ at: z.number().int(), end: z.number().int(), candidates: z.array(z.string()) })
      .optional(),
  })
  .meta({ id: 'QueryCheck' })

const checkRoute = createRoute({
  method: 'post',
  path: '/api/v1/query/check',
  summary: 'Checks a fleet query, counts what it selects, or completes it',
  request: { body: jsonBody(Ask) },
  responses: { 200: json(Checked), ...refusals },
})

const check: Answer<typeof checkRoute> = async (c) => {
  const { q, cursor, count } = c.req.valid('json')
  const { db, clock } = c.env
  const fields = await declaredFields(db)
  if (cursor !== undefined) {
    const { at, end, candidates } = completeQuery(q, cursor, deviceCatalogue(fields))
    return c.json({ q, warnings: [], completion: { at, end, candidates: [...candidates] } }, 200)
  }
  const checked = checkQuery(q, fields)
  const now = clock.now()
  const counted = count
    ? { count: Number(await countDevices(db, checked.query, { now, cap: COUNT_CAP })) }
    : {}
  const warnings = count ? await countedWarnings(db, checked, now) : [...checked.warnings]
  return c.json({ q: checked.text, warnings, ...counted }, 200)
}

/** The route by which command and console check and complete queries. */
export function queryRoutes(app: App): void {
  app.openapi(checkRoute, check)
}
