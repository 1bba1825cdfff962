// Attacks 22 to 26, 28 and 29 on enrolment and the authority, at the default limits, a source of its own for each.
import assert from 'node:assert/strict'
import { createHash, createPublicKey, randomBytes } from 'node:crypto'
import { after, test } from 'node:test'
import { enrollMac } from '../../shared/enrollment/authenticate.ts'
import { fromPem } from '../../shared/pki/pem.ts'
import { bare, deviceKey } from '../support/csr.ts'
import {
  allow,
  insertBootstrapToken,
  insertClaim,
  insertSharedKey,
  startIdentity,
} from '../support/identity.ts'
import { cloneDatabase } from '../support/postgres.ts'

const cloned = await cloneDatabase()
await cloned.db.unnamed('defaults', 'delete from settings', [])
const functions = await startIdentity(cloned)
after(() => cloned[Symbol.asyncDispose]())

let sources = 0
const newSource = () => `198.51.100.${(sources += 1)}`
const der = (pem: string) => fromPem(pem, 'CERTIFICATE', 'CERTIFICATE REQUEST')
const json = async (response: Response) => (await response.json()) as Record<string, unknown>

function enroll(body: object, source = newSource(), certificate?: Buffer): Promise<Response> {
  return functions.call('enroll', '/api/v1/enroll', {
    body,
    source,
    ...(certificate && { certificate }),
  })
}

async function enrolled(deviceId: string) {
  await allow(cloned.db, deviceId)
  const { text: token } = await insertBootstrapToken(cloned.db)
  const key = deviceKey()
  const response = await enroll({ device_id: deviceId, csr: key.csr(`/CN=${deviceId}`), token })
  assert.equal(response.status, 200, await response.clone().text())
  return { key, token, certificate: der(String((await json(response))['certificate'])) }
}

async function claimed(name: string): Promise<Buffer> {
  const made = await functions.internal('pki', '/internal/claim', { name, days: 30 })
  const certificate = der(String((await json(made))['certificate']))
  await insertClaim(cloned.db, name, certificate, { uses: 5 })
  return certificate
}

const renew = (csr: string, certificate: Buffer) =>
  functions.call('enroll', '/api/v1/enroll/renew', {
    body: { csr },
    certificate,
    source: newSource(),
  })
const reenroll = (csr: string, certificate: Buffer) =>
  functions.call('est', '/.well-known/est/simplereenroll', {
    body: bare(csr),
    type: 'application/pkcs10',
    certificate,
    source: newSource(),
  })
const revoke = (deviceId: string) =>
  functions.internal('pki', '/internal/revoke', {
    device_id: deviceId,
    actor: 'token test',
    source: '127.0.0.1',
    call_id: 'c',
  })

async function certificatesOf(deviceId: string): Promise<number> {
  const rows = await cloned.db.unnamed<{ n: bigint }>(
    'count',
    'select count(*) as n from certificates where device_id = $1',
    [deviceId],
  )
  return Number(rows[0]?.n)
}

test('attack 22: one token, fifty keys of one device at once', async () => {
  await allow(cloned.db, 'a22', { maxUses: 100 })
  const { text: token } = await insertBootstrapToken(cloned.db)
  const csrs = Array.from({ length: 50 }, () => deviceKey().csr('/CN=a22'))
  const answers = await Promise.all(csrs.map((csr) => enroll({ device_id: 'a22', csr, token })))
  assert.equal(answers.filter(({ status }) => status === 200).length, 1)
  assert.equal(await certificatesOf('a22'), 1)
})

test('attack 23: a claim certificate renews nothing, and opens nothing else', async () => {
  const certificate = await claimed('a23')
  const csr = deviceKey().csr('/CN=a23-device')
  assert.equal((await renew(csr, certificate)).status, 403)
  assert.equal((await reenroll(csr, certificate)).status, 403)
  assert.equal(await certificatesOf('a23-device'), 0)
})

test('attack 24: a revoked certificate renews nothing, on a connection that was open before', async () => {
  const { key, certificate } = await enrolled('a24')
  await revoke('a24')
  // The edge's verdict is of the handshake, when all was well.
  const csr = key.csr('/CN=a24')
  assert.equal((await renew(csr, certificate)).status, 403)
  assert.equal((await reenroll(deviceKey().csr('/CN=a24'), certificate)).status, 403)
  assert.equal(await certificatesOf('a24'), 1)
})

const san = (name: string) => ['-addext', `subjectAltName=${name}`]

test('attack 25: requests for an authority, for another device’s names', async () => {
  const { text: token } = await insertBootstrapToken(cloned.db, { uses: 20 })
  await allow(cloned.db, 'a25', { maxUses: 20 })
  const tries: readonly [number, string, readonly string[]][] = [
    [400, '/CN=a25', ['-addext', 'basicConstraints=critical,CA:TRUE,pathlen:3']],
    [400, '/CN=a25', ['-addext', 'basicConstraints=CA:TRUE']],
    [401, '/CN=a25-other', []],
    [401, '/CN=a25', san('URI:urn:muster:device:a25-other')],
    [401, '/CN=a25', san('DNS:a25,DNS:muster.example')],
    [401, '/CN=a25', san('IP:127.0.0.1')],
    [401, '/CN=a25', san('email:a25@example.com')],
    [400, '/CN=a25/CN=a25-other', []],
  ]
  for (const [status, subject, options] of tries) {
    const csr = deviceKey().csr(subject, ...options)
    const response = await enroll({ device_id: 'a25', csr, token })
    assert.equal(response.status, status, `${subject} ${options.join(' ')}`)
  }
  assert.equal(await certificatesOf('a25'), 0)
  const { certificate } = await enrolled('a25-own')
  for (const subject of ['/CN=a25', '/CN=A25-OWN', '/CN=a25-own/serialNumber=x/CN=a25']) {
    assert.equal((await renew(deviceKey().csr(subject), certificate)).status, 400, subject)
  }
})

test('attack 26: the mac of one request under another', async () => {
  await allow(cloned.db, 'a26')
  await allow(cloned.db, 'a26-other')
  const key = await insertSharedKey(cloned.db, 'a26-lot', { uses: 9 })
  const [csr, other] = [deviceKey().csr('/CN=a26'), deviceKey().csr('/CN=a26')]
  const shared = {
    credential_id: 'a26-lot',
    time: Math.floor(Date.now() / 1000),
    nonce: randomBytes(16).toString('base64url'),
  }
  const mac = enrollMac(key, { ...shared, deviceId: 'a26', csr: der(csr) }).toString('base64url')
  const good = { device_id: 'a26', csr, shared_key: { ...shared, mac } }
  const changes = [
    { csr: other },
    { device_id: 'a26-other', csr: deviceKey().csr('/CN=a26-other') },
    { shared_key: { ...good.shared_key, time: shared.time + 1 } },
    { shared_key: { ...good.shared_key, nonce: randomBytes(16).toString('base64url') } },
    { shared_key: { ...good.shared_key, credential_id: 'a26-none' } },
    { shared_key: { ...good.shared_key, mac: `${mac.slice(0, -2)}AA` } },
  ]
  for (const change of changes) assert.equal((await enroll({ ...good, ...change })).status, 401)
  assert.equal((await enroll(good)).status, 200)
})

test('attack 28: an unknown token and a spent one cannot be told apart', async () => {
  const spent = await enrolled('a28')
  await allow(cloned.db, 'a28-next')
  const unknown = await insertBootstrapToken(cloned.db)
  await cloned.db.unnamed('forget', `delete from bootstrap_credentials where credential_id = $1`, [
    unknown.id,
  ])
  const csr = deviceKey().csr('/CN=a28-next')
  const answers = await Promise.all(
    [spent.token, unknown.text, 'x'.repeat(70)].map(async (token) => {
      const response = await enroll({ device_id: 'a28-next', csr, token })
      const { call_id: _id, ...body } = await json(response)
      return { status: response.status, headers: [...response.headers.keys()], body }
    }),
  )
  assert.equal(answers[0]?.status, 401)
  assert.deepEqual(answers[0], answers[1])
  assert.deepEqual(answers[1], answers[2])
})

test('attack: guessing is slowed down before any signature is checked, by source', async () => {
  const source = newSource()
  await allow(cloned.db, 'guess')
  const csr = deviceKey().csr('/CN=guess')
  const guess = () => enroll({ device_id: 'guess', csr, token: 'x'.repeat(70) }, source)
  const statuses: number[] = []
  for (let i = 0; i < 14; i++) statuses.push((await guess()).status)
  assert.deepEqual(
    statuses.slice(0, 10),
    Array.from({ length: 10 }, () => 401),
  )
  assert.deepEqual(new Set(statuses.slice(10)), new Set([429]))
  const limited = await guess()
  assert.match(limited.headers.get('retry-after') ?? '', /^\d+$/)
  const { text: token } = await insertBootstrapToken(cloned.db)
  assert.equal((await enroll({ device_id: 'guess', csr, token }, source)).status, 429)
  assert.equal((await enroll({ device_id: 'guess', csr, token })).status, 200, 'another source')
})

test('attack: a key on the allowlist that may choose its name takes no other device’s', async () => {
  const victim = await enrolled('a-victim')
  const key = deviceKey()
  const spki = createPublicKey(key.key).export({ type: 'spki', format: 'der' })
  await allow(cloned.db, createHash('sha256').update(spki).digest('hex'), {
    match: 'spki',
    maxUses: 2,
  })
  const { text: token } = await insertBootstrapToken(cloned.db, { uses: 3 })
  const ask = (id: string) => enroll({ device_id: id, csr: key.csr(`/CN=${id}`), token })
  assert.equal((await ask('a-victim')).status, 401)
  assert.equal(await certificatesOf('a-victim'), 1)
  assert.equal((await renew(victim.key.csr('/CN=a-victim'), victim.certificate)).status, 200)
  assert.equal((await ask('a-own')).status, 200, 'a new name')
})

test('attack 29: a front function cannot make the authority sign what was not admitted, nor past the quota', async () => {
  const { key } = await enrolled('a29')
  const ask = async (request: string, more: object = {}) => {
    const wire = {
      device_id: 'a29',
      request,
      profile: 'device',
      renews: null,
      actor: 'x',
      source: 'x',
      call_id: 'x',
      ...more,
    }
    const response = await functions.internal('pki', '/internal/issue', { requests: [wire] })
    return ((await json(response))['results'] as object[])[0]
  }
  assert.deepEqual(await ask('00'.repeat(32)), { code: 'enrollment.not_found' })
  const forged = { device_id: 'a29-none' }
  assert.deepEqual(await ask('00'.repeat(32), forged), { code: 'enrollment.not_found' })
  // A row with another device's request: the names in it, and the key's owner, are judged again.
  await allow(cloned.db, 'a29-victim')
  const csr = der(key.csr('/CN=a29'))
  await cloned.db.unnamed(
    'device',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     values ('a29-victim', '', '', '', 'infinity', 'local')`,
    [],
  )
  await cloned.db.unnamed(
    'row',
    `insert into enrollments (device_id, request, protocol, state, csr, expires_at) values ('a29-victim', $1, 'json', 'signing', $2, now() + interval '1 day')`,
    [Buffer.alloc(32), csr],
  )
  assert.deepEqual(await ask('00'.repeat(32), { device_id: 'a29-victim' }), { code: 'csr.invalid' })
  await cloned.db.unnamed('quota', 'update issuers set daily_quota = issued_today', [])
  const { text: token } = await insertBootstrapToken(cloned.db)
  await allow(cloned.db, 'a29-late')
  const late = await enroll({ device_id: 'a29-late', csr: deviceKey().csr('/CN=a29-late'), token })
  assert.deepEqual([late.status, (await json(late))['code']], [503, 'ca.unavailable'])
  assert.equal(await certificatesOf('a29-late'), 0)
})
