import { Agent as HttpAgent, request as httpRequest, type IncomingMessage } from 'node:http'
import { Agent as HttpsAgent, request as httpsRequest } from 'node:https'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey, type HopKey } from '../../shared/hop/keys.ts'
import { NO_CLIENT, signHop } from '../../shared/hop/sign.ts'
import { ANSWER_BYTES } from '../../shared/mqtt/delivery.ts'

export interface Call {
  readonly functionName: string
  /** The signed target: `/mqtt`, `/cron?tick=…`. */
  readonly target: string
  readonly body?: string
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
  readonly hop: { readonly kid: string; readonly root: Buffer }
}

const CALLER = 'connector'
// Shorter than the 75 s for which gateway and functions keep an idle connection: they never close one that is about to be used.
const IDLE_MS = 60_000

export function createCaller({ urlOf, hop }: CallerOptions): Caller {
  const kept = { keepAlive: true, timeout: IDLE_MS }
  const plain = new HttpAgent(kept)
  const overTls = new HttpsAgent(kept)
  const keys = new Map<string, HopKey>()
  const keyOf = (callee: string): HopKey => {
    const key = keys.get(callee) ?? { kid: hop.kid, key: deriveHopKey(hop.root, CALLER, callee) }
    keys.set(callee, key)
    return key
  }
  return {
    call: (call) => {
      const url = new URL(urlOf(call.functionName))
      const options = { method: 'POST', headers: headersOf(call, keyOf(call.functionName)) }
      return exchange(call, (signal) =>
        url.protocol === 'https:'
          ? httpsRequest(url, { ...options, agent: overTls, signal })
          : httpRequest(url, { ...options, agent: plain, signal }),
      )
    },
    close: () => {
      plain.destroy()
      overTls.destroy()
    },
  }
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
  return { ...signed, ...type, 'Content-Length': length }
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
