import assert from 'node:assert/strict'
import { randomBytes, X509Certificate } from 'node:crypto'
import { after, before, test } from 'node:test'
import { enrollMac } from '../../shared/enrollment/authenticate.ts'
import { fromPem } from '../../shared/pki/pem.ts'
import { signedRequest } from '../support/call.ts'
import { bare, deviceKey } from '../support/csr.ts'
import {
  allow,
  insertBootstrapToken,
  insertClaim,
  insertSharedKey,
  startIdentity,
  type IdentityFunctions,
} from '../support/identity.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

let cloned: TestDatabase
let functions: IdentityFunctions
before(async () => {
  cloned = await cloneDatabase()
  await cloned.db.unnamed(
    'rate',
    `insert into settings (name, value, updated_by) values ('rate.failure', '1000', 'test')`,
    [],
  )
  functions = await startIdentity(cloned)
})
after(() => cloned[Symbol.asyncDispose]())

const der = (pem: string, label = 'CERTIFICATE') => fromPem(pem, label)
const json = async (response: Response) => (await response.json()) as Record<string, unknown>
const one = async (text: string, params: readonly unknown[]) =>
  (await cloned.db.unnamed<Record<string, unknown>>('one', text, params))[0]

async function enroll(body: object, certificate?: Buffer): Promise<Response> {
  return functions.call('enroll', '/api/v1/enroll', { body, ...(certificate && { certificate }) })
}

/** Enrols a device that is allowed, with a token; answers with all of it. */
async function enrolled(deviceId: string) {
  await allow(cloned.db, deviceId)
  const token = await insertBootstrapToken(cloned.db)
  const key = deviceKey()
  const body = { device_id: deviceId, csr: key.csr(`/CN=${deviceId}`), token: token.text }
  const response = await enroll({ ...body, hardware_rev: 'A', firmware_ver: '2.4.0' })
  assert.equal(response.status, 200, await response.clone().text())
  const answer = await json(response)
  const certificate = String(answer['certificate'])
  return { key, token, body, answer, certificate, der: der(certificate) }
}

async function rejects(response: Response, reason: string, deviceId: string): Promise<void> {
  const { call_id: callId, ...rest } = await json(response)
  assert.equal(typeof callId, 'string')
  assert.deepEqual(rest, {
    type: '/errors/enrollment.rejected',
    code: 'enrollment.rejected',
    status: 401,
    title: 'The enrollment was refused',
  })
  const audited = await one(
    `select detail ->> 'reason' as reason from audit where target = $1 and verb = 'enrollment.reject' order by id desc limit 1`,
    [deviceId],
  )
  assert.equal(audited?.['reason'], reason)
}

test('ok/token: certificate, chain, endpoints, configuration, and a device in the registry', async () => {
  const { answer, certificate } = await enrolled('ok-1')
  const leaf = new X509Certificate(certificate)
  const issuer = new X509Certificate(String(answer['chain']))
  assert.ok(leaf.verify(issuer.publicKey))
  assert.equal(leaf.subjectAltName, 'URI:urn:muster:device:ok-1')
  assert.deepEqual(answer['config'], {})
  assert.equal(answer['config_version'], 0)
  assert.equal((answer['endpoints'] as { port: number }[])[0]?.port, 8883)
  const row = await one(`select * from devices where device_id = 'ok-1'`, [])
  assert.equal(row?.['cert_serial'], leaf.serialNumber)
  assert.deepEqual(
    [row?.['hardware_rev'], row?.['firmware_ver'], row?.['status']],
    ['A', '2.4.0', 'active'],
  )
  const uses = await one(
    `select c.used, e.state, a.uses from enrollments e join credential_uses c using (credential_id)
       join allowlist a on a.value = e.device_id where e.device_id = 'ok-1'`,
    [],
  )
  assert.deepEqual(uses, { used: 1n, state: 'issued', uses: 1 })
})

test('ok/again with the same key, fifty times at once: the same certificate, one use', async () => {
  await allow(cloned.db, 'again-1')
  const token = await insertBootstrapToken(cloned.db)
  const body = { device_id: 'again-1', csr: deviceKey().csr('/CN=again-1'), token: token.text }
  const answers = await Promise.all(Array.from({ length: 50 }, () => enroll(body)))
  assert.deepEqual(new Set(answers.map(({ status }) => status)), new Set([200]))
  const certificates = await Promise.all(
    answers.map(async (each) => (await json(each))['certificate']),
  )
  assert.equal(new Set(certificates).size, 1)
  const row = await one(
    `select (select count(*) from certificates where device_id = 'again-1') as certificates, used from credential_uses where credential_id = $1`,
    [token.id],
  )
  assert.deepEqual(row, { certificates: 1n, used: 1n })
})

test('ok/one token, fifty devices at once: one is let in', async () => {
  const token = await insertBootstrapToken(cloned.db)
  const names = Array.from({ length: 50 }, (_, i) => `race-${i}`)
  await Promise.all(names.map((name) => allow(cloned.db, name)))
  const key = deviceKey
  const answers = await Promise.all(
    names.map((name) =>
      enroll({ device_id: name, csr: key().csr(`/CN=${name}`), token: token.text }),
    ),
  )
  const count = (status: number) => answers.filter((each) => each.status === status).length
  assert.deepEqual([count(200), count(401)], [1, 49])
  const row = await one(
    `select (select count(*) from devices where device_id like 'race-%') as devices,
            (select sum(uses) from allowlist where value like 'race-%') as uses, used from credential_uses where credential_id = $1`,
    [token.id],
  )
  assert.deepEqual(row, { devices: 1n, uses: 1n, used: 1n })
})

test('ok/many devices with one credential of sixteen slots, counted exactly', async () => {
  const token = await insertBootstrapToken(cloned.db, { uses: 1600 })
  const names = Array.from({ length: 60 }, (_, i) => `lot-${i}`)
  await Promise.all(names.map((name) => allow(cloned.db, name)))
  const answers = await Promise.all(
    names.map((name) =>
      enroll({ device_id: name, csr: deviceKey().csr(`/CN=${name}`), token: token.text }),
    ),
  )
  assert.ok(answers.every(({ status }) => status === 200))
  const row = await one(`select sum(used) as used from credential_uses where credential_id = $1`, [
    token.id,
  ])
  assert.equal(Number(row?.['used']), 60)
})

test('ok/shared key: mac over the request, and a retry of the very same request', async () => {
  await allow(cloned.db, 'hmac-1')
  const key = await insertSharedKey(cloned.db, 'lot-7', { uses: 5 })
  const csr = deviceKey().csr('/CN=hmac-1')
  const shared = {
    credential_id: 'lot-7',
    time: Math.floor(Date.now() / 1000),
    nonce: randomBytes(16).toString('base64url'),
  }
  const mac = enrollMac(key, {
    ...shared,
    deviceId: 'hmac-1',
    csr: der(csr, 'CERTIFICATE REQUEST'),
  })
  const body = {
    device_id: 'hmac-1',
    csr,
    shared_key: { ...shared, mac: mac.toString('base64url') },
  }
  const answers = await Promise.all([enroll(body), enroll(body), enroll(body)])
  assert.deepEqual(
    answers.map(({ status }) => status),
    [200, 200, 200],
  )
  const bad = {
    ...shared,
    nonce: randomBytes(16).toString('base64url'),
    mac: mac.toString('base64url'),
  }
  await rejects(await enroll({ ...body, shared_key: bad }), 'credential_wrong', 'hmac-1')
  const late = { ...shared, time: shared.time - 301, mac: mac.toString('base64url') }
  await rejects(await enroll({ ...body, shared_key: late }), 'clock', 'hmac-1')
  const other = deviceKey().csr('/CN=hmac-1')
  await rejects(await enroll({ ...body, csr: other }), 'credential_wrong', 'hmac-1')
})

test('fail/shared key: a nonce that another request used', async () => {
  await allow(cloned.db, 'hmac-2')
  await allow(cloned.db, 'hmac-3')
  const key = await insertSharedKey(cloned.db, 'lot-8', { uses: 5 })
  const nonce = randomBytes(16).toString('base64url')
  const ask = async (deviceId: string) => {
    const csr = deviceKey().csr(`/CN=${deviceId}`)
    const shared = { credential_id: 'lot-8', time: Math.floor(Date.now() / 1000), nonce }
    const of = { ...shared, deviceId, csr: der(csr, 'CERTIFICATE REQUEST') }
    const mac = enrollMac(key, of).toString('base64url')
    return enroll({ device_id: deviceId, csr, shared_key: { ...shared, mac } })
  }
  assert.equal((await ask('hmac-2')).status, 200)
  await rejects(await ask('hmac-3'), 'replayed', 'hmac-3')
})

test('ok/claim certificate', async () => {
  await allow(cloned.db, 'claim-1')
  const made = await functions.internal('pki', '/internal/claim', { name: 'lot-9', days: 30 })
  const { certificate } = (await made.json()) as { certificate: string }
  await insertClaim(cloned.db, 'lot-9', der(certificate), { uses: 3 })
  const body = { device_id: 'claim-1', csr: deviceKey().csr('/CN=claim-1') }
  const response = await enroll(body, der(certificate))
  assert.equal(response.status, 200, await response.clone().text())
})

test('fail/every reason looks the same, and the operator sees it', async () => {
  const { db } = cloned
  const ask = (deviceId: string, token: string, more: object = {}, subject = `/CN=${deviceId}`) =>
    enroll({ device_id: deviceId, csr: deviceKey().csr(subject), token, ...more })
  const token = async (options = {}) => (await insertBootstrapToken(db, options)).text

  await rejects(await ask('no-1', await token()), 'allowlist_missing', 'no-1')
  await allow(db, 'no-2', { state: 'blocked' })
  await rejects(await ask('no-2', await token()), 'allowlist_blocked', 'no-2')
  await allow(db, 'no-3', { expiresAt: new Date(Date.now() - 1000) })
  await rejects(await ask('no-3', await token()), 'allowlist_expired', 'no-3')
  await allow(db, 'no-4', { hardwareRev: 'B' })
  await rejects(
    await ask('no-4', await token(), { hardware_rev: 'A' }),
    'allowlist_hardware',
    'no-4',
  )
  await allow(db, 'no-5', { credentials: ['another'] })
  await rejects(await ask('no-5', await token()), 'allowlist_credential', 'no-5')
  await allow(db, 'no-6')
  await rejects(await ask('no-6', await token({ enabled: false })), 'credential_disabled', 'no-6')
  const ended = { expiresAt: new Date(Date.now() - 1000) }
  await rejects(await ask('no-6', await token(ended)), 'credential_expired', 'no-6')
  await rejects(
    await ask('no-6', await token({ transports: ['mqtt'] })),
    'credential_transport',
    'no-6',
  )
  await rejects(
    await ask('no-6', await token({ networks: ['10.0.0.0/8'] })),
    'credential_network',
    'no-6',
  )
  await rejects(
    await ask('no-6', await token({ hardwareRevs: ['B'] }), { hardware_rev: 'A' }),
    'credential_hardware',
    'no-6',
  )
  const unknown = await token()
  const mistyped = `${unknown.slice(0, -1)}${unknown.endsWith('x') ? 'y' : 'x'}`
  await rejects(await ask('no-6', mistyped), 'credential_unknown', 'no-6')
  await rejects(await ask('no-6', await token(), {}, '/CN=no-7'), 'request_name', 'no-6')
  const san = ['-addext', 'subjectAltName=URI:urn:muster:device:no-7']
  const foreign = deviceKey().csr('/CN=no-6', ...san)
  const named = await enroll({ device_id: 'no-6', csr: foreign, token: await token() })
  await rejects(named, 'request_name', 'no-6')
})

test('fail/a key of another device, and one that was revoked', async () => {
  const first = await enrolled('key-1')
  await allow(cloned.db, 'key-2')
  const token = await insertBootstrapToken(cloned.db, { uses: 9 })
  const theft = { device_id: 'key-2', csr: first.key.csr('/CN=key-2'), token: token.text }
  await rejects(await enroll(theft), 'request_key', 'key-2')
  const { serialNumber } = new X509Certificate(first.certificate)
  const origin = { actor: 'token test', source: '127.0.0.1', call_id: 'c' }
  const revoked = await functions.internal('pki', '/internal/revoke', {
    serial: serialNumber,
    reason: 'key_compromise',
    ...origin,
  })
  assert.deepEqual(await revoked.json(), { revoked: [serialNumber] })
  await rejects(await enroll(first.body), 'key_revoked', 'key-1')
})

test('fail/requests that are not well formed are told what is wrong', async () => {
  await allow(cloned.db, 'bad-1')
  const { text: token } = await insertBootstrapToken(cloned.db)
  const ask = async (csr: string) => {
    const response = await enroll({ device_id: 'bad-1', csr, token })
    assert.equal(response.status, 400)
    return (await json(response))['code']
  }
  const good = deviceKey().csr('/CN=bad-1')
  assert.equal(await ask(good.replace('MI', 'XX')), 'csr.invalid')
  assert.equal(
    await ask(
      deviceKey(['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:secp256k1']).csr('/CN=bad-1'),
    ),
    'csr.invalid',
  )
  assert.equal(
    await ask(
      deviceKey(['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:1024']).csr('/CN=bad-1'),
    ),
    'csr.invalid',
  )
  assert.equal(
    await ask(deviceKey().csr('/CN=bad-1', '-addext', 'basicConstraints=critical,CA:TRUE')),
    'csr.invalid',
  )
  const both = await enroll({ device_id: 'bad-1', csr: good, token, shared_key: {} })
  assert.equal((await json(both))['code'], 'request.invalid')
  const nothing = await enroll({ device_id: 'bad-1', csr: good })
  assert.equal((await json(nothing))['code'], 'enrollment.rejected')
  const id = await enroll({ device_id: '_bad', csr: good, token })
  assert.equal((await json(id))['code'], 'request.invalid')
})

test('ok/RSA, P-384 and Ed25519 keys', async () => {
  const kinds = [
    ['-algorithm', 'RSA', '-pkeyopt', 'rsa_keygen_bits:2048'],
    ['-algorithm', 'EC', '-pkeyopt', 'ec_paramgen_curve:P-384'],
    ['-algorithm', 'ED25519'],
  ]
  for (const [at, kind] of kinds.entries()) {
    const deviceId = `kind-${at}`
    await allow(cloned.db, deviceId)
    const token = await insertBootstrapToken(cloned.db)
    const csr = deviceKey(kind).csr(`/CN=${deviceId}`)
    const response = await enroll({ device_id: deviceId, csr, token: token.text })
    assert.equal(response.status, 200, await response.clone().text())
  }
})

test('ok/allowlist by serial number and by key', async () => {
  await allow(cloned.db, 'SN-0815', { match: 'serial', deviceId: 'serial-1', hardwareRev: 'C' })
  const token = await insertBootstrapToken(cloned.db, { uses: 3 })
  const csr = deviceKey().csr('/CN=serial-1/serialNumber=SN-0815')
  const response = await enroll({ device_id: 'serial-1', csr, token: token.text })
  assert.equal(response.status, 200, await response.clone().text())
  const row = await one(`select hardware_rev from devices where device_id = 'serial-1'`, [])
  assert.equal(row?.['hardware_rev'], 'C')
  const other = deviceKey().csr('/CN=serial-2/serialNumber=SN-0815')
  const refused = await enroll({ device_id: 'serial-2', csr: other, token: token.text })
  await rejects(refused, 'allowlist_device', 'serial-2')
})

test('ok/approval: 202 until an operator accepts', async () => {
  await allow(cloned.db, 'wait-1', { state: 'pending' })
  const token = await insertBootstrapToken(cloned.db)
  const body = { device_id: 'wait-1', csr: deviceKey().csr('/CN=wait-1'), token: token.text }
  const first = await enroll(body)
  assert.deepEqual([first.status, first.headers.get('retry-after')], [202, '30'])
  assert.equal((await enroll(body)).status, 202)
  const none = await one(`select count(*) as devices from devices where device_id = 'wait-1'`, [])
  assert.equal(none?.['devices'], 0n)
  await cloned.db.unnamed(
    'accept',
    `update enrollments set state = 'approved' where device_id = 'wait-1'`,
    [],
  )
  assert.equal((await enroll(body)).status, 200)
  const used = await one(`select uses from allowlist where value = 'wait-1'`, [])
  assert.equal(used?.['uses'], 1)
})

test('fail/own certificate on enroll and simpleenroll is 403', async () => {
  const first = await enrolled('own-1')
  assert.equal((await enroll(first.body, first.der)).status, 403)
  const body = bare(first.key.csr('/CN=own-1'))
  const est = await functions.call('est', '/.well-known/est/simpleenroll', {
    body,
    type: 'application/pkcs10',
    certificate: first.der,
  })
  assert.equal(est.status, 403)
  assert.equal(est.headers.get('content-type'), 'text/plain')
})

test('fail/pki answers internal paths to functions only', async () => {
  for (const caller of ['edge', 'connector']) {
    const response = await functions.call('pki', '/internal/issue', { caller, body: {} })
    assert.equal(response.status, 403)
  }
  const unsigned = new Request('http://127.0.0.1/function/pki', { method: 'POST', body: '{}' })
  const { handler } = await import('../../functions/pki/handler.ts')
  assert.equal((await handler(unsigned, functions.pki)).status, 401)
  assert.ok(signedRequest('pki', '/pki/crl'))
})
