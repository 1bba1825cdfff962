import assert from 'node:assert/strict'
import { createHash } from 'node:crypto'
import { test } from 'node:test'
import { readContentDigest, writeDigest } from './content-digest.ts'

const sha256 = createHash('sha256').update('x').digest()

test('ok/written and read, alone and beside others', () => {
  assert.deepEqual(readContentDigest(writeDigest(sha256)), sha256)
  assert.deepEqual(readContentDigest(`md5=:AAAA:, ${writeDigest(sha256)}`), sha256)
  assert.equal(readContentDigest(undefined), undefined)
})

for (const header of ['', 'sha-256=abc', 'sha-256=:AAAA:', 'md5=:AAAA:', 'sha-512=:AAAA:']) {
  test(`fail/${JSON.stringify(header)}`, () =>
    assert.throws(() => readContentDigest(header), { code: 'request.invalid' }))
}
