// Calls a function's handler as the edge, the connector or another function would: with a hop proof.
import { createHash } from 'node:crypto'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { createVerifier, type HopVerifier } from '../../shared/hop/verify.ts'

const ROOT = createHash('sha256').update('test hop root').digest()
const KID = 't1'
const CALLERS = ['edge', 'connector', 'enroll', 'est', 'register', 'admin']

/** A verifier that knows every caller's test key. */
export function testVerifier(callee: string): HopVerifier {
  const keys = CALLERS.map((caller) => ({
    kid: KID,
    caller,
    key: deriveHopKey(ROOT, caller, callee),
  }))
  return createVerifier({ callee, keys: () => keys, now: () => new Date() })
}

export interface TestCall {
  readonly caller?: string
  readonly method?: string
  readonly body?: string | Uint8Array | object
  readonly type?: string
  readonly headers?: Record<string, string>
  readonly certificate?: Buffer
  readonly verdict?: 'none' | 'ok' | 'expired' | 'bad'
  readonly source?: string
  readonly topic?: string
  /** tls-unique of the client's connection. */
  readonly binding?: Buffer
}

/** A request as it reaches the function: signed, the target in its header. */
export function signedRequest(callee: string, target: string, call: TestCall = {}): Request {
  const caller = call.caller ?? 'edge'
  const body = bytesOf(call.body)
  const method = call.method ?? (body === undefined ? 'GET' : 'POST')
  const type = call.type ?? (body === undefined ? undefined : 'application/json')
  const headers = signHop({
    key: { kid: KID, key: deriveHopKey(ROOT, caller, callee) },
    caller,
    callee,
    now: new Date(),
    method,
    target,
    contentType: type,
    certificate: call.certificate,
    verdict: call.verdict ?? (call.certificate ? 'ok' : 'none'),
    source: call.source ?? '127.0.0.1',
    topic: call.topic,
    binding: call.binding,
    ...(body && { body: hashBody(body) }),
  })
  return new Request(`http://127.0.0.1/function/${callee}`, {
    method,
    headers: { ...call.headers, ...headers, ...(type !== undefined && { 'content-type': type }) },
    body: body ?? null,
  })
}

function bytesOf(body: TestCall['body']): Uint8Array<ArrayBuffer> | undefined {
  if (body === undefined) return undefined
  if (body instanceof Uint8Array) return new Uint8Array(body)
  return new TextEncoder().encode(typeof body === 'string' ? body : JSON.stringify(body))
}
