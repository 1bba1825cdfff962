import { createHash } from 'node:crypto'

const LEAF = Buffer.from([0])
const NODE = Buffer.from([1])

const sha256 = (...parts: readonly Buffer[]): Buffer => {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

/** Root of a Merkle tree over the entries (RFC 6962, §2.1): the hash of nothing for none. */
export function merkleRoot(entries: readonly Buffer[]): Buffer {
  if (entries.length === 0) return sha256()
  let level = entries.map((entry) => sha256(LEAF, entry))
  // Pairs from the left, the odd one rises: the tree that the RFC splits at the largest power of two below n.
  while (level.length > 1) {
    const above: Buffer[] = []
    for (let index = 0; index < level.length; index += 2) {
      const [left, right] = [level[index], level[index + 1]]
      if (left === undefined) break
      above.push(right === undefined ? left : sha256(NODE, left, right))
    }
    level = above
  }
  return level[0] ?? sha256()
}
