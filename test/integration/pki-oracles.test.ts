// Whatever the codec writes, others must read the same; whatever request it takes, openssl must take too.
import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { X509Certificate } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import * as pkijs from 'pkijs'
import { readCertificate } from '../../shared/pki/certificate-read.ts'
import { certsOnly } from '../../shared/pki/certs-only.ts'
import { signCrl } from '../../shared/pki/crl-write.ts'
import { readCsr, verifyCsr } from '../../shared/pki/csr.ts'
import { DerError } from '../../shared/pki/der-read.ts'
import { signDeviceCertificate } from '../../shared/pki/device-certificate.ts'
import { openIssuer } from '../../shared/pki/issuer.ts'
import { signClaimCertificate, signServerCertificate } from '../../shared/pki/leaf-certificates.ts'
import { certificatePem, fromPem, toPem } from '../../shared/pki/pem.ts'
import { Profile } from '../../shared/pki/profile.ts'
import { newSerial } from '../../shared/pki/serial.ts'
import { newHierarchy, pemOf } from '../support/authority.ts'
import { deviceKey } from '../support/csr.ts'
import { needs } from '../support/needs.ts'

// Its decorators need the metadata first.
await import('reflect-metadata')
const { X509Certificate: Peculiar } = await import('@peculiar/x509')

const folder = mkdtempSync(path.join(tmpdir(), 'muster-oracles-'))
after(() => rmSync(folder, { recursive: true, force: true }))

const hierarchy = newHierarchy('oracles')
const { root, issuing, next } = hierarchy
const now = new Date()
const issuer = openIssuer(issuing.certificate.der, issuing.key)

function write(name: string, content: string | Buffer): string {
  const file = path.join(folder, name)
  writeFileSync(file, content)
  return file
}

const openssl = (...args: readonly string[]) =>
  execFileSync('openssl', args, {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
    maxBuffer: 1 << 26,
  })
const has = (command: string) => spawnSync(command, ['--version']).error === undefined
const zlint = path.join(process.env['MUSTER_TOOLS'] ?? '/nowhere', 'zlint-v3.7.3', 'zlint')

const KINDS = {
  p256: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-256'],
  p384: ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
  ed25519: ['-algorithm', 'ED25519'],
  rsa2048: ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
} as const
const PROFILES = {
  plain: Profile.parse({}),
  long: Profile.parse({ lifetime_days: 7300, organization: 'Ünïcode & Söhne' }),
  full: Profile.parse({
    dns_name: true,
    crl_url: 'http://pki.example/crl',
    issuer_url: 'http://pki.example/ca.cer',
  }),
} as const

const leaves = Object.entries(KINDS).flatMap(([kind, options]) => {
  const csr = readCsr(fromPem(deviceKey(options).csr(`/CN=gw-${kind}`), 'CERTIFICATE REQUEST'))
  return Object.entries(PROFILES).map(([name, profile]) => ({
    name: `${kind}-${name}`,
    deviceId: `gw-${kind}`,
    profile,
    csr,
    der: signDeviceCertificate(issuer, { profile, deviceId: `gw-${kind}`, key: csr.key, now }).der,
  }))
})
const rootFile = write('root.pem', pemOf(root))
const issuingFile = write('issuing.pem', pemOf(issuing))
const leafFile = (leaf: { name: string; der: Buffer }) =>
  write(`${leaf.name}.pem`, certificatePem(leaf.der))

test('ok/openssl verifies strictly, as a TLS client and with the CRLs of the whole chain', () => {
  const crls = write(
    'all.crl',
    [hierarchy.crls[0], hierarchy.crls[1]]
      .map((der) => toPem('X509 CRL', der ?? Buffer.alloc(0)))
      .join(''),
  )
  for (const leaf of leaves) {
    const strict = ['-x509_strict', '-check_ss_sig', '-auth_level', '2', '-purpose', 'sslclient']
    const lists = ['-crl_check_all', '-CRLfile', crls]
    const chain = ['-CAfile', rootFile, '-untrusted', issuingFile]
    const said = openssl('verify', ...strict, ...lists, ...chain, leafFile(leaf))
    assert.match(said, /: OK/, leaf.name)
    const server = spawnSync('openssl', [
      'verify',
      '-purpose',
      'sslserver',
      ...chain,
      leafFile(leaf),
    ])
    assert.notEqual(server.status, 0, 'a device is no server')
  }
})

test('ok/openssl verifies authorities, servers and claims', () => {
  const key = leaves[0]?.csr.key
  assert.ok(key)
  const claim = openIssuer(hierarchy.claim.certificate.der, hierarchy.claim.key)
  const server = openIssuer(hierarchy.server.certificate.der, hierarchy.server.key)
  const names: [string, ...string[]] = ['muster.example', '192.0.2.1', '2001:db8::1']
  const cases = [
    [
      'claim',
      hierarchy.claim,
      signClaimCertificate(claim, { key, now, name: 'lot-7', days: 90 }).der,
      'sslclient',
    ],
    [
      'server',
      hierarchy.server,
      signServerCertificate(server, { key, now, names }).der,
      'sslserver',
    ],
    ['next-1', root, next[0].certificate.der, 'any'],
    ['next-2', root, next[1].certificate.der, 'any'],
  ] as const
  for (const [name, authority, der, purpose] of cases) {
    const trusted = write(`${name}-ca.pem`, pemOf(authority))
    const file = write(`${name}.pem`, certificatePem(der))
    const args = ['-x509_strict', '-check_ss_sig', '-purpose', purpose, '-CAfile', trusted, file]
    assert.match(openssl('verify', ...args), /: OK/, name)
  }
})

test('ok/gnutls verifies', needs('certtool', has('certtool')), () => {
  const chain = write('chain.pem', pemOf(issuing) + pemOf(root))
  for (const leaf of leaves) {
    const args = ['--verify', '--load-ca-certificate', chain, '--infile', leafFile(leaf)]
    const said = spawnSync('certtool', args, { encoding: 'utf8' })
    assert.equal(said.status, 0, `${leaf.name}: ${said.stdout}${said.stderr}`)
  }
})

test('ok/node, pkijs and @peculiar/x509 read the same names, times and key', () => {
  for (const { der, deviceId, csr, name } of leaves) {
    const own = readCertificate(der)
    const node = new X509Certificate(der)
    assert.equal(node.serialNumber, own.serial.toString('hex').toUpperCase())
    assert.equal(node.validToDate.getTime(), own.notAfter.getTime())
    assert.match(node.subject, new RegExp(`CN=${deviceId}$`))
    const spki = node.publicKey.export({ type: 'spki', format: 'der' })
    assert.ok(spki.equals(csr.key.spki), name)
    const pki = pkijs.Certificate.fromBER(new Uint8Array(der))
    assert.equal(Buffer.from(pki.serialNumber.valueBlock.valueHexView).compare(own.serial), 0)
    assert.equal(pki.notBefore.value.getTime(), own.notBefore.getTime())
    assert.equal(pki.extensions?.length, own.extensions.length)
    const peculiar = new Peculiar(new Uint8Array(der))
    assert.equal(peculiar.notAfter.getTime(), own.notAfter.getTime())
    assert.equal(peculiar.subjectName.getField('CN')[0], deviceId)
    assert.equal(peculiar.extensions.length, own.extensions.length)
  }
})

test('ok/zlint finds no error', needs('zlint', existsSync(zlint)), () => {
  for (const leaf of [...leaves, { name: 'issuing', der: issuing.certificate.der }]) {
    const args = ['-includeSources=RFC5280,RFC5480,RFC5891,RFC8813,Community', leafFile(leaf)]
    const found = JSON.parse(execFileSync(zlint, args, { encoding: 'utf8' })) as Record<
      string,
      { result: string }
    >
    const faults = Object.entries(found).filter(([, { result }]) =>
      ['error', 'fatal'].includes(result),
    )
    assert.deepEqual(faults, [], leaf.name)
  }
})

test('ok/dumpasn1 finds clean DER', needs('dumpasn1', has('dumpasn1')), () => {
  for (const leaf of leaves) {
    const said = spawnSync('dumpasn1', ['-a', write(`${leaf.name}.der`, leaf.der)], {
      encoding: 'utf8',
    })
    assert.match(said.stdout + said.stderr, /0 warnings, 0 errors/)
  }
})

test('ok/openssl and gnutls read a CRL of 10,000, and it revokes', () => {
  const [first] = leaves
  assert.ok(first)
  const { serial } = readCertificate(first.der)
  const revoked = Array.from({ length: 10_000 }, (_, i) => ({
    serial: i === 5000 ? serial : newSerial(),
    revokedAt: new Date(now.getTime() - i * 1000),
    reason: [0, 1, 3, 4, 5, 9][i % 6] ?? 0,
  })).toSorted((a, b) => a.serial.compare(b.serial))
  const nextUpdate = new Date(now.getTime() + 86_400_000)
  const der = signCrl(issuer, { number: 300n, thisUpdate: now, nextUpdate, revoked })
  const file = write('big.crl', toPem('X509 CRL', der))
  const text = openssl('crl', '-in', file, '-noout', '-text', '-crlnumber', '-CAfile', issuingFile)
  assert.match(text, /crlNumber=0x0?12C/i)
  assert.equal((text.match(/Serial Number:/g) ?? []).length, 10_000)
  assert.match(text, /Key Compromise[^]*Privilege Withdrawn|Privilege Withdrawn[^]*Key Compromise/)
  const verify = spawnSync(
    'openssl',
    [
      'verify',
      '-crl_check',
      '-CRLfile',
      file,
      '-CAfile',
      rootFile,
      '-untrusted',
      issuingFile,
      leafFile(first),
    ],
    { encoding: 'utf8' },
  )
  assert.match(verify.stderr + verify.stdout, /certificate revoked/)
  if (!has('certtool')) return
  const gnutls = spawnSync('certtool', ['--crl-info', '--infile', file], {
    encoding: 'utf8',
    maxBuffer: 1 << 26,
  })
  assert.equal(gnutls.status, 0, gnutls.stderr)
})

test('ok/openssl and gnutls read a certs-only message', () => {
  const der = certsOnly([issuing.certificate.der, root.certificate.der])
  const file = write('p7.der', der)
  const text = openssl('pkcs7', '-inform', 'DER', '-in', file, '-print_certs')
  assert.equal((text.match(/BEGIN CERTIFICATE/g) ?? []).length, 2)
  if (!has('certtool')) return
  const said = spawnSync('certtool', ['--p7-info', '--inder', '--infile', file], {
    encoding: 'utf8',
  })
  assert.equal(said.status, 0, said.stderr)
})

/** Deterministic changes of one request: bits, bytes, lengths, cuts, insertions. */
function* mutations(der: Buffer): Generator<Buffer> {
  for (let at = 0; at < der.length; at++) {
    for (const change of [0x01, 0x20, 0x80]) {
      const changed = Buffer.from(der)
      changed[at] = (changed[at] ?? 0) ^ change
      yield changed
    }
    yield Buffer.concat([der.subarray(0, at), der.subarray(at + 1)])
    yield Buffer.concat([der.subarray(0, at), Buffer.from([0]), der.subarray(at)])
  }
}

test('ok/every mutated request that is taken, openssl takes too', () => {
  const options = ['-addext', 'subjectAltName=URI:urn:muster:device:gw-1,DNS:gw-1']
  const taken: Buffer[] = []
  for (const kind of Object.values(KINDS)) {
    const der = fromPem(deviceKey(kind).csr('/O=Acme/CN=gw-1', ...options), 'CERTIFICATE REQUEST')
    for (const changed of mutations(der)) {
      try {
        readCsr(changed)
        taken.push(changed)
      } catch (error) {
        assert.ok(error instanceof DerError, String(error))
      }
    }
  }
  assert.ok(taken.length > 100, 'names and signatures can be changed without harm to the form')
  // By form only: openssl reads them, whether or not the signature still holds; and where we say that it holds, so does openssl.
  const step = Math.ceil(taken.length / 250)
  for (let at = 0; at < taken.length; at += step) {
    const der = taken[at] ?? Buffer.alloc(0)
    const args = ['req', '-inform', 'DER', '-in', write('mutated.der', der), '-noout']
    const read = spawnSync('openssl', args, { encoding: 'utf8' })
    const said = `${read.stderr} ${der.toString('hex')}`
    assert.equal(read.status, 0, said)
    if (holds(der)) assert.equal(spawnSync('openssl', [...args, '-verify']).status, 0, said)
  }
})

function holds(der: Buffer): boolean {
  try {
    return verifyCsr(readCsr(der))
  } catch {
    return false
  }
}
