import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { transaction } from '../../shared/db/transaction.ts'
import {
  changeEndpoint,
  createEndpoint,
  EndpointHost,
  EndpointHosts,
  findEndpoint,
  pageEndpoints,
  removeEndpoint,
} from '../../shared/endpoint/endpoint.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { GroupName as EndpointName } from './device-schema.ts'

const Priority = z.number().int().min(0).max(1000)
const Region = z.string().min(1).max(64)
const EndpointSchema = z
  .object({
    name: z.string(),
    region: z.string().nullable(),
    priority: z.number().int(),
    hosts: z.array(EndpointHost),
  })
  .meta({ id: 'Endpoint' })
const NewEndpoint = z.strictObject({
  name: EndpointName,
  region: Region.nullable().default(null),
  priority: Priority.default(0),
  hosts: EndpointHosts,
})
const Change = z.strictObject({
  region: Region.nullable().optional(),
  priority: Priority.optional(),
  hosts: EndpointHosts.optional(),
})
const Param = z.object({ name: EndpointName })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/endpoints',
  summary: 'Brokers that devices are sent to',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(EndpointSchema)), ...refusals },
})
const createEndpointRoute = createRoute({
  method: 'post',
  path: '/api/v1/endpoints',
  summary: 'Adds a broker',
  request: { body: jsonBody(NewEndpoint) },
  responses: { 201: json(EndpointSchema, 'Added'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/endpoints/{name}',
  summary: 'One broker',
  request: { params: Param },
  responses: { 200: json(EndpointSchema), ...refusals },
})
const changeRoute = createRoute({
  method: 'patch',
  path: '/api/v1/endpoints/{name}',
  summary: 'Changes a broker; devices learn of it when they enrol or renew',
  request: { params: Param, body: jsonBody(Change) },
  responses: { 200: json(EndpointSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/endpoints/{name}',
  summary: 'Removes a broker that no device belongs to',
  request: { params: Param },
  responses: { 204: { description: 'Removed' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['endpoints'])
  const rows = await pageEndpoints(c.env.db, from?.after[0] ?? null, limit + 1)
  const page = pageOf(rows, limit, ({ name }) =>
    writeCursor({ after: [name], at: c.env.clock.now() }, ['endpoints']),
  )
  return c.json(page, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createEndpointRoute> = async (c) => {
  const asked = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  const outcome = await runOnce(c.env, await keyedRequest(c), async (tx) => {
    const made = await createEndpoint(tx, who, asked)
    return { status: 201 as const, body: plain(made) }
  })
  return c.json(outcome.body, outcome.status)
}

// Absent members are left out, as JSON does.
function plain({ name, region, priority, hosts }: z.infer<typeof EndpointSchema>) {
  const copies = hosts.map(({ host, port, address, tls_name, mqtt_url }) => ({
    host,
    port,
    ...(address !== undefined && { address }),
    ...(tls_name !== undefined && { tls_name }),
    ...(mqtt_url !== undefined && { mqtt_url }),
  }))
  return { name, region, priority, hosts: copies }
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(await findEndpoint(c.env.db, c.req.valid('param').name), 200)

const change: Answer<typeof changeRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const asked = c.req.valid('json')
  const who = acting(c.var.call, c.var.identity)
  return c.json(await transaction(c.env.db, (tx) => changeEndpoint(tx, who, name, asked)), 200)
}

const remove: Answer<typeof deleteRoute> = async (c) => {
  const { name } = c.req.valid('param')
  const who = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => removeEndpoint(tx, who, name))
  return c.body(null, 204)
}

/** Routes of broker endpoints. */
export function endpointRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createEndpointRoute, create)
  app.openapi(showRoute, show)
  app.openapi(changeRoute, change)
  app.openapi(deleteRoute, remove)
}
