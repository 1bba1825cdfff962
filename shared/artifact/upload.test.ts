import assert from 'node:assert/strict'
import { test } from 'node:test'
import { missingParts, partCount, partSize, type Upload } from './upload.ts'

const MIB = 2 ** 20

for (const [size, count, last] of [
  [1n, 1, 1],
  [8n * 1048576n, 1, 8 * MIB],
  [8n * 1048576n + 1n, 2, 1],
  [64n * 1048576n, 8, 8 * MIB],
] as const) {
  test(`ok/${size} bytes are ${count} parts`, () => {
    assert.equal(partCount(size, 8 * MIB), count)
    assert.equal(partSize(size, 8 * MIB, count), last)
    assert.equal(partSize(size, 8 * MIB, 0), undefined)
    assert.equal(partSize(size, 8 * MIB, count + 1), undefined)
  })
}

test('ok/what is missing', () => {
  const parts = [2, 4].map((part) => ({ part, size: 1, tag: '' }))
  // Only size and parts are looked at.
  const upload = { size: 5n, parts } as unknown as Upload
  assert.deepEqual(missingParts(upload, 1), [1, 3, 5])
})
