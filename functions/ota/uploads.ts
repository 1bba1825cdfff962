import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import { acting } from '../../shared/access/acting.ts'
import { abortUpload } from '../../shared/artifact/abort-upload.ts'
import { beginUpload } from '../../shared/artifact/begin-upload.ts'
import { completeUpload } from '../../shared/artifact/complete-upload.ts'
import { FileName, Sha256Hex, Version } from '../../shared/artifact/names.ts'
import { putPart } from '../../shared/artifact/put-part.ts'
import { findUpload, pageOfUploads } from '../../shared/artifact/read-upload.ts'
import { readSignature } from '../../shared/artifact/signature.ts'
import { DomainError } from '../../shared/errors.ts'
import { readContentDigest } from '../../shared/http/content-digest.ts'
import { json, jsonBody, pageSchema, refusals } from '../../shared/http/openapi.ts'
import { linkHeader, pageOf, PageQuery, readCursor, writeCursor } from '../../shared/http/page.ts'
import type { Answer, App } from './deps.ts'
import { PartSchema, UploadSchema } from './schema.ts'
import { uploadView } from './view.ts'
import { uuidAfter } from './wire.ts'

const UNCHECKED =
  'swu, raucb, mender and mcuboot are not read by this version; send the file as raw'

/** The formats that are really looked into. */
export const Format = z.literal('raw', UNCHECKED).default('raw')

const State = z.enum(['open', 'checking', 'ready', 'refused'])
const Param = z.object({ id: z.uuid() })
const PartParam = z.object({ id: z.uuid(), n: z.coerce.number().int().min(1).max(10_000) })
const NewUpload = z.strictObject({
  name: FileName,
  bytes: z.number().int().min(1),
  sha256: Sha256Hex,
  signature: z.string().max(4096).optional().meta({ description: 'Base64, over the SHA-256' }),
  format: Format,
  version: Version.optional(),
})

const listRoute = createRoute({
  method: 'get',
  path: '/api/v1/uploads',
  summary: 'Uploads that are open, checked or refused',
  request: { query: PageQuery.extend({ state: State.optional() }) },
  responses: { 200: json(pageSchema(UploadSchema)), ...refusals },
})
const beginRoute = createRoute({
  method: 'post',
  path: '/api/v1/uploads',
  summary: 'Begins an upload in parts, or goes on with an open one of the same content',
  request: { body: jsonBody(NewUpload) },
  responses: {
    200: json(UploadSchema, 'One is open: send what is missing'),
    201: json(UploadSchema, 'Begun'),
    ...refusals,
  },
})
const showRoute = createRoute({
  method: 'get',
  path: '/api/v1/uploads/{id}',
  summary: 'One upload, with the parts that are there',
  request: { params: Param },
  responses: { 200: json(UploadSchema), ...refusals },
})
const partRoute = createRoute({
  method: 'put',
  path: '/api/v1/uploads/{id}/parts/{n}',
  summary: 'Sends a part, in any order, again at will; Content-Digest is required',
  request: {
    params: PartParam,
    headers: z.object({ 'content-digest': z.string().optional() }),
    body: { content: { 'application/octet-stream': { schema: z.string() } } },
  },
  responses: { 200: json(PartSchema, 'Stored'), ...refusals },
})
const completeRoute = createRoute({
  method: 'post',
  path: '/api/v1/uploads/{id}/complete',
  summary: 'Ends an upload: an operation reads, hashes and verifies it',
  request: { params: Param },
  responses: { 202: json(UploadSchema, 'Being checked'), ...refusals },
})
const abortRoute = createRoute({
  method: 'delete',
  path: '/api/v1/uploads/{id}',
  summary: 'Forgets an upload',
  request: { params: Param },
  responses: { 204: { description: 'Forgotten' }, ...refusals },
})

const list: Answer<typeof listRoute> = async (c) => {
  const { limit, cursor, state } = c.req.valid('query')
  const binding = ['uploads', state ?? '']
  const after = uuidAfter(readCursor(cursor, binding))
  const page = pageOf(await pageOfUploads(c.env, state, after, limit + 1), limit, (last) =>
    writeCursor({ after: [last.upload_id], at: c.env.clock.now() }, binding),
  )
  const items = page.items.map((upload) => uploadView(upload, c.env.partBytes))
  return c.json({ items, next: page.next }, 200, linkHeader(c.var.call.target, page.next))
}

const begin: Answer<typeof beginRoute> = async (c) => {
  const { name, bytes, sha256, version = '', signature } = c.req.valid('json')
  const file = {
    name,
    bytes,
    sha256,
    version,
    signature: signature === undefined ? undefined : readSignature(signature),
  }
  const by = acting(c.var.call, c.var.identity)
  const { upload, resumed } = await beginUpload(c.env, by, file)
  return c.json(uploadView(upload, c.env.partBytes), resumed ? 200 : 201)
}

const show: Answer<typeof showRoute> = async (c) =>
  c.json(uploadView(await findUpload(c.env, c.req.valid('param').id), c.env.partBytes), 200)

const part: Answer<typeof partRoute> = async (c) => {
  const { id: uploadId, n: number } = c.req.valid('param')
  const sha256 = readContentDigest(c.req.header('content-digest'))
  if (sha256 === undefined) {
    const errors = [{ header: 'Content-Digest', detail: 'required' }]
    throw new DomainError('request.invalid', { errors })
  }
  const content = new Uint8Array(await c.req.arrayBuffer())
  const stored = await putPart(c.env, { uploadId, number, sha256, content })
  return c.json({ number: stored.part, bytes: stored.size }, 200)
}

const complete: Answer<typeof completeRoute> = async (c) => {
  const by = acting(c.var.call, c.var.identity)
  const upload = await completeUpload(c.env, by, c.req.valid('param').id)
  return c.json(uploadView(upload, c.env.partBytes), 202)
}

const abort: Answer<typeof abortRoute> = async (c) => {
  await abortUpload(c.env, acting(c.var.call, c.var.identity), c.req.valid('param').id)
  return c.body(null, 204)
}

/** Routes of uploads in parts. */
export function uploadRoutes(app: App): void {
  app.openapi(listRoute, list)
  app.openapi(beginRoute, begin)
  app.openapi(showRoute, show)
  app.openapi(partRoute, part)
  app.openapi(completeRoute, complete)
  app.openapi(abortRoute, abort)
}
