import { hkdfSync } from 'node:crypto'

/** A key that proves calls of one caller to one callee. */
export interface HopKey {
  readonly kid: string
  readonly key: Buffer
}

/** One line of the secret `hop-keys-<function>`. */
export interface CallerKey extends HopKey {
  readonly caller: string
}

const KID = /^[A-Za-z0-9_-]{1,32}$/
const NAME = /^[a-z][a-z0-9-]{0,31}$/
const KEY_BYTES = 32

/** Derives the key of a caller for one callee, so that a callee's leaked key proves nothing elsewhere. */
export function deriveHopKey(root: Buffer, caller: string, callee: string): Buffer {
  const info = `muster-hop-1 ${caller} ${callee}`
  return Buffer.from(hkdfSync('sha256', root, '', info, KEY_BYTES))
}

/** Reads the secret of a callee: lines `kid caller key`, the key in base64. Throws without showing a key. */
export function parseHopKeys(text: string): CallerKey[] {
  const keys: CallerKey[] = []
  for (const [index, line] of text.split('\n').entries()) {
    if (line.trim() === '' || line.startsWith('#')) continue
    const [kid, caller, encoded, ...rest] = line.trim().split(/ +/)
    const key = Buffer.from(encoded ?? '', 'base64')
    const sound = kid && KID.test(kid) && caller && NAME.test(caller) && rest.length === 0
    if (!sound || key.length !== KEY_BYTES || key.toString('base64') !== encoded)
      throw new Error(`hop keys: line ${index + 1} is not "kid caller key"`)
    if (keys.some((known) => known.kid === kid && known.caller === caller))
      throw new Error(`hop keys: line ${index + 1} repeats ${kid} of ${caller}`)
    keys.push({ kid, caller, key })
  }
  return keys
}

/** Writes what `parseHopKeys` reads. */
export function formatHopKeys(keys: readonly CallerKey[]): string {
  return keys.map(({ kid, caller, key }) => `${kid} ${caller} ${key.toString('base64')}\n`).join('')
}
