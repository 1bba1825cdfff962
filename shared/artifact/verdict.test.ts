import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { test } from 'node:test'
import type { Digests } from './digest.ts'
import { judge } from './verdict.ts'

const sha256 = randomBytes(32)
const found = (part: Partial<Digests> = {}): Digests => ({
  bytes: 10,
  sha256,
  sha1: randomBytes(20),
  md5: randomBytes(16),
  keyId: undefined,
  holdsPrivateKey: false,
  ...part,
})
const expected = { sha256, bytes: 10n, signed: true, allowUnsigned: false }

test('ok/signed by a trusted key', () =>
  assert.equal(judge(found({ keyId: 'k' }), expected), 'trusted'))

test('ok/unsigned only where allowed', () => {
  const unsigned = { ...expected, signed: false }
  assert.equal(judge(found(), { ...unsigned, allowUnsigned: true }), 'unsigned_allowed')
  assert.throws(() => judge(found(), unsigned), { code: 'artifact.signature_untrusted' })
})

test('fail/a wrong signature is refused even where unsigned files are allowed', () =>
  assert.throws(() => judge(found(), { ...expected, allowUnsigned: true }), {
    code: 'artifact.signature_untrusted',
  }))

test('fail/another size or hash, before anything else', () => {
  const trusted = found({ keyId: 'k' })
  assert.throws(() => judge(trusted, { ...expected, bytes: 11n }), {
    code: 'upload.digest_mismatch',
  })
  assert.throws(() => judge(trusted, { ...expected, sha256: randomBytes(32) }), {
    code: 'upload.digest_mismatch',
  })
})

test('fail/a private key, although it is signed', () =>
  assert.throws(() => judge(found({ keyId: 'k', holdsPrivateKey: true }), expected), {
    code: 'artifact.private_key',
  }))
