import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto'

// AES-256-GCM under the key-encryption key. What is stored is nonce, tag, ciphertext; the row's id is authenticated with it, so that no
// wrapped value can be moved to another row.

const ALGORITHM = 'aes-256-gcm'
const NONCE_BYTES = 12
const TAG_BYTES = 16
const KEY_BYTES = 32

/** The key of the secret `kek`: 32 bytes, or their base64. */
export function readKek(secret: Buffer): Buffer {
  if (secret.length === KEY_BYTES) return secret
  const decoded = Buffer.from(secret.toString('latin1').trim(), 'base64')
  if (decoded.length !== KEY_BYTES) throw new Error('the key-encryption key has not 32 bytes')
  return decoded
}

/** Encrypts a secret for the row that is to hold it. */
export function wrap(kek: Buffer, plain: Buffer, rowId: string): Buffer {
  const nonce = randomBytes(NONCE_BYTES)
  const cipher = createCipheriv(ALGORITHM, kek, nonce)
  cipher.setAAD(Buffer.from(rowId, 'utf8'))
  const body = Buffer.concat([cipher.update(plain), cipher.final()])
  return Buffer.concat([nonce, cipher.getAuthTag(), body])
}

/** The secret of a row; throws where it was changed, moved to another row or wrapped by another key. */
export function unwrap(kek: Buffer, wrapped: Buffer, rowId: string): Buffer {
  const decipher = createDecipheriv(ALGORITHM, kek, wrapped.subarray(0, NONCE_BYTES), {
    authTagLength: TAG_BYTES,
  })
  decipher.setAAD(Buffer.from(rowId, 'utf8'))
  decipher.setAuthTag(wrapped.subarray(NONCE_BYTES, NONCE_BYTES + TAG_BYTES))
  return Buffer.concat([
    decipher.update(wrapped.subarray(NONCE_BYTES + TAG_BYTES)),
    decipher.final(),
  ])
}
