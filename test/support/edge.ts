// An edge of the test's own before a function that says what reached it and whether the hop proof holds.
import { randomBytes, X509Certificate } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { startEdge, type Edge, type EdgeOptions } from '../../infra/gateway/edge.ts'
import { toAnchor, type Anchors } from '../../infra/gateway/verdict.ts'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { createVerifier } from '../../shared/hop/verify.ts'
import { DomainError } from '../../shared/errors.ts'
import { problemResponse } from '../../shared/http/problem.ts'
import { createRouter, readRoute, type RouteRow } from '../../shared/http/route.ts'
import { createLogger } from '../../shared/log.ts'
import type { ClientCertificates } from './client-certificates.ts'

export const HOP_ROOT = randomBytes(32)

/** What the function saw of one request. */
export interface Seen {
  readonly functionName: string
  /** Whether the proof holds for this function, and for the body. */
  readonly proven: boolean
  readonly bodySigned: boolean
  readonly bodyBytes: number
  readonly target: string
  readonly verdict: string
  readonly certificate: string
  readonly source: string
  readonly callId: string
  readonly time: number
  readonly binding: string
  readonly headers: [string, string][]
}

/** Answers with what it saw, unless the query asks for a fixed answer. */
export async function echo(functionName: string, request: Request): Promise<Response> {
  const fixed = new URL(request.headers.get('muster-target') ?? '/', 'http://x').searchParams
  const answer = ANSWERS.get(fixed.get('answer') ?? '')
  if (answer) return answer()
  const key = deriveHopKey(HOP_ROOT, 'edge', functionName)
  const keys = [{ kid: 'k1', caller: 'edge', key }]
  const verifier = createVerifier({ callee: functionName, keys: () => keys, now: () => new Date() })
  const result = verifier.verify(request.method, request.headers)
  const body = Buffer.from(await request.arrayBuffer())
  const target = request.headers.get('muster-target') ?? ''
  // Functions count, since no edge sees the end of what it passes on in chunks.
  const limit = router(target.split('?', 1)[0] ?? '')?.route.bodyBytes ?? 0
  if (body.length > Math.max(limit, 1))
    return problemResponse(new DomainError('request.too_large'), '')
  const proof = result.ok ? result.proof : undefined
  const seen: Seen = {
    functionName,
    proven: proof?.bodyHolds(hashBody(body)) === true,
    bodySigned: proof?.unsignedBody === false,
    bodyBytes: body.length,
    target,
    verdict: proof?.verdict ?? '',
    certificate: proof?.certificate?.toString('base64') ?? '',
    source: proof?.source ?? '',
    callId: proof?.callId ?? '',
    time: Number(request.headers.get('muster-hop')?.split(' ')[3]),
    binding: proof?.binding?.toString('base64') ?? '',
    headers: [...request.headers],
  }
  return Response.json(seen)
}

const ANSWERS = new Map<string, () => Response>([
  [
    '401',
    () => new Response(null, { status: 401, headers: { 'www-authenticate': 'Basic realm="est"' } }),
  ],
  ['202', () => new Response(null, { status: 202, headers: { 'retry-after': '7' } })],
  [
    'est',
    () =>
      new Response('QUJDREVG', {
        headers: {
          'content-type': 'application/pkcs7-mime; smime-type=certs-only',
          'content-transfer-encoding': 'base64',
        },
      }),
  ],
  [
    'chunked',
    () => new Response(pieces(['a', 'b']), { headers: { 'content-type': 'text/plain' } }),
  ],
  ['broken', () => new Response(pieces(['a'], 'breaks'), { headers: { 'content-length': '2' } })],
  [
    'endless',
    () =>
      new Response(pieces(['a'], 'ticks'), { headers: { 'content-type': 'text/event-stream' } }),
  ],
  ['early', () => new Response('no', { status: 403 })],
])

const TICK_MS = 400

/** Streams that were given up because nobody listened any more. */
export const cancelled: unknown[] = []

function pieces(
  texts: readonly string[],
  end: 'closes' | 'breaks' | 'ticks' = 'closes',
): ReadableStream<Uint8Array> {
  const rest = texts.map((text) => new TextEncoder().encode(text))
  const first = new TextEncoder().encode(texts[0])
  return new ReadableStream({
    pull: (controller) => {
      const next = rest.shift()
      if (next) controller.enqueue(next)
      else if (end === 'breaks') controller.error(new Error('the store went away'))
      else if (end === 'closes') controller.close()
      // Whoever has gone is seen by what is sent next.
      else return sleep(TICK_MS, undefined, { ref: false }).then(() => controller.enqueue(first))
      return undefined
    },
    cancel: (reason) => {
      cancelled.push(reason)
    },
  })
}

const row = (path: string, to: string, body = 65_536, stream?: 'up' | 'down'): RouteRow => ({
  path,
  to,
  rules: 'GET none, POST none, PATCH none, PUT none',
  scope: to,
  body,
  ...(stream && { stream }),
})

/** Routes that reach every kind of function whatever the path below. */
export const TEST_ROUTES: readonly RouteRow[] = [
  row('/', 'console'),
  row('/metrics', 'console'),
  row('/.well-known/est/*', 'est', 16_384),
  row('/scep', 'est', 32_768),
  row('/pki/*', 'pki', 4_096),
  row('/api/v1/enroll', 'enroll', 24_576),
  row('/api/v1/devices', 'register'),
  row('/api/v1/devices/{id}/shadow', 'shadow-update', 262_144),
  row('/api/v1/uploads/{id}/parts/{n}', 'ota', 8_388_608, 'up'),
  row('/api/v1/artifacts/{id}/content', 'ota', 0, 'down'),
  row('/api/v1/keys', 'ota'),
]

const router = createRouter(TEST_ROUTES.map(readRoute))

export function testAnchors(certificates: ClientCertificates): Anchors {
  const names = ['devold', 'devnew', 'claim', 'vendor'] as const
  const authorities = names.map((name) =>
    toAnchor(new X509Certificate(certificates.authority(name))),
  )
  const serials = new Set(
    (['revoked', 'revokedExpired'] as const).map(
      (name) => new X509Certificate(certificates.leaf(name).cert).serialNumber,
    ),
  )
  return {
    authorities,
    pinned: new Set(),
    isRevoked: (_authority, serial) => serials.has(serial),
  }
}

export async function startTestEdge(
  certificates: ClientCertificates,
  options: Partial<EdgeOptions> = {},
): Promise<Edge & AsyncDisposable> {
  const anchors = testAnchors(certificates)
  const edge = await startEdge({
    host: '127.0.0.1',
    port: 0,
    certificate: async () => certificates.server,
    anchors: () => anchors,
    hop: { kid: 'k1', root: HOP_ROOT },
    route: createRouter(TEST_ROUTES.map(readRoute)),
    dispatch: echo,
    now: () => new Date(),
    log: createLogger('silent'),
    ...options,
  })
  return { ...edge, [Symbol.asyncDispose]: () => edge.close(200) }
}
