import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey, type HopKey } from '../../shared/hop/keys.ts'
import { NO_CLIENT, signHop } from '../../shared/hop/sign.ts'
import { traced, traceHeaders } from '../../shared/trace.ts'
import { ANSWER_BYTES } from '../../shared/mqtt/delivery.ts'
import type { HopRoot, HopSource } from './hop-root.ts'

export interface Call {
  readonly functionName: string
  /** The signed target: `/mqtt`, `/cron?tick=…`. */
  readonly target: string
  readonly body?: string
  /** Items of the batch. */
  readonly items?: number
  readonly contentType?: string
  readonly deadlineMs: number
  readonly signal: AbortSignal
}

export interface CallAnswer {
  readonly status: number
  readonly type: string
  readonly body: Buffer
}

/** Calls functions through the gateway, each call signed anew. */
export interface Caller {
  /** @throws when there is no whole answer within the deadline */
  call(call: Call): Promise<CallAnswer>
  close(): void
}

export interface CallerOptions {
  /** Where a function is called. */
  readonly urlOf: (functionName: string) => string
  readonly hop: HopSource
}

const CALLER = 'connector'
// Shorter than the 75 s for which gateway and functions keep an idle connection: they never close one that is about to be used.
const IDLE_MS = 60_000

export function createCaller({ urlOf, hop }: CallerOptions): Caller {
  const kept = { keepAlive: true, timeout: IDLE_MS }
  const plain = new HttpAgent(kept)
  const overTls = new HttpsAgent(kept)
  const keyOf = keysOf(hop)
  return {
    call: (call) =>
      inSpan(call, () => {
        const url = new URL(urlOf(call.functionName))
        const options = { method: 'POST', headers: headersOf(call, keyOf(call.functionName)) }
        return exchange(call, (signal) =>
          url.protocol === 'https:'
            ? httpsRequest(url, { ...options, agent: overTls, signal })
            : httpRequest(url, { ...options, agent: plain, signal }),
        )
      }),
    close: () => {
      plain.destroy()
      overTls.destroy()
    },
  }
}

/** Keys by callee, derived once from each root. */
function keysOf(hop: HopSource): (callee: string) => HopKey {
  const keys = new Map<string, HopKey>()
  let from: HopRoot | undefined
  return (callee) => {
    const now = typeof hop === 'function' ? hop() : hop
    if (now !== from) keys.clear()
    from = now
    const key = keys.get(callee) ?? { kid: now.kid, key: deriveHopKey(now.root, CALLER, callee) }
    keys.set(callee, key)
    return key
  }
}

/** Each call begins a trace: what comes of one batch is one tree, however many devices it is from. */
function inSpan(
  { functionName, target, items }: Call,
  work: () => Promise<CallAnswer>,
): Promise<CallAnswer> {
  const attributes = {
    'muster.target': target.split('?', 1)[0] ?? '',
    ...(items !== undefined && { 'messaging.batch.message_count': items }),
  }
  const start = { name: `call ${functionName}`, kind: 'client', part: 'connector' } as const
  return traced({ ...start, from: null, attributes }, async (span) => {
    const answer = await work()
    span?.set({ 'http.response.status_code': answer.status })
    if (answer.status >= 400) span?.fail(String(answer.status))
    return answer
  })
}

function headersOf(call: Call, key: HopKey): Record<string, string> {
  const { functionName: callee, target, body, contentType } = call
  const signed = signHop({
    key,
    caller: CALLER,
    callee,
    now: new Date(),
    method: 'POST',
    target,
    contentType,
    source: NO_CLIENT,
    ...(body !== undefined && { body: hashBody(body) }),
  })
  const length = String(body === undefined ? 0 : Buffer.byteLength(body))
  const type = contentType === undefined ? {} : { 'Content-Type': contentType }
  return { ...signed, ...traceHeaders(), ...type, 'Content-Length': length }
}

async function exchange(
  { body, deadlineMs, signal }: Call,
  send: (signal: AbortSignal) => ReturnType<typeof httpRequest>,
): Promise<CallAnswer> {
  const deadline = AbortSignal.timeout(deadlineMs)
  const request = send(AbortSignal.any([signal, deadline]))
  try {
    const response = await new Promise<IncomingMessage>((resolve, reject) => {
      request.once('response', resolve)
      request.once('error', reject)
      request.end(body)
    })
    const bytes = await readAll(response)
    const { statusCode: status = 0, headers } = response
    return { status, type: headers['content-type'] ?? '', body: bytes }
  } catch (error) {
    request.destroy()
    if (deadline.aborted) throw new Error('no answer within the deadline', { cause: error })
    throw error
  }
}

async function readAll(response: IncomingMessage): Promise<Buffer> {
  const chunks: Buffer[] = []
  let bytes = 0
  for await (const chunk of response as AsyncIterable<Buffer>) {
    bytes += chunk.length
    if (bytes > ANSWER_BYTES) throw new Error('the answer is above 8 MiB')
    chunks.push(chunk)
  }
  return Buffer.concat(chunks)
}
