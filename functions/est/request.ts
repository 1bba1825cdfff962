import { DomainError } from '../../shared/errors.ts'
import type { Call } from '../../shared/http/call.ts'
import type { Csr } from '../../shared/pki/csr.ts'
import { parseEstRequest } from '../../shared/pki/parse-request.ts'

/** Reads the body of an enrolment, and checks that it belongs to its connection where the client says so. */
export async function readRequest(request: Request, call: Call): Promise<Csr> {
  const type = request.headers.get('content-type') ?? ''
  if (!/^application\/pkcs10\s*(;|$)/i.test(type)) {
    throw new DomainError('request.unsupported_media_type', { detail: 'application/pkcs10' })
  }
  const csr = parseEstRequest(Buffer.from(await request.arrayBuffer()))
  // RFC 7030 §3.5: tls-unique in the request must be the connection's. TLS 1.3 has none, so there is nothing to compare.
  if (csr.challenge !== undefined && call.binding) {
    if (csr.challenge !== call.binding.toString('base64')) {
      throw new DomainError('csr.invalid', { detail: 'it was made for another connection' })
    }
  }
  return csr
}
