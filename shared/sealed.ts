import { randomBytes, scryptSync } from 'node:crypto'
import { unwrap, wrap } from './wrap.ts'

// A secret under a passphrase: `sealed-1 <salt> <wrapped>`, in base64. What lies on disk is of no use without the passphrase.
const FORMAT = /^sealed-1 ([A-Za-z0-9+/=]+) ([A-Za-z0-9+/=]+)\s*$/
const SALT_BYTES = 16
const COST = { N: 2 ** 15, r: 8, p: 1, maxmem: 2 ** 26 }

/** The secret is sealed, and the passphrase is missing or another one. */
export class SealFault extends Error {}

function keyOf(passphrase: string, salt: Buffer): Buffer {
  return scryptSync(passphrase, salt, 32, COST)
}

/** Seals a secret; `name` is bound to it, so that no sealed file can take another's place. */
export function seal(plain: Buffer, passphrase: string, name: string): string {
  const salt = randomBytes(SALT_BYTES)
  const wrapped = wrap(keyOf(passphrase, salt), plain, name)
  return `sealed-1 ${salt.toString('base64')} ${wrapped.toString('base64')}\n`
}

/** The secret itself; one that is not sealed is returned as it is. Throws SealFault. */
export function unseal(secret: Buffer, passphrase: string | undefined, name: string): Buffer {
  const found = FORMAT.exec(secret.toString('latin1'))
  if (found === null) return secret
  if (passphrase === undefined) throw new SealFault(`${name} is sealed, and no passphrase is given`)
  const [, salt = '', wrapped = ''] = found
  try {
    const key = keyOf(passphrase, Buffer.from(salt, 'base64'))
    return unwrap(key, Buffer.from(wrapped, 'base64'), name)
  } catch (cause) {
    throw new SealFault(`${name} is sealed under another passphrase`, { cause })
  }
}

/** Unseals and remembers: the passphrase costs a tenth of a second each time. */
export function createUnsealer(
  passphrase: () => string | undefined,
): (secret: Buffer, name: string) => Buffer {
  const known = new Map<string, Buffer>()
  return (secret, name) => {
    const text = `${name} ${secret.toString('latin1')}`
    const plain = known.get(text) ?? unseal(secret, passphrase(), name)
    known.set(text, plain)
    return plain
  }
}
