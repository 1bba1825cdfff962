import type { Clock } from '../clock.ts'
import { DomainError } from '../errors.ts'
import { hashBody } from '../hop/canonical.ts'
import type { HopProof, HopVerifier } from '../hop/verify.ts'
import type { Logger } from '../log.ts'
import { functionCalls, functionSeconds } from '../metrics.ts'
import { traced } from '../trace.ts'
import { boundedBody, checkJson, readBody } from './body.ts'
import { withBody } from '../request-body.ts'
import type { Call, Identity } from './call.ts'
import { bindInvocation, toDomainError, type Invocation } from './function-app.ts'
import { problemResponse } from './problem.ts'
import { resolveTarget, type Target } from './target.ts'

export interface ServeDeps {
  readonly hop: HopVerifier
  readonly log: Logger
  readonly clock: Clock
}

/** How a function finds out who asks; shared/access has the one implementation. */
export interface Access<Deps> {
  identify(call: Call, request: Request, deps: Deps): Promise<Identity>
  /** Refuses with rate.limited, before anything dear is done. */
  admit?(call: Call, identity: Identity, deps: Deps): Promise<void>
  /** Records that someone was turned away. */
  denied?(call: Call, identity: Identity, error: DomainError, deps: Deps): Promise<void>
}

interface App<Deps> {
  fetch(request: Request, env: Deps): Response | Promise<Response>
}

export type Handler<Deps> = (request: Request, deps: Deps) => Promise<Response>

/**
 * Puts a function's app behind the hop proof: without a valid one 401, the body unread. The URL is the signed target, never the
 * one received. Then route table, identity, authorisation, bounded body, app; one log line per call.
 */
export function serve<Deps extends ServeDeps>(
  name: string,
  app: App<Deps>,
  access: Access<Deps>,
): Handler<Deps> {
  return async (request, deps) => {
    const started = performance.now()
    const hop = deps.hop.verify(request.method, request.headers)
    if (!hop.ok) {
      deps.log.warn({ function: name, fault: hop.fault }, 'call without proof refused')
      functionCalls.inc({ function: name, outcome: 'refused' })
      const code = hop.status === 400 ? 'request.malformed' : 'auth.required'
      return problemResponse(new DomainError(code), '')
    }
    const call = toCall(hop.proof)
    const invocation: Invocation = { call, identity: { kind: 'none' } }
    const asked = { request, deps, proof: hop.proof, invocation }
    // Only now: of a call without proof no trace is taken up, and what one with a proof says of a trace is trusted for nothing else.
    const response = await inSpan(name, asked, () => answer(name, app, access, asked))
    report(name, request, deps, invocation, response, performance.now() - started)
    return response
  }
}

interface Asked<Deps> {
  readonly request: Request
  readonly deps: Deps
  readonly proof: HopProof
  readonly invocation: Invocation
}

/** The call's id joins a trace and the log lines. */
function inSpan<Deps>(
  name: string,
  { request, invocation: { call } }: Asked<Deps>,
  work: () => Promise<Response>,
): Promise<Response> {
  const attributes = { 'muster.call_id': call.callId, 'muster.caller': call.caller }
  const from = request.headers.get('traceparent')
  return traced({ name, kind: 'server', part: name, from, attributes }, async (span) => {
    const response = await work()
    span?.set({ 'http.response.status_code': response.status })
    if (response.status >= 500) span?.fail(String(response.status))
    return response
  })
}

async function answer<Deps extends ServeDeps>(
  name: string,
  app: App<Deps>,
  access: Access<Deps>,
  { request, deps, proof, invocation }: Asked<Deps>,
): Promise<Response> {
  const { call } = invocation
  try {
    const target = resolveTarget(name, request.method, call)
    if (request.headers.get('content-encoding') !== null) {
      throw new DomainError('request.unsupported_media_type', { detail: 'Content-Encoding' })
    }
    const identity = await identifyCaller(access, call, request, deps)
    Object.assign(invocation, { identity })
    await guard(access, call, identity, deps, () => target.authorize(identity))
    const forwarded = await forward(request, call, proof, target)
    bindInvocation(forwarded, invocation)
    return await app.fetch(forwarded, deps)
  } catch (error) {
    const refusal = toDomainError(error)
    invocation.failure = refusal
    return withAllow(problemResponse(refusal, call.callId), refusal)
  }
}

const identifyCaller = <Deps>(access: Access<Deps>, call: Call, request: Request, deps: Deps) =>
  call.caller === 'edge'
    ? access.identify(call, request, deps)
    : Promise.resolve<Identity>({ kind: 'none' })

async function guard<Deps>(
  access: Access<Deps>,
  call: Call,
  identity: Identity,
  deps: Deps,
  check: () => void,
): Promise<void> {
  try {
    // First: who is turned away at each request counts as much as who is not.
    if (call.caller === 'edge') await access.admit?.(call, identity, deps)
    check()
  } catch (error) {
    if (error instanceof DomainError) await access.denied?.(call, identity, error, deps)
    throw error
  }
}

function toCall(proof: HopProof): Call {
  const { callId, caller, target, source, verdict, certificate, topic, binding } = proof
  return {
    callId,
    caller,
    target,
    source,
    verdict,
    ...(certificate && { certificate }),
    ...(topic !== undefined && { topic }),
    ...(binding && { binding }),
  }
}

async function forward(
  request: Request,
  call: Call,
  proof: HopProof,
  target: Target,
): Promise<Request> {
  const url = new URL(`http://muster${call.target}`)
  const { method, headers } = request
  if (proof.unsignedBody && !target.unsignedBody) throw new DomainError('auth.required')
  if (target.stream && proof.unsignedBody && request.body !== null) {
    const body = boundedBody(request.body, target.bodyBytes)
    return new Request(url, { method, headers, body, duplex: 'half' })
  }
  const body = await readBody(request, target.bodyBytes)
  if (!proof.bodyHolds(hashBody(body))) throw new DomainError('auth.required')
  const type = headers.get('content-type') ?? ''
  const fromOutside = call.caller === 'edge'
  if (fromOutside && /[/+]json\b/i.test(type) && body.length > 0) checkJson(body)
  // Of the connector's calls the body is the batch, which `parseBatch` takes as it is.
  if (call.target === '/mqtt') return withBody(new Request(url, { method, headers }), body)
  return new Request(url, { method, headers, body: bodyOf(method, body) })
}

const bodyOf = (method: string, body: Buffer): Uint8Array<ArrayBuffer> | null =>
  method === 'GET' || method === 'HEAD' || body.length === 0 ? null : new Uint8Array(body)

function withAllow(response: Response, refusal: DomainError): Response {
  const { allow } = refusal.details
  if (refusal.code === 'request.method_not_allowed' && typeof allow === 'string') {
    response.headers.set('allow', allow)
  }
  return response
}

function report(
  name: string,
  request: Request,
  deps: ServeDeps,
  { call, identity, failure }: Invocation,
  response: Response,
  durationMs: number,
): void {
  const outcome = response.status >= 500 ? 'failed' : response.status >= 400 ? 'refused' : 'ok'
  functionCalls.inc({ function: name, outcome })
  functionSeconds.observe({ function: name }, durationMs / 1000)
  const fields = {
    callId: call.callId,
    function: name,
    caller: call.caller,
    method: request.method,
    path: call.target.split('?', 1)[0],
    status: response.status,
    identity: identity.kind,
    ...(identity.kind === 'device' && { deviceId: identity.deviceId }),
    ...(identity.kind === 'operator' && { actor: identity.actor }),
    ...(failure instanceof DomainError && { code: failure.code, err: failure.cause }),
    durationMs: Math.round(durationMs * 10) / 10,
  }
  if (outcome === 'failed') deps.log.error(fields, 'call')
  else if (outcome === 'refused') deps.log.warn(fields, 'call')
  else if (call.caller === 'connector') deps.log.debug(fields, 'call')
  else deps.log.info(fields, 'call')
}
