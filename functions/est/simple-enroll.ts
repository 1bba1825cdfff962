import { deviceId, type DeviceId } from '../../shared/device-id.ts'
import { credentialId } from '../../shared/enrollment/authenticate.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Call, Identity } from '../../shared/http/call.ts'
import { certsOnly } from '../../shared/pki/certs-only.ts'
import type { Csr } from '../../shared/pki/csr.ts'
import { estBody, estEmpty } from './body.ts'
import { readCredential, type Shown } from './credential.ts'
import type { Deps } from './deps.ts'
import { readRequest } from './request.ts'

export const CERTS_ONLY = 'application/pkcs7-mime; smime-type=certs-only'
const PENDING_SECONDS = '30'

/** RFC 7030 §4.2.1. The answer holds the one certificate that was issued. */
export async function simpleEnroll(
  deps: Deps,
  request: Request,
  { call, identity }: { call: Call; identity: Identity },
): Promise<Response> {
  const shown = readCredential(request.headers.get('authorization'), identity)
  if (!shown) throw new DomainError('auth.required')
  const csr = await readRequest(request, call)
  const enrolled = await deps.enroll({
    deviceId: nameOf(shown, csr),
    csr,
    hardwareRev: undefined,
    firmwareVer: undefined,
    proof: shown.proof,
    origin: { source: call.source, callId: call.callId, protocol: 'est' },
  })
  return enrolled.state === 'issued'
    ? estBody(request, certsOnly([enrolled.der]), CERTS_ONLY)
    : estEmpty(202, { 'retry-after': PENDING_SECONDS })
}

// Clients put the device's name into Basic, or the token's, or anything: then the request's common name counts.
function nameOf({ user, proof }: Shown, csr: Csr): DeviceId {
  const named = user !== undefined && user !== credentialId(proof) ? deviceId(user) : undefined
  const found = named ?? deviceId(csr.commonName ?? '')
  if (!found) throw new DomainError('csr.invalid', { detail: 'its common name is no device id' })
  return found
}
