// A host of one function: its database role, the test hop keys, and what other functions would answer.
import { loadConfig } from '../../shared/config.ts'
import type { Host, InternalCall } from '../../shared/host.ts'
import { systemClock, type Clock } from '../../shared/clock.ts'
import { createLogger } from '../../shared/log.ts'
import { signedRequest, testVerifier, type TestCall } from './call.ts'
import type { TestDatabase } from './postgres.ts'

export interface TestHostOptions {
  readonly clock?: Clock
  readonly call?: InternalCall
  readonly secrets?: Readonly<Record<string, Buffer>>
  readonly env?: Readonly<Record<string, string>>
}

const refuse: InternalCall = async (functionName, path) => {
  throw new Error(`nobody answers ${functionName}${path} in this test`)
}

export function functionHost(
  name: string,
  cloned: Pick<TestDatabase, 'as'>,
  options: TestHostOptions = {},
): Host {
  return {
    name,
    config: loadConfig({
      env: { MUSTER_DATA: '/nonexistent', ...options.env },
      functionName: name,
    }),
    db: cloned.as(name),
    clock: options.clock ?? systemClock,
    log: createLogger(process.env['MUSTER_TEST_LOG'] ?? 'silent'),
    hop: testVerifier(name),
    call: options.call ?? refuse,
    secret: async (secret) => options.secrets?.[secret],
  }
}

export interface Answered {
  readonly status: number
  readonly headers: Headers
  readonly text: string
  // What a test expects of an answer it asserts on.
  // oxlint-disable-next-line typescript/no-explicit-any
  readonly json: any
}

export type Ask = (
  method: string,
  target: string,
  call?: Omit<TestCall, 'method'>,
) => Promise<Answered>

/** Asks a function's handler as the edge would, by an operator's token where one is given. */
export function asker<Deps>(
  name: string,
  handler: (request: Request, deps: Deps) => Promise<Response>,
  deps: Deps,
  token?: string,
): Ask {
  return async (method, target, call = {}) => {
    const headers = {
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
      ...call.headers,
    }
    const response = await handler(signedRequest(name, target, { ...call, method, headers }), deps)
    const text = await response.text()
    return { status: response.status, headers: response.headers, text, json: parse(text) }
  }
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
