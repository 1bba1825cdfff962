import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { DomainError } from '../errors.ts'

export const ALGORITHMS = ['ecdsa-p256', 'rsa', 'ed25519'] as const
export type Algorithm = (typeof ALGORITHMS)[number]

export interface PublicKey {
  readonly algorithm: Algorithm
  /** SubjectPublicKeyInfo. */
  readonly der: Buffer
}

const RSA_BITS_MIN = 2048
const RSA_BITS_MAX = 8192
const PEM = /^-----BEGIN PUBLIC KEY-----\r?\n[A-Za-z0-9+/=\r\n]+-----END PUBLIC KEY-----\s*$/

const refuse = (detail: string): DomainError =>
  new DomainError('request.invalid', { errors: [{ pointer: '/public_key', detail }] })

/** Whether the text holds a private key in any of the usual forms; it is not looked at further. */
export function holdsPrivateKey(text: string): boolean {
  return /-----BEGIN (?:[A-Z0-9]+ )*PRIVATE KEY-----/.test(text)
}

/**
 * Reads a trusted key: PEM of a SubjectPublicKeyInfo, ECDSA P-256, RSA of 2048 to 8192 bits or Ed25519.
 * @throws {DomainError} artifact.private_key, request.invalid
 */
export function readPublicKey(pem: string): PublicKey {
  if (holdsPrivateKey(pem)) {
    const detail =
      'this is a private key: keep it where you sign; openssl pkey -pubout writes the public one'
    throw new DomainError('artifact.private_key', { detail })
  }
  if (!PEM.test(pem.trim())) throw refuse('no PEM of a public key (BEGIN PUBLIC KEY)')
  let key: KeyObject
  try {
    key = createPublicKey({ key: pem, format: 'pem' })
  } catch (cause) {
    throw new DomainError('request.invalid', refuse('no key that can be read').details, { cause })
  }
  return { algorithm: algorithmOf(key), der: key.export({ type: 'spki', format: 'der' }) }
}

function algorithmOf(key: KeyObject): Algorithm {
  const { namedCurve, modulusLength = 0 } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType === 'ed25519') return 'ed25519'
  if (key.asymmetricKeyType === 'ec' && namedCurve === 'prime256v1') return 'ecdsa-p256'
  if (key.asymmetricKeyType === 'rsa') {
    if (modulusLength >= RSA_BITS_MIN && modulusLength <= RSA_BITS_MAX) return 'rsa'
    throw refuse(`RSA of ${modulusLength} bits; ${RSA_BITS_MIN} to ${RSA_BITS_MAX} are taken`)
  }
  throw refuse('only ECDSA P-256, RSA and Ed25519 keys are taken')
}

/** SHA-256 of the key, by which people compare it. */
export function fingerprint(der: Uint8Array): string {
  return createHash('sha256').update(der).digest('hex')
}
