import type { Db } from '../db/database.ts'
import { DomainError } from '../errors.ts'
import { certificatePem } from './pem.ts'
import type { IssuerState } from './queries.ts'
import { readAuthorities, type KnownAuthority } from './read-authorities.ts'
import { serialText } from './serial.ts'

/** A device authority as it is shown. */
export interface AuthorityView {
  readonly id: string
  readonly name: string | null
  readonly state: IssuerState
  readonly serial: string
  readonly not_before: string
  readonly expires_at: string
  readonly pem: string
}

function toView({ issuerId, state, certificate }: KnownAuthority): AuthorityView {
  return {
    id: String(issuerId),
    name: certificate.commonName ?? null,
    state,
    serial: serialText(certificate.serial),
    not_before: certificate.notBefore.toISOString(),
    expires_at: certificate.notAfter.toISOString(),
    pem: certificatePem(certificate.der),
  }
}

/** Device authorities: the root, the one that signs, those before and after it. */
export async function listAuthorityViews(db: Db): Promise<AuthorityView[]> {
  return (await readAuthorities(db)).map(toView)
}

/** Throws authority.not_found. */
export async function findAuthority(db: Db, id: string): Promise<AuthorityView> {
  const found = (await listAuthorityViews(db)).find((authority) => authority.id === id)
  if (found === undefined) throw new DomainError('authority.not_found')
  return found
}
