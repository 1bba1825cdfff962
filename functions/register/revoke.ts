import type { Acting } from '../../shared/access/acting.ts'
import { DomainError, isErrorCode } from '../../shared/errors.ts'
import { isJsonObject, type JsonObject } from '../../shared/json.ts'
import type { Deps } from './deps.ts'

/** What pki revokes: one certificate, or all of a device. */
type Chosen = { readonly serial: string } | { readonly device_id: string }

/**
 * Asks pki, the one function that revokes. Repeated, it changes nothing and succeeds.
 * @throws {DomainError} as pki refuses; ca.unavailable when it does not answer
 */
export async function revoke(
  deps: Deps,
  who: Acting,
  chosen: Chosen,
  reason: string,
): Promise<void> {
  const { actor, tokenId, source, callId } = who
  const body: JsonObject = {
    ...chosen,
    reason,
    actor,
    token_id: tokenId,
    source,
    call_id: callId,
  }
  const response = await deps.call('pki', '/internal/revoke', body)
  if (response.ok) return
  const problem: unknown = await response.json().catch(() => undefined)
  const code = isJsonObject(problem) ? problem['code'] : undefined
  const cause = new Error(`pki answered ${response.status}`)
  if (typeof code === 'string' && isErrorCode(code) && response.status < 500) {
    throw new DomainError(code, {}, { cause })
  }
  throw new DomainError('ca.unavailable', {}, { cause })
}

/** All certificates of a device that is decommissioned. */
export function revokeDevice(deps: Deps, who: Acting, deviceId: string): Promise<void> {
  return revoke(deps, who, { device_id: deviceId }, 'cessation_of_operation')
}
