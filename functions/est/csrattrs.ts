import { sequence, set } from '../../shared/pki/der-write.ts'
import { OID } from '../../shared/pki/oid.ts'
import { estBody } from './body.ts'

// RFC 7030 §4.5.2: a key on P-256, signed with SHA-256. No challengePassword is asked for: many clients cannot bind to the connection.
const WANTED = sequence(sequence(OID.ecPublicKey, set(OID.p256)), OID.ecdsaSha256)

/** What a request should be like; other keys of the list of trust are taken too. */
export async function attributes(request: Request): Promise<Response> {
  return estBody(request, WANTED, 'application/csrattrs')
}
