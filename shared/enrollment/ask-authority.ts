import { setTimeout as sleep } from 'node:timers/promises'
import { DomainError, ERRORS, type ErrorCode } from '../errors.ts'
import type { Outcome } from '../gather.ts'
import type { InternalCall } from '../host.ts'
import { IssuedWire, type IssueWire } from './issue-wire.ts'

/** One request to the authority. */
export interface Ask {
  readonly deviceId: string
  readonly request: Buffer
  readonly profile: string
  readonly renews: Buffer | undefined
  readonly actor: string
  readonly source: string
  readonly callId: string
}

/** Longer than a signing batch ever takes; the device comes again, and its row stands. */
const PATIENCE_MS = 8_000

/** Asks the authority to sign a batch of admitted requests. Throws ca.unavailable where it does not answer. */
export async function askAuthority(
  call: InternalCall,
  asks: readonly Ask[],
): Promise<Outcome<Buffer>[]> {
  const response = await patiently(call, { requests: asks.map(wire) })
  if (!response.ok) throw unavailable(new Error(`the authority answered ${response.status}`))
  const { results } = IssuedWire.parse(await response.json())
  return asks.map((_, at) => {
    const result = results[at]
    if (result && 'certificate' in result)
      return { value: Buffer.from(result.certificate, 'base64') }
    return { error: refusalOf(result?.code) }
  })
}

function wire(ask: Ask): IssueWire['requests'][number] {
  return {
    device_id: ask.deviceId,
    request: ask.request.toString('hex'),
    profile: ask.profile,
    renews: ask.renews?.toString('hex') ?? null,
    actor: ask.actor,
    source: ask.source,
    call_id: ask.callId,
  }
}

async function patiently(call: InternalCall, body: IssueWire): Promise<Response> {
  const stop = new AbortController()
  const late = sleep(PATIENCE_MS, undefined, { signal: stop.signal })
  late.catch(() => undefined)
  try {
    const response = await Promise.race([call('pki', '/internal/issue', body), late])
    if (!response) throw new Error('the authority did not answer in time')
    return response
  } catch (cause) {
    throw unavailable(cause)
  } finally {
    stop.abort()
  }
}

function unavailable(cause: unknown): DomainError {
  return new DomainError('ca.unavailable', { retry_after_seconds: 5 }, { cause })
}

function refusalOf(code: string | undefined): DomainError {
  return code === undefined || !isErrorCode(code) || code === 'internal.failure'
    ? unavailable(new Error(`the authority says ${code ?? 'nothing'}`))
    : new DomainError(code)
}

function isErrorCode(code: string): code is ErrorCode {
  return Object.hasOwn(ERRORS, code)
}
