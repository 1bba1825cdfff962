import { randomUUID } from 'node:crypto'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { DomainError } from '../../shared/errors.ts'
import type { HopKey } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { problemResponse } from '../../shared/http/problem.ts'
import type { Route, Router } from '../../shared/http/route.ts'
import { traced, traceHeaders } from '../../shared/trace.ts'
import { writeAnswer } from './answer.ts'
import { drainRest } from './drain-rest.ts'
import { FUNCTION_URL, toRefusal, type Dispatch } from './dispatch.ts'
import { cleanHeaders } from './forbidden-header.ts'
import type { Peer } from './peer.ts'
import { checkLength, hasBody, readEdgeBody, type BodyPace } from './request-body.ts'

/** What the edge needs to take one request to its function. */
export interface EdgeDeps {
  readonly route: Router
  readonly dispatch: Dispatch
  readonly keyOf: (functionName: string) => HopKey
  readonly now: () => Date
  readonly pace: BodyPace
  /** Added to what the console answers at /metrics: the metrics of this process. */
  readonly processMetrics?: (() => Promise<string>) | undefined
}

/** How a request ended, for log and metrics. */
export interface EdgeOutcome {
  readonly callId: string
  readonly status: number
  readonly functionName: string
  readonly error?: unknown
}

const TARGET_BYTES = 14_336
const METHODS = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

/** Takes one request through: checks its head, finds its function, signs, asks, answers. */
export async function serveRequest(
  deps: EdgeDeps,
  peer: Peer,
  request: IncomingMessage,
  response: ServerResponse,
): Promise<EdgeOutcome> {
  const callId = randomUUID()
  let functionName = ''
  let failure: unknown
  let answer: Response
  let route: Route | undefined
  try {
    route = findRoute(deps.route, request)
    functionName = route.function
    answer = await askInSpan(deps, { peer, request, response, route, callId })
  } catch (error) {
    failure = error
    answer = refusal(error, request, callId)
  }
  if (response.headersSent || response.destroyed) {
    return { callId, status: response.statusCode, functionName, error: failure }
  }
  const outcome = { callId, status: answer.status, functionName, error: failure }
  drainRest(request, response)
  await writeAnswer(response, answer, {
    stream: route?.stream === 'down',
    headOnly: request.method === 'HEAD',
  })
  return outcome
}

function findRoute(router: Router, request: IncomingMessage): Route {
  const { method = '', url = '', rawHeaders } = request
  if (url.length > TARGET_BYTES) throw new DomainError('request.uri_too_long')
  if (!/^\/[\x21-\x7e]*$/.test(url)) throw malformed('the target is no absolute path')
  for (const name of ['content-type', 'host'])
    if (twice(rawHeaders, name)) throw malformed(`${name} comes twice`)
  if (!METHODS.has(method)) throw new DomainError('request.method_not_allowed')
  const route = router(url.split('?', 1)[0] ?? '')?.route
  if (!route) throw new DomainError('route.not_found')
  checkLength(request, route)
  return route
}

function malformed(detail: string): DomainError {
  return new DomainError('request.malformed', { detail })
}

function twice(rawHeaders: readonly string[], wanted: string): boolean {
  const names = rawHeaders.filter((_, index) => index % 2 === 0)
  return names.filter((name) => name.toLowerCase() === wanted).length > 1
}

interface Asked {
  readonly peer: Peer
  readonly request: IncomingMessage
  readonly response: ServerResponse
  readonly route: Route
  readonly callId: string
}

/** What has no route has no trace: anyone may ask for anything. */
function askInSpan(deps: EdgeDeps, asked: Asked): Promise<Response> {
  const { request, route, callId } = asked
  const method = request.method ?? 'GET'
  const attributes = {
    'http.request.method': method,
    'http.route': route.template,
    'muster.call_id': callId,
  }
  const name = `${method} ${route.template}`
  return traced({ name, kind: 'server', part: 'edge', from: null, attributes }, async (span) => {
    const answer = await ask(deps, asked)
    span?.set({ 'http.response.status_code': answer.status })
    if (answer.status >= 500) span?.fail(String(answer.status))
    return answer
  })
}

async function ask(deps: EdgeDeps, asked: Asked): Promise<Response> {
  const { request, response, route } = asked
  const { method = 'GET' } = request
  if (request.headers.expect !== undefined && hasBody(request)) response.writeContinue()
  const body = await readEdgeBody(request, route, deps.pace)
  const content = method === 'GET' || method === 'HEAD' ? null : body.content
  const abort = new AbortController()
  response.once('close', () => {
    if (!response.writableFinished) abort.abort()
  })
  const made = new Request(FUNCTION_URL, {
    method,
    headers: provenHeaders(deps, asked, content === null ? undefined : body.signed),
    body: content,
    signal: abort.signal,
    ...(content instanceof ReadableStream && { duplex: 'half' }),
  })
  try {
    const answer = await deps.dispatch(route.function, made)
    return await withProcessMetrics(deps, route, request, answer)
  } finally {
    body.release()
  }
}

/** The client's headers with what the edge vouches for. */
function provenHeaders(deps: EdgeDeps, asked: Asked, body: string | undefined): Headers {
  const { peer, request, route, callId } = asked
  const headers = cleanHeaders(request.rawHeaders)
  const proof = signHop({
    key: deps.keyOf(route.function),
    caller: 'edge',
    callee: route.function,
    now: deps.now(),
    nonce: callId,
    method: request.method ?? 'GET',
    target: request.url ?? '',
    contentType: headers.get('content-type') ?? undefined,
    certificate: peer.certificate,
    verdict: peer.verdict,
    source: peer.source,
    // Proof of possession at enrolment is the only use of it (RFC 7030 §3.5).
    binding: route.function === 'est' ? peer.binding : undefined,
    body,
  })
  const own = { ...proof, ...traceHeaders() }
  for (const [name, value] of Object.entries(own)) headers.set(name, value)
  return headers
}

async function withProcessMetrics(
  { processMetrics }: EdgeDeps,
  route: Route,
  request: IncomingMessage,
  answer: Response,
): Promise<Response> {
  const asksMetrics = route.template === '/metrics' && request.method === 'GET'
  if (!processMetrics || !asksMetrics || !answer.ok) return answer
  const fleet = await answer.text()
  const text = `${fleet}${fleet.endsWith('\n') ? '' : '\n'}${await processMetrics()}`
  const headers = new Headers(answer.headers)
  headers.delete('content-length')
  return new Response(text, { status: answer.status, headers })
}

function refusal(error: unknown, { method = '' }: IncomingMessage, callId: string): Response {
  const answer = problemResponse(toRefusal(error), callId)
  if (answer.status === 405 && !METHODS.has(method))
    answer.headers.set('allow', [...METHODS].join(', '))
  return answer
}
