import assert from 'node:assert/strict'
import test from 'node:test'
import { spellHeader } from './answer.ts'

for (const [name, spelt] of [
  ['content-type', 'Content-Type'],
  ['www-authenticate', 'WWW-Authenticate'],
  ['etag', 'ETag'],
  ['retry-after', 'Retry-After'],
  ['content-transfer-encoding', 'Content-Transfer-Encoding'],
  ['x-b3-id', 'X-B3-Id'],
] as const)
  test(`${name} is written ${spelt}`, () => assert.equal(spellHeader(name), spelt))
