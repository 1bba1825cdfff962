import { createRoute, type OpenAPIHono } from '@hono/zod-openapi'
import * as z from 'zod'
import { readHealth } from '../../shared/enrollment/health.ts'
import { scopeReaches } from '../../shared/http/authorize.ts'
import type { FunctionEnv } from '../../shared/http/function-app.ts'
import type { Deps } from './deps.ts'

const Part = z.object({
  name: z.string(),
  status: z.enum(['ok', 'warning', 'failed']),
  at: z.string().nullable(),
  problem: z.string().nullable(),
})
const Health = z.object({
  status: z.enum(['ok', 'warning', 'failed']),
  parts: z.array(Part).optional().describe('for operators who may read'),
})
const content = { 'application/json': { schema: Health } }

const route = createRoute({
  method: 'get',
  path: '/api/v1/health',
  summary: 'How authority, database, broker and store are',
  responses: {
    200: { description: 'All parts answer', content },
    503: { description: 'A part has failed, or was not heard of for 60 s', content },
  },
})

export function addHealth(app: OpenAPIHono<FunctionEnv<Deps>>): void {
  app.openapi(route, async (c) => {
    const { status, parts } = await readHealth(c.env)
    const { identity } = c.var
    const may = identity.kind === 'operator' && scopeReaches(identity.scope, 'read', 'health')
    c.header('cache-control', 'no-store')
    return c.json(may ? { status, parts: [...parts] } : { status }, status === 'failed' ? 503 : 200)
  })
}
