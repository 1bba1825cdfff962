import assert from 'node:assert/strict'
import test from 'node:test'
import { DomainError } from '../errors.ts'
import { boundedBody, checkJson, depthOf, readBody } from './body.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const codeOf = (code: string) => (error: unknown) =>
  error instanceof DomainError && error.code === code

const DEPTHS: readonly (readonly [string, number])[] = [
  ['', 0],
  ['1', 0],
  ['{}', 1],
  ['[[],[[]]]', 3],
  ['{"a":{"b":[1]}}', 3],
  ['"[[[["', 0],
  ['"\\"[[["', 0],
  ['"\\\\",[[]]', 2],
  [']]]]', 0],
]
for (const [text, depth] of DEPTHS)
  test(`depth/${text || 'nothing'}`, () => assert.equal(depthOf(bytes(text), 99), depth))

test('depth: counting stops above the limit', () => {
  assert.equal(depthOf(bytes('['.repeat(1_000_000)), 16), 17)
})

test('fail/json-too-deep-or-no-utf8', () => {
  checkJson(bytes(`${'['.repeat(16)}${']'.repeat(16)}`))
  assert.throws(() => checkJson(bytes('['.repeat(17))), codeOf('request.malformed'))
  assert.throws(() => checkJson(bytes('\ufeff{}')), codeOf('request.malformed'))
  assert.throws(() => checkJson(Buffer.from([0x22, 0xff, 0x22])), codeOf('request.malformed'))
  assert.throws(
    () => checkJson(Buffer.from('"\xed\xa0\x80"', 'latin1')),
    codeOf('request.malformed'),
  )
})

test('fail/body-past-its-limit', async () => {
  const [whole, cut] = [1, 2].map(() => new Request('http://x/', { method: 'POST', body: 'abcd' }))
  assert.ok(whole && cut)
  assert.equal((await readBody(whole, 4)).toString(), 'abcd')
  await assert.rejects(readBody(cut, 3), codeOf('request.too_large'))
  assert.equal((await readBody(new Request('http://x/'), 0)).length, 0)
})

test('fail/stream-past-its-limit: what fits has passed', async () => {
  const chunks = ReadableStream.from([bytes('ab'), bytes('cd')])
  const reader = boundedBody(chunks, 3).getReader()
  assert.deepEqual((await reader.read()).value, bytes('ab'))
  await assert.rejects(reader.read(), codeOf('request.too_large'))
})
