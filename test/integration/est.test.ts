import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { readCertificate } from '../../shared/pki/certificate-read.ts'
import { blocks, fromPem } from '../../shared/pki/pem.ts'
import { bare, deviceKey, inFolder } from '../support/csr.ts'
import {
  allow,
  insertBootstrapToken,
  startIdentity,
  type IdentityFunctions,
} from '../support/identity.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const EST = '/.well-known/est'
const PKCS10 = 'application/pkcs10'

let cloned: TestDatabase
let functions: IdentityFunctions
before(async () => {
  cloned = await cloneDatabase()
  const faster = `insert into settings (name, value, updated_by) values ('rate.failure', '1000', 'test')`
  await cloned.db.unnamed('rate', faster, [])
  functions = await startIdentity(cloned)
})
after(() => cloned[Symbol.asyncDispose]())

/** Certificates of a certs-only body, read by openssl. */
function certificates(body: string): Buffer[] {
  return inFolder((folder) => {
    const file = path.join(folder, 'p7')
    writeFileSync(file, Buffer.from(body, 'base64'))
    const args = ['pkcs7', '-inform', 'DER', '-in', file, '-print_certs']
    return blocks(execFileSync('openssl', args, { encoding: 'utf8' }), ['CERTIFICATE'])
  })
}

const basic = (user: string, password: string) => ({
  authorization: `Basic ${Buffer.from(`${user}:${password}`).toString('base64')}`,
})
const post = (operation: string, body: string | Uint8Array, more: object = {}) =>
  functions.call('est', `${EST}/${operation}`, { body, type: PKCS10, ...more })

test('ok/cacerts: issuing authority and root, by every byte rule', async () => {
  const response = await functions.call('est', `${EST}/cacerts`)
  assert.equal(response.status, 200)
  assert.equal(response.headers.get('content-type'), 'application/pkcs7-mime')
  assert.equal(response.headers.get('content-transfer-encoding'), 'base64')
  const body = await response.text()
  assert.equal(response.headers.get('content-length'), String(body.length))
  assert.match(body, /^[A-Za-z0-9+/]+=*$/)
  const { issuing, root } = functions.hierarchy
  assert.deepEqual(certificates(body), [issuing.certificate.der, root.certificate.der])
})

test('ok/cacerts: libest reads lines of 64', async () => {
  const headers = { 'user-agent': 'libest 1.0' }
  const response = await functions.call('est', `${EST}/cacerts`, { headers })
  const lines = (await response.text()).split('\r\n')
  assert.ok(lines.length > 10 && lines.every((line) => line.length <= 64))
})

test('ok/csrattrs: an elliptic curve and a hash', async () => {
  const response = await functions.call('est', `${EST}/csrattrs`)
  assert.equal(response.headers.get('content-type'), 'application/csrattrs')
  const der = Buffer.from(await response.text(), 'base64')
  const shown = inFolder((folder) => {
    const file = path.join(folder, 'der')
    writeFileSync(file, der)
    return execFileSync('openssl', ['asn1parse', '-inform', 'DER', '-in', file], {
      encoding: 'utf8',
    })
  })
  assert.match(shown, /id-ecPublicKey[^]*prime256v1[^]*ecdsa-with-SHA256/)
})

const pem = (deviceId: string) => deviceKey().csr(`/CN=${deviceId}`)
const der = (deviceId: string) => fromPem(pem(deviceId), 'CERTIFICATE REQUEST')

test('ok/simpleenroll by Basic, by Bearer, from PEM and from DER', async () => {
  const ways: readonly [string, (token: string, id: string) => Promise<Response>][] = [
    ['est-1', (token, id) => post('simpleenroll', bare(pem(id)), { headers: basic(id, token) })],
    ['est-2', (token, id) => post('simpleenroll', bare(pem(id)), { headers: basic('', token) })],
    [
      'est-3',
      (token, id) =>
        post('simpleenroll', pem(id), { headers: { authorization: `Bearer ${token}` } }),
    ],
    ['est-4', (token, id) => post('simpleenroll', der(id), { headers: basic(id, token) })],
  ]
  for (const [deviceId, way] of ways) {
    await allow(cloned.db, deviceId)
    const token = await insertBootstrapToken(cloned.db)
    const response = await way(token.text, deviceId)
    assert.equal(response.status, 200, await response.clone().text())
    assert.equal(
      response.headers.get('content-type'),
      'application/pkcs7-mime; smime-type=certs-only',
    )
    const [only, ...more] = certificates(await response.text())
    assert.equal(more.length, 0)
    assert.equal(readCertificate(only ?? Buffer.alloc(0)).commonName, deviceId)
  }
})

test('fail/simpleenroll: 401 has no body and names Basic, whatever the reason', async () => {
  const body = bare(deviceKey().csr('/CN=est-9'))
  const token = await insertBootstrapToken(cloned.db)
  const refused = [
    await post('simpleenroll', body),
    await post('simpleenroll', body, { headers: basic('est-9', 'wrong') }),
    await post('simpleenroll', body, { headers: basic('est-9', token.text) }),
    await post('simplereenroll', body),
  ]
  for (const response of refused) {
    assert.equal(response.status, 401)
    assert.equal(response.headers.get('www-authenticate'), 'Basic realm="muster"')
    assert.equal(response.headers.get('content-length'), '0')
    assert.equal(response.headers.get('content-type'), null)
    assert.equal(await response.text(), '')
  }
})

test('fail/simpleenroll: bad bytes 400 as text, wrong type 415, too large 413', async () => {
  await allow(cloned.db, 'est-10')
  const { text: token } = await insertBootstrapToken(cloned.db)
  const headers = basic('est-10', token)
  for (const body of [
    'MII*',
    'AAAA',
    'MIIB',
    bare(deviceKey(['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']).csr('/CN=est-10')),
  ]) {
    const response = await post('simpleenroll', body, { headers })
    assert.deepEqual([response.status, response.headers.get('content-type')], [400, 'text/plain'])
    assert.match(await response.text(), /csr\.invalid, call /)
  }
  const typed = await post('simpleenroll', 'MIIB', { headers, type: 'text/plain' })
  assert.equal(typed.status, 415)
  const large = await post('simpleenroll', 'A'.repeat(16_385), { headers })
  assert.equal(large.status, 413)
})

test('ok/simplereenroll with the old key and with a new one', async () => {
  await allow(cloned.db, 'est-20')
  const token = await insertBootstrapToken(cloned.db)
  const key = deviceKey()
  const csr = bare(key.csr('/CN=est-20'))
  const first = await post('simpleenroll', csr, { headers: basic('est-20', token.text) })
  const [certificate = Buffer.alloc(0)] = certificates(await first.text())
  const renewed = await post('simplereenroll', csr, { certificate })
  assert.equal(renewed.status, 200, await renewed.clone().text())
  const [second = Buffer.alloc(0)] = certificates(await renewed.text())
  assert.notDeepEqual(second, certificate)
  assert.ok(readCertificate(second).key.spki.equals(readCertificate(certificate).key.spki))
  const other = bare(deviceKey().csr('/CN=est-20'))
  const third = await post('simplereenroll', other, { certificate: second })
  assert.equal(third.status, 200)
  const named = await post('simplereenroll', bare(deviceKey().csr('/CN=est-21')), {
    certificate: second,
  })
  assert.equal(named.status, 400)
})

test('ok/202 with Retry-After and no body while the authority does not answer; then the certificate', async () => {
  await using own = await cloneDatabase()
  const down = await startIdentity(own)
  await allow(own.db, 'slow-1')
  const { text: token } = await insertBootstrapToken(own.db)
  const body = bare(deviceKey().csr('/CN=slow-1'))
  const ask = () =>
    down.call('est', `${EST}/simpleenroll`, { body, type: PKCS10, headers: basic('slow-1', token) })
  await own.db.unnamed('stop', `update issuers set daily_quota = 0`, [])
  const waiting = await ask()
  assert.deepEqual([waiting.status, await waiting.text()], [202, ''])
  assert.match(waiting.headers.get('retry-after') ?? '', /^\d+$/)
  await own.db.unnamed('go', `update issuers set daily_quota = 10`, [])
  assert.equal((await ask()).status, 200)
  const used = await own.db.unnamed<{ used: bigint }>(
    'used',
    `select used from credential_uses`,
    [],
  )
  assert.deepEqual(used, [{ used: 1n }])
})

test('fail/a request that was made for another connection', async () => {
  await allow(cloned.db, 'est-bound')
  const { text: token } = await insertBootstrapToken(cloned.db)
  const binding = Buffer.from('0102030405060708090a0b0c', 'hex')
  const body = bare(challenged('est-bound', binding.toString('base64')))
  const headers = basic('est-bound', token)
  const other = await post('simpleenroll', body, { headers, binding: Buffer.alloc(12, 7) })
  assert.equal(other.status, 400)
  const own = await post('simpleenroll', body, { headers, binding })
  assert.equal(own.status, 200, await own.clone().text())
})

/** A request with a challengePassword, which EST uses for tls-unique. */
function challenged(deviceId: string, challenge: string): string {
  return inFolder((folder) => {
    const config = path.join(folder, 'cnf')
    const lines = [
      '[req]',
      'distinguished_name=n',
      'attributes=a',
      'prompt=no',
      '[n]',
      `CN=${deviceId}`,
    ]
    writeFileSync(config, [...lines, '[a]', `challengePassword=${challenge}`, ''].join('\n'))
    const key = [
      '-newkey',
      'ec',
      '-pkeyopt',
      'ec_paramgen_curve:P-256',
      '-nodes',
      '-keyout',
      path.join(folder, 'k'),
    ]
    return execFileSync('openssl', ['req', '-new', '-config', config, ...key], {
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  })
}
