import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import {
  bits,
  children,
  content,
  DerError,
  equals,
  only,
  TAG,
  whole,
  type Element,
} from './der-read.ts'
import { NULL, sequence } from './der-write.ts'
import { OID } from './oid.ts'
import { weakModulus } from './rsa-weakness.ts'

export type KeyKind = 'p256' | 'p384' | 'ed25519' | 'rsa'

/** A public key that was let in: nothing of it was shown to OpenSSL before its bytes were judged. */
export interface PublicKey {
  readonly kind: KeyKind
  readonly spki: Buffer
  /** Content of the BIT STRING. */
  readonly bits: Buffer
}

const P256 = sequence(OID.ecPublicKey, OID.p256)
const P384 = sequence(OID.ecPublicKey, OID.p384)
const ED25519 = sequence(OID.ed25519)
const RSA = sequence(OID.rsa, NULL)
const EXPONENT = Buffer.from([1, 0, 1])
const RSA_BITS = { least: 2048, most: 4096 }

/**
 * Judges a SubjectPublicKeyInfo by its bytes: named curves P-256 and P-384 (uncompressed), Ed25519, RSA of 2048 to 4096 bits
 * with e = 65537. Explicit curve parameters never match, so they never reach the library (class of CVE-2022-0778).
 */
export function readKey(der: Buffer, spki: Element): PublicKey {
  const [algorithm, key, more] = children(der, spki)
  if (spki.tag !== TAG.sequence || !algorithm || !key || more) throw new DerError('no public key')
  const keyBits = bits(der, key)
  const made = (kind: KeyKind): PublicKey => ({ kind, spki: whole(der, spki), bits: keyBits })
  if (equals(der, algorithm, P256)) return made(point('p256', keyBits, 65))
  if (equals(der, algorithm, P384)) return made(point('p384', keyBits, 97))
  if (equals(der, algorithm, ED25519) && keyBits.length === 32) return made('ed25519')
  if (equals(der, algorithm, RSA)) {
    checkRsa(keyBits)
    return made('rsa')
  }
  throw new DerError('the key is none of P-256, P-384, Ed25519 and RSA of 2048 to 4096 bits')
}

function point(kind: KeyKind, keyBits: Buffer, length: number): KeyKind {
  if (keyBits.length !== length || keyBits[0] !== 4)
    throw new DerError('the point is compressed or cut off')
  return kind
}

function checkRsa(key: Buffer): void {
  const [modulus, exponent, more] = children(key, only(key, TAG.sequence))
  if (modulus?.tag !== TAG.integer || exponent?.tag !== TAG.integer || more) {
    throw new DerError('no RSA key')
  }
  const n = unsigned(key, modulus)
  const width = n.length * 8 - Math.clz32(n[0] ?? 0) + 24
  if (width < RSA_BITS.least || width > RSA_BITS.most) {
    throw new DerError('an RSA key must have 2048 to 4096 bits')
  }
  if (!unsigned(key, exponent).equals(EXPONENT))
    throw new DerError('an RSA key must have e = 65537')
  const weakness = weakModulus(n)
  if (weakness !== undefined) throw new DerError(`the RSA key is weak: ${weakness}`)
}

function unsigned(der: Buffer, of: Element): Buffer {
  const value = content(der, of)
  const [first = 0x80, second = 0] = value
  if (first >= 0x80 || (first === 0 && second < 0x80)) throw new DerError('no RSA key')
  return first === 0 ? value.subarray(1) : value
}

/** The key for `node:crypto`; a point that is not on its curve is refused by the import. */
export function importKey(key: PublicKey): KeyObject {
  try {
    return createPublicKey({ key: key.spki, format: 'der', type: 'spki' })
  } catch (cause) {
    throw new DerError('the public key is not valid', { cause })
  }
}

/** RFC 7093 §2 method 1: the leftmost 160 bits of SHA-256 of the key bits. */
export function keyId(keyBits: Buffer): Buffer {
  return createHash('sha256').update(keyBits).digest().subarray(0, 20)
}

export const sha256 = (bytes: Buffer): Buffer => createHash('sha256').update(bytes).digest()
