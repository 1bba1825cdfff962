import assert from 'node:assert/strict'
import { randomUUID } from 'node:crypto'
import { test } from 'node:test'
import { addToken, hasToken, tokenHash } from './tokens.ts'

test('ok/only UUIDs are remembered', () => {
  assert.equal(tokenHash('d1-0'), undefined)
  assert.equal(tokenHash(undefined), undefined)
  assert.match(tokenHash(randomUUID()) ?? '', /^[0-9a-f]{8}$/)
  assert.equal(
    tokenHash('0190A0B0-1234-4567-89AB-0123456789AB'),
    tokenHash('0190a0b0-1234-4567-89ab-0123456789ab'),
  )
})

test('ok/sixteen are kept, the oldest goes', () => {
  const hashes = Array.from({ length: 17 }, () => tokenHash(randomUUID()) ?? '')
  const tokens = hashes.reduce<string>((list, hashed) => addToken(list, hashed), '')
  assert.equal(tokens.length, 16 * 8)
  assert.deepEqual(
    hashes.map((hashed) => hasToken(tokens, hashed)),
    [false, ...hashes.slice(1).map(() => true)],
  )
  assert.equal(addToken(tokens, undefined), tokens)
})

test('ok/a hash is not found across two others', () => {
  assert.equal(hasToken('0000111122223333', '11112222'), false)
})
