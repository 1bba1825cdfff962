import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { deleteArtifact, findArtifact, pageOfArtifacts } from '../../shared/artifact/artifacts.ts'
import { FileName, Version } from '../../shared/artifact/names.ts'
import { readSignature } from '../../shared/artifact/signature.ts'
import { storeArtifact } from '../../shared/artifact/store-artifact.ts'
import { DomainError } from '../../shared/errors.ts'
import { readContentDigest } from '../../shared/http/content-digest.ts'
import { json, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { ArtifactSchema } from './schema.ts'
import { Format } from './uploads.ts'
import { artifactView } from './view.ts'
import { idBefore, IdOrSha256 } from './wire.ts'

export const ArtifactParam = z.object({ id: IdOrSha256 })

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/artifacts',
  summary: 'Artifacts, newest first',
  request: { query: PageQuery },
  responses: { 200: json(pageSchema(ArtifactSchema)), ...refusals },
})
const storeRoute = createRoute({
  method: 'post',
  path: '/api/v1/artifacts',
  summary: 'Takes a whole file in one request, to 256 MiB; larger ones are uploaded in parts',
  request: {
    query: z.strictObject({
      name: FileName,
      version: Version.optional(),
      signature: z.string().max(4096).optional().meta({ description: 'Base64, over the SHA-256' }),
      format: Format,
    }),
    headers: z.object({ 'content-digest': z.string().optional() }),
    body: { content: { 'application/octet-stream': { schema: z.string() } } },
  },
  responses: { 201: json(ArtifactSchema, 'Verified and stored'), ...refusals },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/artifacts/{id}',
  summary: 'One artifact',
  request: { params: ArtifactParam },
  responses: { 200: json(ArtifactSchema), ...refusals },
})
const deleteRoute = createRoute({
  method: 'delete',
  path: '/api/v1/artifacts/{id}',
  summary: 'Deletes an artifact that no release holds',
  request: { params: ArtifactParam },
  responses: { 204: { description: 'Deleted' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor } = c.req.valid('query')
  const from = readCursor(cursor, ['artifacts'])
  const before = idBefore(from)
  const page = pageOf(await pageOfArtifacts(c.env, before, limit + 1), limit, (last) =>
    writeCursor({ after: [String(last.artifact_id)], at: c.env.clock.now() }, ['artifacts']),
  )
  const items = page.items.map(artifactView)
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const store: Answer<typeof storeRoute> = async (c) => {
  const { name, version = '', signature } = c.req.valid('query')
  const { body } = c.req.raw
  if (body === null) throw new DomainError('request.invalid', { detail: 'an empty file' })
  const { artifact_id: id } = await storeArtifact(c.env, acting(c.var.call, c.var.identity), {
    name,
    version,
    body,
    signature: signature === undefined ? undefined : readSignature(signature),
    sha256: readContentDigest(c.req.header('content-digest')),
  })
  return c.json(artifactView(await findArtifact(c.env, String(id))), 201)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(artifactView(await findArtifact(c.env, c.req.valid('param').id)), 200)

const remove: Answer<typeof deleteRoute> = async (c) => {
  await deleteArtifact(c.env, acting(c.var.call, c.var.identity), c.req.valid('param').id)
  return c.body(null, 204)
}

/** Routes of artifacts, but their content. */
export function artifactRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(storeRoute, store)
  app.openapi(showRoute, show)
  app.openapi(deleteRoute, remove)
}
