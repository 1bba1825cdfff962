import assert from 'node:assert/strict'
import {
  constants,
  createHash,
  generateKeyPairSync,
  randomBytes,
  sign,
  type KeyObject,
} from 'node:crypto'
import { test } from 'node:test'
import { createDigest, type TrustedKey } from './digest.ts'
import { readPublicKey } from './public-key.ts'

const content = randomBytes(100_000)
const pem = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const otherEc = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })
const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
const ed = generateKeyPairSync('ed25519')

const trusted: TrustedKey[] = Object.entries({ ec, rsa, ed }).map(([keyId, { publicKey }]) =>
  Object.assign({ keyId }, readPublicKey(pem(publicKey))),
)

function read(signature: Buffer | undefined, bytes = content, keys = trusted) {
  const digest = createDigest(keys, signature)
  for (let at = 0; at < bytes.length; at += 7_001) digest.update(bytes.subarray(at, at + 7_001))
  return digest.finish()
}

const sha256 = createHash('sha256').update(content).digest()
const pss = { key: rsa.privateKey, padding: constants.RSA_PKCS1_PSS_PADDING }

for (const [name, signature, keyId] of [
  ['ECDSA P-256', sign('sha256', content, ec.privateKey), 'ec'],
  ['RSA PKCS #1', sign('sha256', content, rsa.privateKey), 'rsa'],
  ['RSA-PSS', sign('sha256', content, pss), 'rsa'],
  ['Ed25519 over the digest', sign(null, sha256, ed.privateKey), 'ed'],
  ['Ed25519 over the file', sign(null, content, ed.privateKey), undefined],
  ['ECDSA by a stranger', sign('sha256', content, otherEc.privateKey), undefined],
  ['ECDSA of another file', sign('sha256', Buffer.from('x'), ec.privateKey), undefined],
  ['RSA with SHA-1', sign('sha1', content, rsa.privateKey), undefined],
  ['rubbish of 64 bytes', randomBytes(64), undefined],
  ['rubbish of 256 bytes', randomBytes(256), undefined],
  ['one byte', Buffer.from([0x30]), undefined],
] as const) {
  test(`${keyId === undefined ? 'fail' : 'ok'}/signed by ${name}`, () =>
    assert.equal(read(signature).keyId, keyId))
}

test('ok/three hashes and the size', () => {
  const found = read(undefined)
  assert.equal(found.bytes, content.length)
  assert.deepEqual(found.sha256, sha256)
  assert.deepEqual(found.sha1, createHash('sha1').update(content).digest())
  assert.deepEqual(found.md5, createHash('md5').update(content).digest())
  assert.equal(found.keyId, undefined)
})

test('fail/a revoked key is not among those asked', () =>
  assert.equal(read(sign('sha256', content, ec.privateKey), content, []).keyId, undefined))

test('ok/a private key is noticed, also in small pieces', () => {
  const key = Buffer.from(ec.privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const digest = createDigest([], undefined)
  for (const byte of key) digest.update(Buffer.from([byte]))
  assert.equal(digest.finish().holdsPrivateKey, true)
  assert.equal(read(undefined).holdsPrivateKey, false)
})
