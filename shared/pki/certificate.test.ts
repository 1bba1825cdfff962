import assert from 'node:assert/strict'
import { generateKeyPairSync, X509Certificate } from 'node:crypto'
import { test } from 'node:test'
import { createAuthority, type Hierarchy } from './authority.ts'
import { isSignedBy, readCertificate } from './certificate-read.ts'
import { certsOnly } from './certs-only.ts'
import { isCrlOf, readCrl, revokedSerials } from './crl-read.ts'
import { signCrl } from './crl-write.ts'
import { DerError, only, TAG } from './der-read.ts'
import { renewAt, signDeviceCertificate } from './device-certificate.ts'
import { openIssuer } from './issuer.ts'
import { readKey } from './key.ts'
import { signClaimCertificate, signServerCertificate } from './leaf-certificates.ts'
import { blocks, certificatePem } from './pem.ts'
import { Profile } from './profile.ts'
import { newSerial, parseSerial, serialText } from './serial.ts'

const now = new Date('2026-11-24T12:00:00.750Z')
const hierarchy: Hierarchy = createAuthority({ now, label: 'test' })
const issuer = openIssuer(hierarchy.issuing.certificate.der, hierarchy.issuing.key)
const profile = Profile.parse({})

function newKey() {
  const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const spki = publicKey.export({ type: 'spki', format: 'der' })
  return readKey(spki, only(spki, TAG.sequence))
}

const device = (deviceId: string, given = profile) =>
  signDeviceCertificate(issuer, { profile: given, deviceId, key: newKey(), now })

test('fail/issuer a key that is not the certificate’s', () => {
  assert.throws(() => openIssuer(hierarchy.issuing.certificate.der, hierarchy.root.key), DerError)
})

test('fail/issuer a leaf signs nothing', () => {
  assert.throws(() => openIssuer(device('gw-1').der, hierarchy.issuing.key), /authority/)
})

test('fail/certificate one bit changed', () => {
  const { der } = device('gw-1')
  for (let at = 0; at < der.length; at++) {
    const mutated = Buffer.from(der)
    mutated[at] = (mutated[at] ?? 0) ^ 1
    try {
      assert.equal(
        isSignedBy(readCertificate(mutated), hierarchy.issuing.certificate),
        false,
        `${at}`,
      )
    } catch (error) {
      assert.ok(error instanceof DerError)
    }
  }
})

test('ok/device certificate says what profile and registry say', () => {
  const made = new X509Certificate(device('gw-17.A:b_c').der)
  assert.equal(made.subject, 'O=Muster\nCN=gw-17.A:b_c')
  assert.equal(made.subjectAltName, 'URI:urn:muster:device:gw-17.A:b_c')
  assert.deepEqual(made.keyUsage, ['1.3.6.1.5.5.7.3.2'])
  assert.equal(made.ca, false)
  assert.equal(made.validFromDate.toISOString(), '2026-11-24T11:55:00.000Z')
  assert.equal(made.validToDate.toISOString(), '2027-02-22T12:00:00.000Z')
  assert.ok(made.verify(new X509Certificate(hierarchy.issuing.certificate.der).publicKey))
})

test('ok/device certificate never outlives its issuer', () => {
  const made = device('gw-1', { ...profile, lifetime_days: 7300 })
  assert.deepEqual(made.notAfter, hierarchy.issuing.certificate.notAfter)
})

test('ok/device certificate names its CRL and issuer where the profile does', () => {
  const made = new X509Certificate(
    device('gw-1', {
      ...profile,
      crl_url: 'http://pki.example/crl',
      issuer_url: 'http://pki.example/ca.cer',
    }).der,
  )
  assert.equal(made.infoAccess, 'CA Issuers - URI:http://pki.example/ca.cer')
})

test('ok/renewal comes before two thirds of life, spread', () => {
  const made = device('gw-1')
  const days = (random: number) => (renewAt(made, random).getTime() - now.getTime()) / 86_400_000
  assert.ok(days(0) > 59.9 && days(0) < 60, String(days(0)))
  assert.ok(days(1) > 50.9 && days(1) < 51, String(days(1)))
})

test('ok/hierarchy device certificates of the next authorities chain to the root', () => {
  for (const next of hierarchy.next) {
    assert.ok(isSignedBy(next.certificate, hierarchy.root.certificate))
    const made = signDeviceCertificate(openIssuer(next.certificate.der, next.key), {
      profile,
      deviceId: 'gw-1',
      key: newKey(),
      now,
    })
    assert.ok(isSignedBy(made, next.certificate))
    assert.equal(isSignedBy(made, hierarchy.issuing.certificate), false)
  }
})

test('ok/hierarchy every device authority has a CRL, offline ones for as long as they live', () => {
  const authorities = [hierarchy.root, hierarchy.issuing, ...hierarchy.next]
  assert.equal(hierarchy.crls.length, 4)
  for (const [at, authority] of authorities.entries()) {
    const crl = readCrl(hierarchy.crls[at] ?? Buffer.alloc(0))
    assert.ok(isCrlOf(crl, authority.certificate))
    assert.equal(crl.number, 1n)
    const end = at === 1 ? new Date(now.getTime() + 7 * 86_400_000) : authority.certificate.notAfter
    assert.equal(Math.floor(crl.nextUpdate.getTime() / 1000), Math.floor(end.getTime() / 1000))
  }
})

test('ok/crl holds its serials, and is refused when another signed it', () => {
  const revoked = Array.from({ length: 300 }, (_, i) => ({
    serial: newSerial(),
    revokedAt: now,
    reason: i % 6,
  }))
  const content = {
    number: 65_536n,
    thisUpdate: now,
    nextUpdate: new Date(now.getTime() + 1e8),
    revoked,
  }
  const crl = readCrl(signCrl(issuer, content))
  assert.equal(crl.number, 65_536n)
  assert.ok(isCrlOf(crl, hierarchy.issuing.certificate))
  assert.equal(isCrlOf(crl, hierarchy.next[0].certificate), false)
  const serials = revokedSerials(crl)
  assert.equal(serials.size, 300)
  assert.ok(revoked.every(({ serial }) => serials.has(serialText(serial))))
})

test('ok/server certificate has host names and addresses', () => {
  const server = openIssuer(hierarchy.server.certificate.der, hierarchy.server.key)
  const made = signServerCertificate(server, {
    key: newKey(),
    now,
    names: ['muster.example', 'localhost', '127.0.0.1', '::1', 'fd00::12:0:ab'],
  })
  const read = new X509Certificate(made.der)
  for (const name of ['muster.example', 'localhost']) assert.ok(read.checkHost(name), name)
  for (const name of ['127.0.0.1', '::1', 'fd00::12:0:ab']) assert.ok(read.checkIP(name), name)
  assert.deepEqual(read.keyUsage, ['1.3.6.1.5.5.7.3.1'])
})

test('ok/claim certificate is signed by the claim root alone', () => {
  const claim = openIssuer(hierarchy.claim.certificate.der, hierarchy.claim.key)
  const made = signClaimCertificate(claim, { key: newKey(), now, name: 'lot-7', days: 365 })
  assert.ok(isSignedBy(made, hierarchy.claim.certificate))
  assert.equal(isSignedBy(made, hierarchy.root.certificate), false)
})

test('ok/serials are 16 bytes, positive, and never begin with zero', () => {
  const seen = new Set<string>()
  for (let i = 0; i < 2000; i++) {
    const serial = newSerial()
    const first = serial[0] ?? 0
    assert.ok(serial.length === 16 && first > 0 && first < 0x80)
    seen.add(serialText(serial))
  }
  assert.equal(seen.size, 2000)
  assert.deepEqual(parseSerial('0aFF'), Buffer.from([10, 255]))
  for (const bad of ['', 'f', 'xx', 'ff'.repeat(21)]) assert.equal(parseSerial(bad), undefined)
})

test('ok/pem round trip of several certificates', () => {
  const ders = [hierarchy.root, hierarchy.issuing].map(({ certificate }) => certificate.der)
  const text = `some words\n${ders.map(certificatePem).join('')}`
  assert.deepEqual(blocks(text, ['CERTIFICATE']), ders)
})

test('ok/certs-only begins as RFC 7030 wants', () => {
  const der = certsOnly([hierarchy.root.certificate.der])
  only(der, TAG.sequence)
  assert.ok(der.includes(hierarchy.root.certificate.der))
})
