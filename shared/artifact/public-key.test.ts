import assert from 'node:assert/strict'
import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { readPublicKey } from './public-key.ts'
import { readSignature } from './signature.ts'

const spki = (key: KeyObject) => key.export({ type: 'spki', format: 'pem' }).toString()
const ec = generateKeyPairSync('ec', { namedCurve: 'prime256v1' })

test('ok/P-256, RSA and Ed25519 are taken', () => {
  assert.equal(readPublicKey(spki(ec.publicKey)).algorithm, 'ecdsa-p256')
  const rsa = generateKeyPairSync('rsa', { modulusLength: 2048 })
  assert.equal(readPublicKey(spki(rsa.publicKey)).algorithm, 'rsa')
  assert.equal(readPublicKey(spki(generateKeyPairSync('ed25519').publicKey)).algorithm, 'ed25519')
})

for (const [name, key] of [
  ['P-384', generateKeyPairSync('ec', { namedCurve: 'secp384r1' })],
  ['secp256k1', generateKeyPairSync('ec', { namedCurve: 'secp256k1' })],
  ['RSA of 1024 bits', generateKeyPairSync('rsa', { modulusLength: 1024 })],
  ['X25519', generateKeyPairSync('x25519')],
] as const) {
  test(`fail/${name} is refused`, () =>
    assert.throws(() => readPublicKey(spki(key.publicKey)), { code: 'request.invalid' }))
}

for (const [name, text] of [
  ['PKCS #8', ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
  ['SEC 1', ec.privateKey.export({ type: 'sec1', format: 'pem' }).toString()],
  ['encrypted', '-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----'],
  ['both', spki(ec.publicKey) + ec.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()],
] as const) {
  test(`fail/a private key is refused: ${name}`, () =>
    assert.throws(() => readPublicKey(text), { code: 'artifact.private_key' }))
}

for (const text of ['', 'hello', '-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----']) {
  test(`fail/no key: ${JSON.stringify(text.slice(0, 30))}`, () =>
    assert.throws(() => readPublicKey(text), { code: 'request.invalid' }))
}

test('ok/a signature in base64, base64url, and with a plus sign that became a blank', () => {
  const bytes = Buffer.from([0xfb, 0xef, 0xff, 0x00])
  for (const text of [bytes.toString('base64'), bytes.toString('base64url'), '++//AA==', '  //AA'])
    assert.equal(readSignature(text).length, 4)
})

test('fail/a signature that is none, too long, or a private key', () => {
  for (const text of ['', '*', 'a b*', Buffer.alloc(1025).toString('base64')])
    assert.throws(() => readSignature(text), { code: 'request.invalid' })
  const key = ec.privateKey.export({ type: 'pkcs8', format: 'pem' })
  assert.throws(() => readSignature(String(key)), { code: 'artifact.private_key' })
  assert.throws(() => readSignature(Buffer.from(key).toString('base64')), {
    code: 'artifact.private_key',
  })
})
