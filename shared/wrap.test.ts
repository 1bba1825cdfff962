import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { readKek, unwrap, wrap } from './wrap.ts'

const kek = randomBytes(32)
const secret = Buffer.from('a shared key')

test('fail/wrap of another row, another key, a changed byte', () => {
  const wrapped = wrap(kek, secret, 'lot-7')
  assert.throws(() => unwrap(kek, wrapped, 'lot-8'))
  assert.throws(() => unwrap(randomBytes(32), wrapped, 'lot-7'))
  for (let at = 0; at < wrapped.length; at++) {
    const changed = Buffer.from(wrapped)
    changed[at] = (changed[at] ?? 0) ^ 1
    assert.throws(() => unwrap(kek, changed, 'lot-7'))
  }
})

test('fail/kek of another length', () => {
  assert.throws(() => readKek(randomBytes(31)))
})

test('ok/wrap round trip, never twice the same', () => {
  const wrapped = wrap(kek, secret, 'lot-7')
  assert.deepEqual(unwrap(kek, wrapped, 'lot-7'), secret)
  assert.notDeepEqual(wrapped, wrap(kek, secret, 'lot-7'))
  assert.deepEqual(readKek(Buffer.from(`${kek.toString('base64')}\n`)), kek)
})
