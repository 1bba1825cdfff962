import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { merkleRoot } from './merkle.ts'

const sha = (...parts: readonly Buffer[]): Buffer =>
  createHash('sha256').update(Buffer.concat(parts)).digest()

/** RFC 6962, §2.1, word by word: split at the largest power of two below n. */
function byDefinition(entries: readonly Buffer[]): Buffer {
  const [first] = entries
  if (first === undefined) return sha()
  if (entries.length === 1) return sha(Buffer.from([0]), first)
  let k = 1
  while (k * 2 < entries.length) k *= 2
  return sha(Buffer.from([1]), byDefinition(entries.slice(0, k)), byDefinition(entries.slice(k)))
}

test('ok/the root is that of RFC 6962 for every size', () => {
  for (let size = 0; size <= 70; size++) {
    const entries = Array.from({ length: size }, (_, index) => Buffer.from(`entry ${index}`))
    assert.deepEqual(merkleRoot(entries), byDefinition(entries), String(size))
  }
})

test('ok/the root of nothing is the hash of nothing', () => {
  const empty = 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'
  assert.equal(merkleRoot([]).toString('hex'), empty)
})
