import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { systemClock } from '../../shared/clock.ts'
import { ceremonyFiles } from '../../shared/pki/ceremony.ts'
import { isSignedBy, readCertificate } from '../../shared/pki/certificate-read.ts'
import { fromPem } from '../../shared/pki/pem.ts'
import { rollOver } from '../../shared/pki/rollover.ts'
import { deviceKey } from '../support/csr.ts'
import {
  allow,
  insertBootstrapToken,
  insertClaim,
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

test('ok/suspended 403, also for a renewal; resumed it goes on', async () => {
  const first = await enrolled('sus-1')
  await cloned.db.unnamed(
    'suspend',
    `update devices set status = 'suspended' where device_id = 'sus-1'`,
    [],
  )
  const again = await enroll(first.body)
  assert.deepEqual([again.status, (await json(again))['code']], [403, 'device.suspended'])
  const renew = () =>
    functions.call('enroll', '/api/v1/enroll/renew', {
      body: { csr: first.key.csr('/CN=sus-1') },
      certificate: first.der,
    })
  const renewal = await renew()
  assert.deepEqual([renewal.status, (await json(renewal))['code']], [403, 'device.suspended'])
  await cloned.db.unnamed(
    'resume',
    `update devices set status = 'active' where device_id = 'sus-1'`,
    [],
  )
  assert.equal((await renew()).status, 200)
})

test('ok/renewal supersedes; the old certificate renews to the same one until the new one is used', async () => {
  const first = await enrolled('new-1')
  const next = deviceKey()
  const renew = (certificate: Buffer, csr = next.csr('/CN=new-1')) =>
    functions.call('enroll', '/api/v1/enroll/renew', { body: { csr }, certificate })
  const one1 = await json(await renew(first.der))
  const again = await json(await renew(first.der))
  assert.equal(one1['certificate'], again['certificate'])
  const states = await cloned.db.unnamed<{ state: string }>(
    'states',
    `select state from certificates where device_id = 'new-1' order by not_before, state desc`,
    [],
  )
  assert.deepEqual(states.map(({ state }) => state).toSorted(), ['active', 'superseded'])
  const renewed = der(String(one1['certificate']))
  assert.equal((await renew(renewed, first.key.csr('/CN=new-1'))).status, 200)
  assert.equal((await renew(first.der)).status, 401)
})

test('fail/a certificate that is revoked while its renewal is under way has no successor', async () => {
  await using own = await cloneDatabase()
  let meanwhile: (() => Promise<unknown>) | undefined
  const identity = await startIdentity(
    own,
    systemClock,
    undefined,
    {},
    (call) =>
      async (...asked) => {
        await meanwhile?.()
        return call(...asked)
      },
  )
  await allow(own.db, 'race-1')
  const { text: token } = await insertBootstrapToken(own.db)
  const body = { device_id: 'race-1', csr: deviceKey().csr('/CN=race-1'), token }
  const first = await json(await identity.call('enroll', '/api/v1/enroll', { body }))
  meanwhile = async () => {
    const who = { actor: 'token test', source: '127.0.0.1', call_id: 'c' }
    const revoked = await identity.internal('pki', '/internal/revoke', {
      device_id: 'race-1',
      ...who,
    })
    assert.equal(revoked.status, 200)
  }
  const renewal = await identity.call('enroll', '/api/v1/enroll/renew', {
    body: { csr: deviceKey().csr('/CN=race-1') },
    certificate: der(String(first['certificate'])),
  })
  assert.equal(renewal.status, 401)
  const states = await own.db.unnamed<{ state: string }>(
    'states',
    'select state from certificates',
    [],
  )
  assert.deepEqual(states, [{ state: 'revoked' }])
})

test('fail/renewal with another name, with a claim certificate, without any', async () => {
  const first = await enrolled('ren-1')
  const ask = (csr: string, certificate?: Buffer) =>
    functions.call('enroll', '/api/v1/enroll/renew', {
      body: { csr },
      ...(certificate && { certificate }),
    })
  const named = await ask(deviceKey().csr('/CN=ren-2'), first.der)
  assert.deepEqual([named.status, (await json(named))['code']], [400, 'csr.invalid'])
  assert.equal((await ask(deviceKey().csr('/CN=ren-1'))).status, 401)
  const made = await functions.internal('pki', '/internal/claim', { name: 'lot-10', days: 30 })
  const { certificate } = (await made.json()) as { certificate: string }
  await insertClaim(cloned.db, 'lot-10', der(certificate), { uses: 3 })
  assert.equal((await ask(deviceKey().csr('/CN=ren-1'), der(certificate))).status, 403)
})

test('ok/rollover: the next authority signs, renewals pass over to it, both CRLs go on', async () => {
  await using own = await cloneDatabase()
  const old = await startIdentity(own)
  await allow(own.db, 'roll-1')
  const token = await insertBootstrapToken(own.db)
  const key = deviceKey()
  const body = { device_id: 'roll-1', csr: key.csr('/CN=roll-1'), token: token.text }
  const first = await json(await old.call('enroll', '/api/v1/enroll', { body }))
  const rolled = rollOver(ceremonyFiles(old.hierarchy, undefined), {
    now: new Date(),
    passphrase: undefined,
  })
  const fresh = await startIdentity(own, systemClock, old.hierarchy, rolled.files.kept)
  const csr = deviceKey().csr('/CN=roll-1')
  const certificate = der(String(first['certificate']))
  const renewed = await fresh.call('enroll', '/api/v1/enroll/renew', { body: { csr }, certificate })
  assert.equal(renewed.status, 200, await renewed.clone().text())
  const answer = await json(renewed)
  const [leaf, chain] = [answer['certificate'], answer['chain']].map((pem) =>
    readCertificate(der(String(pem))),
  )
  assert.ok(leaf && chain && isSignedBy(leaf, chain))
  assert.ok(chain.der.equals(old.hierarchy.next[0].certificate.der))
  const tick = () => fresh.call('pki', '/cron?tick=1', { caller: 'connector', method: 'POST' })
  assert.equal((await tick()).status, 200)
  const health = await own.db.unnamed<{ problem: string | null }>(
    'mark',
    `select problem from health_marks where name = 'ca'`,
    [],
  )
  assert.deepEqual(health, [{ problem: null }])
  const crls = await own.db.unnamed<{ issuer_id: number }>(
    'crls',
    `select issuer_id from crls where shard = 1 and number > 1 order by 1`,
    [],
  )
  assert.deepEqual(
    crls.map(({ issuer_id: id }) => id),
    [2, 3],
  )
})

test('ok/a revocation whose process ended before it published is in the next tick’s CRL', async () => {
  const first = await enrolled('late-1')
  const { serial } = readCertificate(first.der)
  await cloned.db.unnamed(
    'revoked',
    `insert into revocations (issuer_id, serial, device_id, revoked_at, reason, not_after)
     select issuer_id, serial, device_id, now(), 1, not_after from certificates where serial = $1`,
    [serial],
  )
  const crl = async (query = '') =>
    Buffer.from(await (await functions.call('pki', `/pki/crl${query}`)).arrayBuffer())
  assert.ok(!(await crl()).includes(serial))
  await functions.call('pki', '/cron?tick=1', { caller: 'connector', method: 'POST' })
  assert.ok((await crl()).includes(serial))
  assert.ok((await crl('?issuer=2')).includes(serial))
  const none = await functions.call('pki', '/pki/crl?issuer=99')
  assert.equal(none.status, 404)
})
