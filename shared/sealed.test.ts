import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import { seal, SealFault, unseal } from './sealed.ts'

const secret = randomBytes(32)

test('fail/no passphrase, another one, another name', () => {
  const sealed = Buffer.from(seal(secret, 'right', 'kek'))
  assert.throws(() => unseal(sealed, undefined, 'kek'), SealFault)
  assert.throws(() => unseal(sealed, 'wrong', 'kek'), SealFault)
  assert.throws(() => unseal(sealed, 'right', 'audit-key'), SealFault)
})

test('ok/round trip, and what is not sealed is left alone', () => {
  assert.deepEqual(unseal(Buffer.from(seal(secret, 'p', 'kek')), 'p', 'kek'), secret)
  assert.deepEqual(unseal(secret, 'p', 'kek'), secret)
  assert.notEqual(seal(secret, 'p', 'kek'), seal(secret, 'p', 'kek'))
})
