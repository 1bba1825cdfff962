// Attacks on operators' access (trust.md §8); 40 is in access.test.ts, 42 in attack-command.test.ts, 46 in grants.test.ts.
import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import test, { after } from 'node:test'
import { pino } from 'pino'
import { createDeps as adminDeps } from '../../functions/admin/deps.ts'
import { handler as admin } from '../../functions/admin/handler.ts'
import { createDeps as consoleDeps } from '../../functions/console/deps.ts'
import { handler as console_ } from '../../functions/console/handler.ts'
import { createDeps as registerDeps } from '../../functions/register/deps.ts'
import { handler as register } from '../../functions/register/handler.ts'
import { newSessionSecret, sessionHash } from '../../shared/access/session.ts'
import { systemClock } from '../../shared/clock.ts'
import { sampleFleet } from '../../shared/fleet/sample.ts'
import { readRoute } from '../../shared/http/route.ts'
import { ROUTES } from '../../shared/http/route-table.ts'
import { insertCertificate, insertDevice, selfSigned } from '../support/certificate.ts'
import { asker, functionHost, type Ask } from '../support/function-host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase } from '../support/postgres.ts'

const cloned = await cloneDatabase()
after(() => cloned[Symbol.asyncDispose]())
await cloned.db.unnamed('defaults', 'delete from settings', [])

const lines: string[] = []
const log = pino(
  { level: 'trace' },
  new Writable({
    write: (chunk: Buffer, _encoding, done) => {
      lines.push(chunk.toString())
      done()
    },
  }),
)
const claim = selfSigned('claim')
const CLAIM_KEY = 'claim-key-that-nobody-keeps'
const options = {
  secrets: { kek: Buffer.alloc(32, 9) },
  call: async () =>
    Response.json({
      certificate: `-----BEGIN CERTIFICATE-----\n${claim.der.toString('base64')}\n-----END CERTIFICATE-----\n`,
      chain: '',
      private_key: CLAIM_KEY,
    }),
}
const host = (name: string) => ({ ...functionHost(name, cloned, options), log })
const deps = {
  admin: await adminDeps(host('admin')),
  console: await consoleDeps(host('console')),
  register: await registerDeps(host('register')),
}
let made = 0
async function as(...scope: string[]): Promise<Record<'admin' | 'console' | 'register', Ask>> {
  const token = await insertToken(cloned.db, `t${made++}`, scope)
  return {
    admin: asker('admin', admin, deps.admin, token),
    console: asker('console', console_, deps.console, token),
    register: asker('register', register, deps.register, token),
  }
}

const rows = async (text: string): Promise<number> =>
  (await cloned.db.unnamed<{ n: number }>('x', `select count(*)::int n from ${text}`, []))[0]?.n ??
  -1

test('attack 37: a bulk call of which one part is not allowed changes nothing', async () => {
  await insertDevice(cloned.db, 'gw-37')
  const bulk = '/api/v1/bulk/devices'
  const suspend = { q: 'all', change: { status: 'suspended' } }
  for (const scope of ['read', 'operate:groups', 'operate:certificates', 'metrics']) {
    const { register: ask } = await as(scope)
    assert.equal((await ask('POST', bulk, { body: suspend })).status, 403, scope)
    assert.equal(
      (await ask('POST', bulk, { body: { ...suspend, dry_run: true } })).status,
      403,
      scope,
    )
  }
  const { register: narrow } = await as('operate:devices')
  const revoke = { q: 'all', change: { action: 'revoke' } }
  assert.equal((await narrow('POST', '/api/v1/bulk/certificates', { body: revoke })).status, 403)
  const groups = { q: 'all', change: { status: 'suspended', groups: { add: ['none'] } } }
  assert.equal((await narrow('POST', bulk, { body: groups })).status, 403)
  const { register: both } = await as('operate:devices', 'operate:groups')
  assert.equal((await both('POST', bulk, { body: groups })).status, 404)
  assert.equal(await rows('operations'), 0)
  assert.equal(await rows(`devices where status <> 'active'`), 0)
})

test('attack 37: who may change devices moves none into a group and lets none in', async () => {
  const { register: ask } = await as('operate:devices')
  await ask('POST', '/api/v1/devices', { body: { device_id: 'gw-37b', preauthorize: false } })
  for (const [method, target, body] of [
    ['POST', '/api/v1/devices', { device_id: 'gw-37c' }],
    ['POST', '/api/v1/devices', { device_id: 'gw-37c', preauthorize: false, groups: ['x'] }],
    ['PATCH', '/api/v1/devices/gw-37b', { groups: [] }],
  ] as const) {
    const { status, json } = await ask(method, target, { body })
    assert.deepEqual([status, json.code], [403, 'auth.scope_missing'], JSON.stringify(body))
  }
  assert.equal(await rows('allowlist'), 0)
  assert.equal(await rows(`devices where device_id = 'gw-37b'`), 1)
})

test('attack 39: a new database holds no token, credential, key or session that others would know', async () => {
  await using fresh = await cloneDatabase()
  for (const table of [
    'api_tokens',
    'bootstrap_credentials',
    'trusted_keys',
    'console_links',
    'webhooks',
    'issuers',
  ]) {
    assert.deepEqual(await fresh.db.unnamed('x', `select 1 from ${table}`, []), [], table)
  }
})

test('attack 41: who may read writes nowhere, who may operate administers nothing', async () => {
  const askers = { read: await as('read'), operate: await as('operate') }
  const own = ROUTES.map(readRoute).filter(
    (route) => route.function === 'register' || route.function === 'admin',
  )
  let asked = 0
  for (const route of own) {
    const target = route.template.replaceAll(/\{\w+\}/g, '1')
    for (const [method, rule] of Object.entries(route.methods)) {
      for (const [who, level] of [
        ['read', 'R'],
        ['operate', 'O'],
      ] as const) {
        const may = rule.allow.some((kind) => kind === level || kind === 'R')
        if (may || route.function === 'console') continue
        const ask = askers[who][route.function === 'admin' ? 'admin' : 'register']
        const answer = await ask(method, target, method === 'GET' ? {} : { body: {} })
        assert.deepEqual(
          [answer.status, answer.json.code],
          [403, 'auth.scope_missing'],
          `${who} ${method} ${target}`,
        )
        asked += 1
      }
    }
  }
  assert.ok(asked > 40)
})

test('attack 43: a foreign page cannot write with the session of the console', async () => {
  const [row] = await cloned.db.unnamed<{ token_id: string }>(
    'x',
    `insert into api_tokens (token_id, kind, name, secret_sha256, scope) values ('abcdefghijkl', 'operator', 'browser', '', '{admin}') returning token_id`,
    [],
  )
  const secret = newSessionSecret()
  await cloned.db.unnamed(
    'x',
    `insert into console_links (secret_sha256, token_id, expires_at) values ($1, $2, now() + interval '1 h')`,
    [sessionHash('session', secret), row?.token_id],
  )
  const browser = asker('admin', admin, deps.admin)
  const cookie = `__Host-muster=${secret}`
  const write = (headers: Record<string, string>) =>
    browser('POST', '/api/v1/tokens', {
      headers: { cookie, ...headers },
      body: { name: 'x43', scope: ['read'] },
    })
  const console_header = { 'muster-console': '1' }
  for (const headers of [
    {},
    { origin: 'https://localhost:8443' },
    { 'sec-fetch-site': 'same-origin' },
    { ...console_header, 'sec-fetch-site': 'cross-site' },
    { ...console_header, 'sec-fetch-site': 'same-site' },
    { ...console_header, origin: 'https://evil.example' },
    { ...console_header, origin: 'null' },
    console_header,
  ]) {
    assert.equal((await write(headers)).status, 401, JSON.stringify(headers))
  }
  assert.equal((await browser('GET', '/api/v1/tokens', { headers: { cookie } })).status, 200)
  assert.equal((await write({ ...console_header, 'sec-fetch-site': 'same-origin' })).status, 201)
})

test('attack 44: no secret that was told stands in the log or in the database', async () => {
  const { admin: ask } = await as('admin')
  const post = async (target: string, body: object, key: string): Promise<string> => {
    const answer = await ask('POST', target, { body, headers: { 'idempotency-key': key } })
    assert.equal(answer.status, 201, answer.text)
    return answer.json.secret ?? new URL(answer.json.url).searchParams.get('link')
  }
  const secrets = [
    await post('/api/v1/tokens', { name: 'x44', scope: ['read'] }, 'a'),
    await post('/api/v1/credentials', { kind: 'token' }, 'b'),
    await post('/api/v1/credentials', { kind: 'shared_key', name: 'k44' }, 'c'),
    await post('/api/v1/credentials', { kind: 'claim', name: 'c44' }, 'd'),
    await post('/api/v1/webhooks', { url: 'https://example.com/hook' }, 'e'),
    await post('/api/v1/console-links', {}, 'f'),
  ]
  assert.equal(secrets[3], CLAIM_KEY)
  await ask('POST', '/api/v1/tokens', { body: { name: secrets[0], scope: ['read'] } })
  const tables = await cloned.db.unnamed<{ name: string }>(
    'x',
    `select relname::text as name from pg_class where relnamespace = 'public'::regnamespace and relkind = 'r'`,
    [],
  )
  const dumps = await Promise.all(
    tables.map(({ name }) =>
      cloned.db.unnamed<{ text: string | null }>(
        'x',
        `select string_agg(t::text, '') as text from ${name} t`,
        [],
      ),
    ),
  )
  const dump = dumps.map(([row]) => row?.text ?? '').join('')
  assert.ok(lines.length > 20 && dump.length > 1000)
  const logged = lines.join('')
  for (const secret of secrets) {
    const raw = secret.replace(/^whsec_/, '')
    const bytes = /^[0-9a-f]{64}$/.test(raw) ? Buffer.from(raw, 'hex') : Buffer.from(raw, 'base64')
    for (const form of [
      raw,
      Buffer.from(secret).toString('hex'),
      bytes.toString('hex'),
      bytes.toString('base64'),
    ]) {
      assert.equal(dump.includes(form), false, `in the database: ${secret.slice(0, 6)}…`)
      assert.equal(logged.includes(form), false, `in the log: ${secret.slice(0, 6)}…`)
    }
  }
})

const denials = () => rows(`audit where verb = 'access.denied'`)

test('attack: who is turned away again and again fills neither the audit log nor the time of others', async () => {
  const shown = { active: selfSigned('gw-flood'), revoked: selfSigned('gw-gone') }
  for (const [state, certificate] of Object.entries(shown)) {
    await insertDevice(cloned.db, `gw-${state}`)
    await insertCertificate(cloned.db, `gw-${state}`, certificate, { state })
    const flooder = asker('register', register, deps.register)
    const before = await denials()
    const path = '/api/v1/devices/x/suspend'
    const answers: number[] = []
    for (let n = 0; n < 300; n++) {
      const { status } = await flooder('POST', path, {
        certificate: certificate.der,
        body: {},
      })
      answers.push(status)
    }
    assert.ok(answers.includes(429), state)
    assert.ok((await denials()) - before < 250, state)
  }
})

test('attack 48: text of devices is no markup in the console', async () => {
  const evil = '<img src=x onerror=alert(1)>'
  await insertDevice(cloned.db, 'gw-48', { firmwareVer: evil, hardwareRev: '"><script>' })
  await cloned.db.unnamed(
    'x',
    `insert into events (kind, device_id, payload) values ('<b>kind</b>', '"><i>', '{}')`,
    [],
  )
  const { console: ask } = await as('read')
  const { text } = await ask('GET', '/')
  assert.match(text, /&lt;img src=x onerror/)
  assert.doesNotMatch(text, /<img|<script|<b>kind|"><i>/)
  await sampleFleet({ db: cloned.db, clock: systemClock })
  const metrics = await ask('GET', '/metrics')
  assert.match(metrics.text, /hardware_rev="\\"><script>"/)
})
