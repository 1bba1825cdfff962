import { createRoute } from '@hono/zod-openapi'
import * as z from 'zod'
import type { ArtifactRow } from '../../shared/artifact/artifact.ts'
import { artifactOfDevice, findArtifact } from '../../shared/artifact/artifacts.ts'
import { openContent } from '../../shared/artifact/open-content.ts'
import { writeDigest } from '../../shared/http/content-digest.ts'
import { problemResponse } from '../../shared/http/problem.ts'
import { refusals } from '../../shared/http/openapi.ts'
import { DomainError } from '../../shared/errors.ts'
import { ArtifactParam } from './artifacts.ts'
import type { Answer, App, Deps } from './deps.ts'
import { rangeHolds, readRange } from './range.ts'

const file = { 'application/octet-stream': { schema: z.string() } }

const contentRoute = createRoute({
  method: 'get',
  path: '/api/v1/artifacts/{id}/content',
  summary: 'The file, or a range of it; a device gets it while an open action names it',
  request: {
    params: ArtifactParam,
    headers: z.object({ range: z.string().optional(), 'if-range': z.string().optional() }),
  },
  responses: {
    200: { description: 'The whole file', content: file },
    206: { description: 'The range', content: file },
    307: {
      description:
        'The file is at another address, with Range too (devices, where FILES_URL is set)',
    },
    304: { description: 'The client has it' },
    416: { description: 'The range lies outside' },
    ...refusals,
  },
})

function headersOf(artifact: ArtifactRow, etag: string): Record<string, string> {
  return {
    'accept-ranges': 'bytes',
    'cache-control': 'private, no-transform',
    'content-disposition': `attachment; filename="${artifact.name}"`,
    'content-type': 'application/octet-stream',
    etag,
    'last-modified': artifact.created_at.toUTCString(),
    'repr-digest': writeDigest(artifact.sha256),
    'x-content-type-options': 'nosniff',
  }
}

function outside(size: number, callId: string): Response {
  const refusal = new DomainError('request.range_not_satisfiable', { size_bytes: size })
  const response = problemResponse(refusal, callId)
  response.headers.set('content-range', `bytes */${size}`)
  return response
}

/** Long enough for a slow line; a download that breaks off asks again. */
const ADDRESS_SECONDS = 3600

// The store's own bytes: what breaks off a wrong download before its last byte is not between, so devices check the digest, as they must.
function addressOf(
  { objects, config }: Deps,
  { object }: ArtifactRow,
): Promise<string> | undefined {
  if (config.filesUrl === undefined) return undefined
  return objects.address?.(object, new URL(config.filesUrl), ADDRESS_SECONDS)
}

const content: Answer<typeof contentRoute> = async (c) => {
  const { id } = c.req.valid('param')
  const { identity, call } = c.var
  const artifact =
    identity.kind === 'device'
      ? await artifactOfDevice(c.env, identity.deviceId, id)
      : await findArtifact(c.env, id)
  const size = Number(artifact.size)
  const etag = `"${artifact.sha256.toString('hex')}"`
  const headers = headersOf(artifact, etag)
  const held = c.req.header('if-none-match')?.split(',')
  if (held?.some((tag) => tag.trim() === etag)) {
    return new Response(null, { status: 304, headers: { etag } })
  }
  const elsewhere =
    identity.kind === 'device' && c.req.method === 'GET' && (await addressOf(c.env, artifact))
  if (elsewhere) {
    const found = { location: elsewhere, 'cache-control': 'no-store', etag, 'content-length': '0' }
    return new Response(null, {
      status: 307,
      headers: { ...found, 'repr-digest': headers['repr-digest'] ?? '' },
    })
  }
  const holds = rangeHolds(c.req.header('if-range'), etag)
  const range = holds ? readRange(c.req.header('range'), size) : undefined
  if (range === 'none') return outside(size, call.callId)
  const length = range?.length ?? size
  const partial = range && {
    'content-range': `bytes ${range.offset}-${range.offset + length - 1}/${size}`,
  }
  const init = {
    status: range === undefined ? 200 : 206,
    headers: { ...headers, ...partial, 'content-length': String(length) },
  }
  // Nothing is opened that nobody would read to its end.
  if (c.req.method === 'HEAD') return new Response(null, init)
  return new Response(await openContent(c.env, artifact, range), init)
}

/** The download, for operators and devices. */
export function contentRoutes(app: App): void {
  app.openapi(contentRoute, content)
}
