// Reads a file once: three hashes, and beside them the signature by each trusted key that could have made it.
import {
  constants,
  createHash,
  createPublicKey,
  createVerify,
  verify,
  type KeyObject,
  type Verify,
} from 'node:crypto'
import type { Algorithm } from './public-key.ts'

export interface TrustedKey {
  readonly keyId: string
  readonly algorithm: Algorithm
  readonly der: Uint8Array
}

export interface Digests {
  readonly bytes: number
  readonly sha256: Buffer
  readonly sha1: Buffer
  readonly md5: Buffer
  /** The trusted key that made the signature. */
  readonly keyId: string | undefined
  readonly holdsPrivateKey: boolean
}

export interface Digest {
  update(chunk: Uint8Array): void
  finish(): Digests
}

interface Candidate {
  readonly keyId: string
  readonly key: KeyObject
  readonly padding?: number
  readonly verify: Verify
}

const ED25519_BYTES = 64
const PRIVATE_KEY = '-----BEGIN'
const HEAD_BYTES = 64

// openssl dgst -sign makes PKCS #1 v1.5 without options, PSS with -sigopt rsa_padding_mode:pss; a signature does not say which.
const RSA_PADDINGS = [constants.RSA_PKCS1_PADDING, constants.RSA_PKCS1_PSS_PADDING]

// Node verifies only what it has hashed itself, so each candidate costs a SHA-256 of the file; few keys fit a signature's form.
function candidates(keys: readonly TrustedKey[], signature: Uint8Array): Candidate[] {
  return keys.flatMap(({ keyId, algorithm, der }) => {
    if (algorithm === 'ed25519') return []
    const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
    if (algorithm === 'ecdsa-p256') {
      return looksLikeEcdsa(signature) ? [{ keyId, key, verify: createVerify('sha256') }] : []
    }
    const bytes = Math.ceil((key.asymmetricKeyDetails?.modulusLength ?? 0) / 8)
    if (signature.length !== bytes) return []
    return RSA_PADDINGS.map((padding) => ({ keyId, key, padding, verify: createVerify('sha256') }))
  })
}

// DER of two integers of at most 33 bytes.
function looksLikeEcdsa(signature: Uint8Array): boolean {
  return signature[0] === 0x30 && signature.length <= 72 && signature[1] === signature.length - 2
}

function accepts({ key, padding, verify: verifier }: Candidate, signature: Uint8Array): boolean {
  return verifier.verify({ key, ...(padding !== undefined && { padding }) }, signature)
}

function ed25519Accepts({ der }: TrustedKey, sha256: Buffer, signature: Uint8Array): boolean {
  const key = createPublicKey({ key: Buffer.from(der), format: 'der', type: 'spki' })
  return verify(null, sha256, key, signature)
}

/** Begins to read a file; without a signature no key is asked. */
export function createDigest(
  keys: readonly TrustedKey[],
  signature: Uint8Array | undefined,
): Digest {
  const hashes = { sha256: createHash('sha256'), sha1: createHash('sha1'), md5: createHash('md5') }
  const asked = signature === undefined ? [] : candidates(keys, signature)
  let bytes = 0
  let head = ''
  return {
    update: (chunk) => {
      if (head.length < HEAD_BYTES)
        head += Buffer.from(chunk.subarray(0, HEAD_BYTES)).toString('latin1')
      bytes += chunk.length
      for (const hash of Object.values(hashes)) hash.update(chunk)
      for (const { verify: verifier } of asked) verifier.update(chunk)
    },
    finish: () => {
      const sha256 = hashes.sha256.digest()
      return {
        bytes,
        sha256,
        sha1: hashes.sha1.digest(),
        md5: hashes.md5.digest(),
        keyId: signature && signerOf(keys, asked, sha256, signature),
        holdsPrivateKey: head.startsWith(PRIVATE_KEY) && /PRIVATE KEY-----/.test(head),
      }
    },
  }
}

function signerOf(
  keys: readonly TrustedKey[],
  asked: readonly Candidate[],
  sha256: Buffer,
  signature: Uint8Array,
): string | undefined {
  const found = asked.find((candidate) => accepts(candidate, signature))
  if (found !== undefined) return found.keyId
  if (signature.length !== ED25519_BYTES) return undefined
  const ed25519 = keys.filter((key) => key.algorithm === 'ed25519')
  return ed25519.find((key) => ed25519Accepts(key, sha256, signature))?.keyId
}
