import assert from 'node:assert/strict'
import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { test } from 'node:test'
import { readCsr, verifyCsr } from './csr.ts'
import { DerError } from './der-read.ts'
import { bitString, context, integerOf, NULL, sequence, set, tlv, TRUE, oid } from './der-write.ts'
import { subjectAltName, writeExtension } from './extension.ts'
import { buildName, commonName } from './name.ts'
import { OID } from './oid.ts'

interface Wish {
  readonly subject?: Buffer
  readonly spki?: Buffer
  readonly attributes?: readonly Buffer[]
  readonly version?: number
  readonly algorithm?: Buffer
  readonly digest?: string | null
}

const p256 = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spkiOf = (key: KeyObject) => key.export({ type: 'spki', format: 'der' })

function request(key: { privateKey: KeyObject; publicKey: KeyObject }, wish: Wish = {}): Buffer {
  const info = sequence(
    integerOf(wish.version ?? 0),
    wish.subject ?? commonName('gw-1'),
    wish.spki ?? spkiOf(key.publicKey),
    context(0, ...(wish.attributes ?? [])),
  )
  const digest = wish.digest === undefined ? 'sha256' : wish.digest
  const algorithm = wish.algorithm ?? sequence(OID.ecdsaSha256)
  return sequence(info, algorithm, bitString(sign(digest, info, key.privateKey)))
}

const extensions = (...list: readonly Buffer[]) =>
  sequence(OID.extensionRequest, set(sequence(...list)))
const rsaAlgorithm = sequence(OID.rsaSha256, NULL)
const rsa = (bits: number, exponent = 65537) =>
  generateKeyPairSync('rsa', { modulusLength: bits, publicExponent: exponent })

const refused = (der: Buffer, message: RegExp) =>
  assert.throws(
    () => readCsr(der),
    (error) => {
      assert.ok(error instanceof DerError)
      assert.match(error.message, message)
      return true
    },
  )

test('fail/csr larger than 16 KiB', () => refused(Buffer.alloc(16_385, 0x30), /16384/))
test('fail/csr version 1', () => refused(request(p256, { version: 1 }), /version/))
test('fail/csr bytes behind the end', () =>
  refused(Buffer.concat([request(p256), Buffer.from([0])]), /follow/))

test('fail/csr explicit curve parameters, refused by their bytes', () => {
  const { privateKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
  })
  const { publicKey } = generateKeyPairSync('ec', {
    namedCurve: 'P-256',
    paramEncoding: 'explicit',
  })
  refused(request({ privateKey, publicKey }), /none of/)
})

test('fail/csr curves outside the list', () => {
  for (const namedCurve of ['secp256k1', 'P-521', 'brainpoolP256r1']) {
    refused(request(generateKeyPairSync('ec', { namedCurve })), /none of/)
  }
})

test('fail/csr compressed point', () => {
  const spki = sequence(sequence(OID.ecPublicKey, OID.p256), bitString(Buffer.alloc(33, 2)))
  refused(request(p256, { spki }), /compressed/)
})

test('fail/csr point beside the curve', () => {
  const point = Buffer.alloc(65, 1)
  point[0] = 4
  const spki = sequence(sequence(OID.ecPublicKey, OID.p256), bitString(point))
  assert.throws(() => verifyCsr(readCsr(request(p256, { spki }))), /not valid/)
})

test('fail/csr RSA of 1024 bits, of 8192, of e = 3', () => {
  refused(request(rsa(1024), { algorithm: rsaAlgorithm }), /2048/)
  const modulus = Buffer.alloc(1024, 0xff)
  const huge = sequence(integerOf(BigInt(`0x${modulus.toString('hex')}`)), integerOf(65537))
  refused(request(p256, { spki: sequence(sequence(OID.rsa, NULL), bitString(huge)) }), /4096/)
  refused(request(rsa(2048, 3), { algorithm: rsaAlgorithm }), /65537/)
})

test('fail/csr signature algorithm of another key, or SHA-1', () => {
  refused(request(p256, { algorithm: rsaAlgorithm }), /algorithm/)
  refused(
    request(p256, { algorithm: sequence(oid('1.2.840.10045.4.1')), digest: 'sha1' }),
    /algorithm/,
  )
})

test('fail/csr two common names, control characters of a code page', () => {
  const twice = buildName([
    { type: OID.commonName, value: 'a' },
    { type: OID.commonName, value: 'b' },
  ])
  refused(request(p256, { subject: twice }), /two common names/)
  const t61 = sequence(set(sequence(OID.commonName, tlv(0x14, Buffer.from('x')))))
  refused(request(p256, { subject: t61 }), /UTF8String/)
})

test('fail/csr one extension twice', () => {
  const name = subjectAltName([{ kind: 'dns', value: 'a' }])
  refused(request(p256, { attributes: [extensions(name, name)] }), /twice/)
})

test('fail/csr signed by another key', () => {
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const forged = readCsr(request({ privateKey: other.privateKey, publicKey: p256.publicKey }))
  assert.equal(verifyCsr(forged), false)
})

test('ok/csr every key kind', () => {
  const kinds = {
    p256: request(p256),
    p384: request(generateKeyPairSync('ec', { namedCurve: 'P-384' }), {
      algorithm: sequence(OID.ecdsaSha384),
      digest: 'sha384',
    }),
    ed25519: request(generateKeyPairSync('ed25519'), {
      algorithm: sequence(OID.ed25519),
      digest: null,
    }),
    rsa: request(rsa(2048), { algorithm: rsaAlgorithm }),
  }
  for (const [kind, der] of Object.entries(kinds)) {
    const csr = readCsr(der)
    assert.equal(csr.key.kind, kind)
    assert.equal(csr.commonName, 'gw-1')
    assert.ok(verifyCsr(csr), kind)
  }
})

test('ok/csr wishes are read so that contradictions can be refused', () => {
  const csr = readCsr(
    request(p256, {
      attributes: [
        extensions(
          writeExtension(OID.basicConstraints, sequence(TRUE), true),
          subjectAltName([
            { kind: 'uri', value: 'urn:muster:device:gw-2' },
            { kind: 'ip', value: '0a000001' },
          ]),
        ),
        sequence(OID.challengePassword, set(tlv(0x13, Buffer.from('c2VjcmV0')))),
      ],
    }),
  )
  assert.equal(csr.wantsAuthority, true)
  assert.equal(csr.challenge, 'c2VjcmV0')
  assert.deepEqual(csr.altNames, [
    { kind: 'uri', value: 'urn:muster:device:gw-2' },
    { kind: 'ip', value: '0a000001' },
  ])
})

test('ok/csr a mutated one is refused or says the same', () => {
  const der = request(p256)
  const original = readCsr(der)
  let accepted = 0
  for (let at = 0; at < der.length; at++) {
    for (const flip of [0x01, 0x80, 0xff]) {
      const mutated = Buffer.from(der)
      mutated[at] = (mutated[at] ?? 0) ^ flip
      try {
        if (verifyCsr(readCsr(mutated))) accepted++
      } catch (error) {
        assert.ok(error instanceof DerError, String(error))
      }
    }
  }
  assert.equal(accepted, 0)
  assert.ok(verifyCsr(original))
})
