import { DomainError } from '../errors.ts'
import type { Digests } from './digest.ts'

export interface Expected {
  readonly sha256?: Buffer | undefined
  readonly bytes?: bigint | undefined
  readonly signed: boolean
  readonly allowUnsigned: boolean
}

/**
 * Whether what was read may become an artifact, and as what. A signature that no trusted key made is refused even where
 * unsigned ones are allowed: whoever signs expects to be checked.
 * @throws {DomainError} upload.digest_mismatch, artifact.private_key, artifact.signature_untrusted
 */
export function judge(found: Digests, expected: Expected): 'trusted' | 'unsigned_allowed' {
  const { sha256, bytes, signed, allowUnsigned } = expected
  const sameBytes = bytes === undefined || BigInt(found.bytes) === bytes
  if (!sameBytes || (sha256 !== undefined && !sha256.equals(found.sha256))) {
    const detail = `${found.bytes} bytes with SHA-256 ${found.sha256.toString('hex')} arrived`
    throw new DomainError('upload.digest_mismatch', { detail })
  }
  if (found.holdsPrivateKey) throw new DomainError('artifact.private_key')
  if (found.keyId !== undefined) return 'trusted'
  if (!signed && allowUnsigned) return 'unsigned_allowed'
  const detail = signed ? 'no trusted key made this signature' : 'no signature was given'
  throw new DomainError('artifact.signature_untrusted', { detail })
}
