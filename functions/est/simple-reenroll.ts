import { DomainError } from '../../shared/errors.ts'
import type { Call, Identity } from '../../shared/http/call.ts'
import { certsOnly } from '../../shared/pki/certs-only.ts'
import { estBody } from './body.ts'
import type { Deps } from './deps.ts'
import { readRequest } from './request.ts'
import { CERTS_ONLY } from './simple-enroll.ts'

/** RFC 7030 §4.2.2: by the certificate that is to be renewed. */
export async function simpleReenroll(
  deps: Deps,
  request: Request,
  { call, identity }: { call: Call; identity: Identity },
): Promise<Response> {
  if (identity.kind !== 'device') throw new DomainError('auth.required')
  const csr = await readRequest(request, call)
  const der = await deps.renew({
    deviceId: identity.deviceId,
    serial: identity.serial,
    csr,
    origin: { source: call.source, callId: call.callId, protocol: 'est' },
  })
  return estBody(request, certsOnly([der]), CERTS_ONLY)
}
