import { hashBody } from '../../shared/hop/canonical.ts'
import type { HopKey } from '../../shared/hop/keys.ts'
import { NO_CLIENT, signHop } from '../../shared/hop/sign.ts'
import type { InternalCall } from '../../shared/host.ts'
import { traced, traceHeaders } from '../../shared/trace.ts'
import { FUNCTION_URL, type Dispatch } from './dispatch.ts'

export interface InternalCaller {
  /** The calling function's name. */
  readonly caller: string
  /** The caller's key for a callee. */
  readonly keyOf: (callee: string) => HopKey
  readonly now: () => Date
  readonly dispatch: Dispatch
}

/** Calls of one function to another, signed by the caller's own key. */
export function createInternalCall({ caller, keyOf, now, dispatch }: InternalCaller): InternalCall {
  return async (functionName, path, body) => {
    if (!path.startsWith('/internal/')) throw new Error(`${path} is no inner target`)
    const text = JSON.stringify(body)
    const contentType = 'application/json'
    const proof = signHop({
      key: keyOf(functionName),
      caller,
      callee: functionName,
      now: now(),
      method: 'POST',
      target: path,
      contentType,
      source: NO_CLIENT,
      body: hashBody(text),
    })
    return traced({ name: `call ${functionName}`, kind: 'client' }, async (span) => {
      const headers = { ...proof, ...traceHeaders(), 'Content-Type': contentType }
      const request = new Request(FUNCTION_URL, { method: 'POST', headers, body: text })
      const response = await dispatch(functionName, request)
      span?.set({ 'http.response.status_code': response.status })
      if (response.status >= 400) span?.fail(String(response.status))
      return response
    })
  }
}
