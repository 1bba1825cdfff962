import { DomainError } from '../../shared/errors.ts'
import { certsOnly } from '../../shared/pki/certs-only.ts'
import { readChain } from '../../shared/pki/read-authorities.ts'
import { estBody } from './body.ts'
import type { Deps } from './deps.ts'

/** The authority that signs now and the root above it: clients verify each by the roots inside the answer. */
export async function authorities({ db }: Deps, request: Request): Promise<Response> {
  const chain = await readChain(db)
  if (chain.length < 2) throw new DomainError('ca.unavailable')
  return estBody(request, certsOnly(chain.map(({ der }) => der)), 'application/pkcs7-mime')
}
