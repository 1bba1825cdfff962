import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { HardwareRev, Name, Version } from '../../shared/artifact/names.ts'
import {
  createRelease,
  deleteRelease,
  pageOfReleases,
  readRelease,
} from '../../shared/artifact/releases.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { keyedRequest } from '../../shared/http/idempotency.ts'
import { json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { ReleaseSchema } from './schema.ts'
import { releaseView } from './view.ts'
import { idBefore, IdOrSha256, NameOrId } from './wire.ts'

const Param = z.object({ name: NameOrId })
const NewRelease = z.strictObject({
  name: Name,
  version: Version.meta({ description: 'What a device says once it runs it' }),
  artifacts: z
    .array(z.strictObject({ hardware_rev: HardwareRev, artifact_id: IdOrSha256 }))
    .min(1)
    .max(100),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/releases',
  summary: 'Releases, newest first',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(ReleaseSchema)), ...refusals },
})
const createReleaseRoute = createRoute({
  method: 'post',
  path: '/api/v1/releases',
  summary: 'Makes a release: one artifact for each hardware revision',
  request: { body: jsonBody(NewRelease) },
  responses: { 201: json(ReleaseSchema, 'Made'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/releases/{name}',
  summary: 'One release',
  request: { params: Param },
  responses: { 200: json(ReleaseSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/releases/{name}',
  summary: 'Deletes a release that no rollout uses',
  request: { params: Param },
  responses: { 204: { description: 'Deleted' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['releases'])
  const before = idBefore(from)
  const page = pageOf(await pageOfReleases(c.env.db, before, limit + 1), limit, (last) =>
    writeCursor({ after: [String(last.release_id)], at: c.env.clock.now() }, ['releases']),
  )
  const items = page.items.map(releaseView)
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const create: Answer<typeof createReleaseRoute> = async (c) => {
  const { name, version, artifacts } = c.req.valid('json')
  const by = acting(c.var.call, c.var.identity)
  const made = {
    name,
    version,
    artifacts: artifacts.map((each) => ({
      hardwareRev: each.hardware_rev,
      artifactId: each.artifact_id,
    })),
  }
  const { body, status } = await runOnce(c.env, await keyedRequest(c), async (tx) => ({
    status: 201 as const,
    body: releaseView(await createRelease(tx, by, made)),
  }))
  return c.json(body, status)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(releaseView(await readRelease(c.env.db, c.req.valid('param').name)), 200)

const remove: Answer<typeof deleteRoute> = async (c) => {
  const by = acting(c.var.call, c.var.identity)
  await transaction(c.env.db, (tx) => deleteRelease(tx, by, c.req.valid('param').name))
  return c.body(null, 204)
}

/** Routes of releases. */
export function releaseRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(createReleaseRoute, create)
  app.openapi(showRoute, show)
  app.openapi(deleteRoute, remove)
}
