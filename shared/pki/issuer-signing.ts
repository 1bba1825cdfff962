import { DerError } from './der-read.ts'
import { sequence } from './der-write.ts'
import type { KeyKind } from './key.ts'
import { OID } from './oid.ts'

const SIGNING = {
  p256: { digest: 'sha256', algorithm: sequence(OID.ecdsaSha256) },
  p384: { digest: 'sha384', algorithm: sequence(OID.ecdsaSha384) },
} as const

/** The signature scheme of an authority's key. */
export function signing(kind: KeyKind): (typeof SIGNING)['p256' | 'p384'] {
  if (kind !== 'p256' && kind !== 'p384')
    throw new DerError('an authority signs with P-256 or P-384')
  return SIGNING[kind]
}
