import { DomainError } from '../errors.ts'
import { holdsPrivateKey } from './public-key.ts'

const SIGNATURE_BYTES_MAX = 1024 // RSA of 8192 bits

/**
 * A detached signature as it travels: base64 or base64url, with or without padding; a blank is a plus sign that a query string ate.
 * @throws {DomainError} request.invalid, artifact.private_key
 */
export function readSignature(text: string): Buffer {
  if (holdsPrivateKey(text)) throw new DomainError('artifact.private_key')
  const plain = text.replaceAll(' ', '+')
  const bytes = Buffer.from(plain, 'base64')
  const sound = /^[A-Za-z0-9+/_-]+={0,2}$/.test(plain)
  if (!sound || bytes.length === 0 || bytes.length > SIGNATURE_BYTES_MAX) {
    const errors = [
      { pointer: '/signature', detail: `base64 of at most ${SIGNATURE_BYTES_MAX} bytes` },
    ]
    throw new DomainError('request.invalid', { errors })
  }
  if (holdsPrivateKey(bytes.toString('latin1'))) throw new DomainError('artifact.private_key')
  return bytes
}
