import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createServer } from 'node:http'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { exportJWK, generateKeyPair, SignJWT } from 'jose'
import { identify, type IdentifyDeps } from '../../shared/access/identify.ts'
import { runOnce } from '../../shared/access/idempotency.ts'
import { createOidc } from '../../shared/access/oidc.ts'
import { createRates } from '../../shared/access/rates.ts'
import { makeToken } from '../../shared/access/token.ts'
import { DomainError } from '../../shared/errors.ts'
import type { Clock } from '../../shared/clock.ts'
import { systemClock } from '../../shared/clock.ts'
import { insertCertificate, insertDevice, selfSigned } from '../support/certificate.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const ORIGIN = 'https://localhost:8443'
const DAY = 86_400_000

function depsOf(cloned: TestDatabase, clock: Clock = systemClock): IdentifyDeps {
  return { db: cloned.as('shadow-update'), clock, oidc: undefined, origin: ORIGIN }
}

const request = (headers: Record<string, string> = {}, method = 'GET') =>
  new Request('http://muster/x', { method, headers })
const bearer = (text: string) => request({ authorization: `Bearer ${text}` })
const stranger = { source: '127.0.0.1', verdict: 'none' } as const
const showing = (certificate: Buffer, verdict: 'ok' | 'bad' | 'expired' = 'ok') => ({
  source: '127.0.0.1',
  certificate,
  verdict,
})

test('fail/unknown, expired, revoked and foreign tokens are nobody', async () => {
  await using cloned = await cloneDatabase()
  const deps = depsOf(cloned)
  const expired = await insertToken(cloned.db, 'old', ['read'], new Date(Date.now() - 1000))
  const revoked = await insertToken(cloned.db, 'gone', ['read'])
  await cloned.db.unnamed('x', `update api_tokens set revoked_at = now() where name = 'gone'`, [])
  for (const text of [expired, revoked, makeToken('op').text, makeToken('bt').text, 'x']) {
    assert.deepEqual(await identify(stranger, bearer(text), deps), { kind: 'none' })
  }
})

test('ok/a token is its operator, and its last use is noted once a day', async () => {
  await using cloned = await cloneDatabase()
  const text = await insertToken(cloned.db, 'ops-1', ['operate:devices'])
  const identity = await identify(stranger, bearer(text), depsOf(cloned))
  assert.equal(identity.kind === 'operator' && identity.actor, 'token ops-1')
  assert.deepEqual(identity.kind === 'operator' && identity.scope, ['operate:devices'])
  const [row] = await cloned.db.unnamed<{ today: boolean }>(
    'x',
    'select last_used = current_date today from api_tokens',
    [],
  )
  assert.equal(row?.today, true)
})

test('fail/revoked certificates and decommissioned devices are known as such, whatever the edge says', async () => {
  await using cloned = await cloneDatabase()
  const deps = depsOf(cloned)
  const [one, two] = [selfSigned('gw-1'), selfSigned('gw-2')]
  await insertDevice(cloned.db, 'gw-1')
  await insertDevice(cloned.db, 'gw-2', { status: 'decommissioned' })
  await insertCertificate(cloned.db, 'gw-1', one, { state: 'revoked' })
  await insertCertificate(cloned.db, 'gw-2', two)
  for (const verdict of ['ok', 'bad'] as const) {
    assert.deepEqual(await identify(showing(one.der, verdict), request(), deps), {
      kind: 'revoked',
      deviceId: 'gw-1',
    })
  }
  assert.equal((await identify(showing(two.der), request(), deps)).kind, 'revoked')
})

test('fail/an unknown, expired or unverified certificate is nobody', async () => {
  await using cloned = await cloneDatabase()
  const deps = depsOf(cloned)
  const shown = selfSigned('gw-1')
  await insertDevice(cloned.db, 'gw-1')
  await insertCertificate(cloned.db, 'gw-1', shown)
  const foreign = selfSigned('gw-1')
  assert.equal((await identify(showing(foreign.der), request(), deps)).kind, 'none')
  assert.equal((await identify(showing(Buffer.from('x')), request(), deps)).kind, 'none')
  assert.equal((await identify(showing(shown.der, 'bad'), request(), deps)).kind, 'none')
  assert.equal((await identify(showing(shown.der, 'expired'), request(), deps)).kind, 'none')
  await cloned.db.unnamed('x', 'update certificates set not_after = now()', [])
  assert.equal((await identify(showing(shown.der), request(), deps)).kind, 'none')
})

test('ok/a superseded certificate serves until its successor is used, a week at most', async () => {
  await using cloned = await cloneDatabase()
  const [old, fresh] = [selfSigned('gw-1'), selfSigned('gw-1')]
  await insertDevice(cloned.db, 'gw-1')
  await insertCertificate(cloned.db, 'gw-1', old, { state: 'superseded' })
  await insertCertificate(cloned.db, 'gw-1', fresh, { notBefore: new Date() })
  const deps = depsOf(cloned)
  assert.equal((await identify(showing(old.der), request(), deps)).kind, 'device')
  const later = { ...deps, clock: { now: () => new Date(Date.now() + 8 * DAY) } }
  assert.equal((await identify(showing(old.der), request(), later)).kind, 'none')
  const device = await identify(showing(fresh.der), request(), deps)
  assert.equal(
    device.kind === 'device' && device.serial,
    fresh.serial.toString('hex').toUpperCase(),
  )
  assert.equal((await identify(showing(old.der), request(), deps)).kind, 'none')
})

test('ok/a claim certificate is its bootstrap credential', async () => {
  await using cloned = await cloneDatabase()
  const claim = selfSigned('factory-7')
  await cloned.db.unnamed(
    'x',
    `insert into bootstrap_credentials (credential_id, kind, certificate, expires_at, max_uses)
     values ('factory-7', 'claim', $1, now() + interval '1 day', 10)`,
    [claim.der],
  )
  const identity = await identify(showing(claim.der), request(), depsOf(cloned))
  assert.deepEqual(identity, { kind: 'claim', credentialId: 'factory-7', certificate: claim.der })
})

interface Issuer extends AsyncDisposable {
  readonly url: string
  answers: boolean
  fetched: number
  keys: unknown[]
}

async function startIssuer(): Promise<Issuer> {
  const server = createServer((incoming, outgoing) => {
    if (!issuer.answers) return outgoing.writeHead(500).end()
    outgoing.setHeader('content-type', 'application/json')
    if (incoming.url === '/keys') {
      issuer.fetched += 1
      return outgoing.end(JSON.stringify({ keys: issuer.keys }))
    }
    return outgoing.end(JSON.stringify({ issuer: issuer.url, jwks_uri: `${issuer.url}/keys` }))
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const port = typeof address === 'object' ? address?.port : 0
  const issuer: Issuer = {
    url: `http://127.0.0.1:${port}`,
    answers: true,
    fetched: 0,
    keys: [],
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections()
      server.close()
    },
  }
  return issuer
}

test('attack 40: tokens of an issuer: alg none, HS256 with the public key, another audience, a flood of key ids', async () => {
  await using issuer = await startIssuer()
  let now = Date.now()
  const clock = { now: () => new Date(now) }
  const { publicKey, privateKey } = await generateKeyPair('ES256')
  issuer.keys = [{ ...(await exportJWK(publicKey)), kid: 'k1', alg: 'ES256' }]
  const oidc = createOidc({ issuer: issuer.url, audience: 'muster', scopeClaim: 'scope', clock })
  const jwt = (claims: Record<string, unknown> = {}, kid = 'k1') =>
    new SignJWT({ scope: 'openid read', ...claims })
      .setProtectedHeader({ alg: 'ES256', kid })
      .setIssuer(issuer.url)
      .setSubject('ann')
      .setAudience('muster')
      .setExpirationTime(Math.floor(now / 1000) + 60)
  const good = await jwt().sign(privateKey)
  assert.deepEqual(await oidc(good), { actor: `${issuer.url}#ann`, scope: ['read'] })
  assert.equal(issuer.fetched, 1)

  // What is not ours: other audience, other issuer, expired, unsigned, signed with the public key as a secret.
  assert.equal(await oidc(await jwt().setAudience('other').sign(privateKey)), undefined)
  assert.equal(await oidc(await jwt().setIssuer(`${issuer.url}/`).sign(privateKey)), undefined)
  const past = Math.floor(now / 1000)
  assert.ok(
    await oidc(
      await jwt()
        .setExpirationTime(past - 59)
        .sign(privateKey),
    ),
  )
  assert.equal(
    await oidc(
      await jwt()
        .setExpirationTime(past - 61)
        .sign(privateKey),
    ),
    undefined,
  )
  const [, body] = good.split('.')
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  assert.equal(await oidc(`${none}.${body}.`), undefined)
  const secret = new TextEncoder().encode(JSON.stringify(issuer.keys[0]))
  const hs = await new SignJWT({ scope: 'admin' })
    .setProtectedHeader({ alg: 'HS256', kid: 'k1' })
    .setIssuer(issuer.url)
    .setAudience('muster')
    .setSubject('eve')
    .setExpirationTime('1m')
    .sign(secret)
  assert.equal(await oidc(hs), undefined)

  // A flood of unknown key ids asks the issuer once in 30 s.
  for (let i = 0; i < 5; i++)
    assert.equal(await oidc(await jwt({}, `x${i}`).sign(privateKey)), undefined)
  assert.equal(issuer.fetched, 1)
  now += 31_000
  for (let i = 0; i < 5; i++)
    assert.equal(await oidc(await jwt({}, `y${i}`).sign(privateKey)), undefined)
  assert.equal(issuer.fetched, 2)

  // The issuer is away: its keys are good for a day, then nobody can be told from anybody.
  issuer.answers = false
  now += 23 * 3_600_000
  assert.ok(await oidc(await jwt().sign(privateKey)))
  now += 2 * 3_600_000
  await assert.rejects(oidc(await jwt().sign(privateKey)), { code: 'auth.unavailable' })
})

test('fail/a bucket that is empty refuses and says when to come again', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed('x', `delete from settings`, [])
  let now = 1_700_000_000_000
  const rates = createRates({ db: cloned.as('register'), clock: { now: () => new Date(now) } })
  for (let i = 0; i < 100; i++) await rates.take('source', '203.0.113.7')
  await assert.rejects(rates.take('source', '203.0.113.7'), {
    code: 'rate.limited',
    details: { retry_after_seconds: 1 },
  })
  await rates.take('source', '203.0.113.8')
  await rates.check('failure', '203.0.113.7')
  for (let i = 0; i < 10; i++) await rates.take('failure', '203.0.113.7')
  await assert.rejects(rates.check('failure', '203.0.113.7'), { code: 'rate.limited' })
  now += 1000
  for (let i = 0; i < 20; i++) await rates.take('source', '203.0.113.7')
  await assert.rejects(rates.take('source', '203.0.113.7'), { code: 'rate.limited' })
})

test('ok/instances share what was taken', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed('x', `delete from settings`, [])
  let now = 1_700_000_000_000
  const clock = { now: () => new Date(now) }
  const one = createRates({ db: cloned.as('register'), clock })
  const two = createRates({ db: cloned.as('ota'), clock })
  const shared = async (sum: number) =>
    until('the shared count', async () => {
      const rows = await cloned.db.unnamed<{ n: number }>(
        'x',
        'select n from rate_counts_0 union all select n from rate_counts_1',
        [],
      )
      return rows.some((row) => row.n >= sum)
    })
  await two.take('token', 'abc')
  await shared(1)
  for (let i = 0; i < 250; i++) await one.take('token', 'abc')
  await assert.rejects(one.take('token', 'abc'), { code: 'rate.limited' })
  now += 600
  await one.take('token', 'abc')
  await shared(252)
  await two.take('token', 'abc')
  await shared(253)
  let taken = 0
  await assert.rejects(
    async () => {
      for (; taken < 200; taken++) {
        await two.take('token', 'abc')
        await sleep(1) // what the other took comes with the answer of a flush
      }
    },
    { code: 'rate.limited' },
  )
  assert.ok(taken < 40, `${taken} more, of which 30 came in 600 ms`)
})

const refuse = async () => Promise.reject(new DomainError('device.exists'))
const keyed = (sha = 'a') => ({ owner: 't1', key: 't1 k', sha256: Buffer.from(sha.repeat(32)) })

test('fail/one key for two requests, and a request that is still under way', async () => {
  await using cloned = await cloneDatabase()
  const deps = { db: cloned.as('register'), clock: systemClock }
  const { promise: held, resolve: release } = Promise.withResolvers<void>()
  const first = runOnce(deps, keyed(), async () => {
    await held
    return { status: 201, body: { n: 1 } }
  })
  await new Promise((resolve) => setTimeout(resolve, 100))
  const again = runOnce(deps, keyed(), async () => ({ status: 201, body: { n: 2 } }))
  await assert.rejects(again, { code: 'idempotency.in_progress' })
  release()
  assert.deepEqual(await first, { status: 201, body: { n: 1 } })
  const other = runOnce(deps, keyed('b'), async () => ({ status: 201, body: { n: 3 } }))
  await assert.rejects(other, { code: 'idempotency.key_reused' })
})

test('ok/a repeated request has one effect; a refused one may be tried again', async () => {
  await using cloned = await cloneDatabase()
  let now = Date.now()
  const deps = { db: cloned.as('register'), clock: { now: () => new Date(now) } }
  let effects = 0
  const work = async () => ({ status: 201, body: { n: ++effects }, headers: { etag: '"1"' } })
  await assert.rejects(runOnce(deps, keyed(), refuse), { code: 'device.exists' })
  const first = await runOnce(deps, keyed(), work)
  assert.deepEqual(await runOnce(deps, keyed(), work), first)
  assert.equal(effects, 1)
  now += 25 * 3_600_000
  assert.deepEqual((await runOnce(deps, keyed('b'), work)).body, { n: 2 })
})
