import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/admin/deps.ts'
import { handler } from '../../functions/admin/handler.ts'
import { parseToken, tokenMatches } from '../../shared/access/token.ts'
import { unwrap } from '../../shared/wrap.ts'
import { selfSigned } from '../support/certificate.ts'
import { asker, functionHost, type Ask } from '../support/function-host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const KEK = Buffer.alloc(32, 7)

interface Admin extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly ask: Ask
  as(scope: readonly string[]): Promise<Ask>
}

async function startAdmin(): Promise<Admin> {
  const cloned = await cloneDatabase()
  const claim = selfSigned('claim')
  const host = functionHost('admin', cloned, {
    secrets: { kek: KEK },
    call: async (name, path, body) => {
      assert.equal(name + path, 'pki/internal/claim')
      assert.equal(body['days'], 30)
      const certificate = `-----BEGIN CERTIFICATE-----\n${claim.der.toString('base64')}\n-----END CERTIFICATE-----\n`
      return Response.json({ certificate, chain: certificate, private_key: 'PEM' })
    },
  })
  const deps = await createDeps(host)
  const as = async (scope: readonly string[]) =>
    asker('admin', handler, deps, await insertToken(cloned.db, scope.join(' '), scope))
  const ask = await as(['admin'])
  return { cloned, ask, as, [Symbol.asyncDispose]: () => cloned[Symbol.asyncDispose]() }
}

const CREDENTIALS = '/api/v1/credentials'
const TOKENS = '/api/v1/tokens'

test('fail/credentials: kinds that there are not, the past, networks that are none, a lower scope', async () => {
  await using admin = await startAdmin()
  const { ask } = admin
  const bad = [
    { kind: 'idevid' },
    { kind: 'token', name: 'mine' },
    { kind: 'token', expires_at: '2020-01-01T00:00:00Z' },
    { kind: 'token', expires_seconds: 5, expires_at: '2099-01-01T00:00:00Z' },
    { kind: 'token', networks: ['10.0.0.0'] },
    { kind: 'token', max_uses: 0 },
    {},
  ]
  for (const body of bad) {
    const answer = await ask('POST', CREDENTIALS, { body })
    assert.deepEqual(
      [answer.status, answer.json.code],
      [400, 'request.invalid'],
      JSON.stringify(body),
    )
  }
  const operate = await admin.as(['operate'])
  assert.equal((await operate('GET', CREDENTIALS)).json.code, 'auth.scope_missing')
  assert.equal((await ask('GET', `${CREDENTIALS}/none`)).status, 404)
  assert.equal((await ask('PATCH', `${CREDENTIALS}/none`, { body: {} })).status, 428)
})

test('ok/a one-time token is told once and kept as a hash', async () => {
  await using admin = await startAdmin()
  const { ask, cloned } = admin
  const headers = { 'idempotency-key': 'k' }
  const made = await ask('POST', CREDENTIALS, { body: { kind: 'token' }, headers })
  assert.equal(made.status, 201)
  assert.equal(parseToken(made.json.secret, 'bt')?.id, made.json.name)
  assert.equal(made.json.max_uses, 1)
  const again = await ask('POST', CREDENTIALS, { body: { kind: 'token' }, headers })
  assert.equal(again.json.secret, made.json.secret)
  const [row] = await cloned.db.unnamed<{ secret_hash: Buffer }>(
    'x',
    'select secret_hash from bootstrap_credentials',
    [],
  )
  assert.ok(row && tokenMatches(made.json.secret, row.secret_hash))
  const [dump] = await cloned.db.unnamed<{ all: string }>(
    'x',
    `select (select string_agg(k::text, '') from idempotency_keys k) || (select string_agg(c::text, '') from bootstrap_credentials c)
            || (select string_agg(a::text, '') from audit a) as all`,
    [],
  )
  assert.ok(dump && !dump.all.includes(made.json.secret.slice(-20)))
  const shown = await ask('GET', `${CREDENTIALS}/${made.json.name}`)
  assert.equal(shown.json.secret, undefined)
  assert.equal(shown.json.state, 'active')
})

test('ok/a shared key is wrapped for its row; a claim certificate comes from pki', async () => {
  await using admin = await startAdmin()
  const { ask, cloned } = admin
  const key = await ask('POST', CREDENTIALS, {
    body: { kind: 'shared_key', name: 'line-7', max_uses: 5000, hardware_revs: ['B'] },
  })
  assert.match(key.json.secret, /^[0-9a-f]{64}$/)
  const [row] = await cloned.db.unnamed<{ wrapped_key: Buffer }>(
    'x',
    'select wrapped_key from bootstrap_credentials',
    [],
  )
  assert.equal(row && unwrap(KEK, row.wrapped_key, 'line-7').toString('hex'), key.json.secret)
  const slots = await cloned.db.unnamed<{ n: bigint; sum: bigint }>(
    'x',
    'select count(*) n, sum(allowed)::bigint sum from credential_uses',
    [],
  )
  assert.deepEqual(slots, [{ n: 16n, sum: 5000n }])
  const claim = await ask('POST', CREDENTIALS, {
    body: { kind: 'claim', name: 'factory', expires_seconds: 30 * 86_400 },
  })
  assert.equal(claim.json.secret, 'PEM')
  assert.match(claim.json.certificate, /BEGIN CERTIFICATE/)
  assert.equal((await ask('GET', CREDENTIALS)).json.items.length, 2)
  const twice = await ask('POST', CREDENTIALS, { body: { kind: 'shared_key', name: 'line-7' } })
  assert.equal(twice.json.code, 'credential.exists')
})

test('ok/a credential is disabled, and removed, by who has seen it', async () => {
  await using admin = await startAdmin()
  const { ask } = admin
  const made = await ask('POST', CREDENTIALS, { body: { kind: 'shared_key', name: 'line-7' } })
  const path = `${CREDENTIALS}/line-7`
  const headers = { 'if-match': made.headers.get('etag') ?? '' }
  const disabled = await ask('PATCH', path, { body: { enabled: false }, headers })
  assert.equal(disabled.json.state, 'disabled')
  assert.equal((await ask('PATCH', path, { body: { enabled: true }, headers })).status, 412)
  assert.equal((await ask('DELETE', path)).status, 428)
  const now = { 'if-match': disabled.headers.get('etag') ?? '' }
  assert.equal((await ask('DELETE', path, { headers: now })).status, 204)
  assert.equal((await ask('GET', path)).status, 404)
})

test('fail/nobody makes a token that can do more than the own one', async () => {
  await using admin = await startAdmin()
  const narrow = await admin.as(['admin:tokens'])
  const beyond = await narrow('POST', TOKENS, { body: { name: 'x', scope: ['admin'] } })
  assert.deepEqual([beyond.status, beyond.json.code], [403, 'auth.scope_missing'])
  assert.equal(
    (await narrow('POST', TOKENS, { body: { name: 'x', scope: ['admin:tokens'] } })).status,
    201,
  )
  assert.equal((await narrow('POST', TOKENS, { body: { name: 'y', scope: ['root'] } })).status, 400)
  assert.equal(
    (await narrow('POST', TOKENS, { body: { name: 'x', scope: ['admin:tokens'] } })).json.code,
    'token.exists',
  )
})

test('ok/a token works until it is revoked', async () => {
  await using admin = await startAdmin()
  const { ask } = admin
  const made = await ask('POST', TOKENS, {
    body: { name: 'ci', scope: ['operate:allowlist', 'read'] },
  })
  assert.equal(made.status, 201)
  const ci = { headers: { authorization: `Bearer ${made.json.secret}` } }
  assert.equal((await ask('GET', TOKENS, ci)).status, 200)
  assert.equal(
    (await ask('POST', TOKENS, { ...ci, body: { name: 'z', scope: ['read'] } })).status,
    403,
  )
  assert.equal((await ask('GET', `${TOKENS}/ci`)).json.id, made.json.id)
  assert.equal((await ask('DELETE', `${TOKENS}/ci`)).json.state, 'revoked')
  assert.equal((await ask('GET', TOKENS, ci)).status, 401)
  assert.ok(!(await ask('GET', TOKENS)).text.includes('mu_op'))
})

test('ok/a topic is given to devices and taken away', async () => {
  await using admin = await startAdmin()
  const { ask } = admin
  const body = { filter: 'telemetry/{id}/#', device: 'publish' }
  assert.equal((await ask('POST', '/api/v1/topics', { body })).status, 201)
  assert.equal((await ask('POST', '/api/v1/topics', { body })).json.code, 'topic.exists')
  const wrong = { filter: 'devices/{id}/x', device: 'both' }
  assert.equal((await ask('POST', '/api/v1/topics', { body: wrong })).json.code, 'topic.forbidden')
  const path = `/api/v1/topics/${encodeURIComponent(body.filter)}`
  assert.equal((await ask('GET', path)).json.device, 'publish')
  assert.equal((await ask('DELETE', path)).status, 204)
  assert.deepEqual((await ask('GET', '/api/v1/topics')).json.items, [])
})

test('fail+ok/settings', async () => {
  await using admin = await startAdmin()
  const { ask, cloned } = admin
  await cloned.db.unnamed('x', 'delete from settings', [])
  const path = '/api/v1/settings/rollout.approval'
  const first = await ask('GET', path)
  assert.deepEqual([first.json.value, first.json.updated_by], [false, null])
  assert.equal((await ask('PATCH', path, { body: { value: true } })).status, 428)
  const headers = { 'if-match': first.headers.get('etag') ?? '' }
  const wrong = await ask('PATCH', path, { body: { value: 'yes' }, headers })
  assert.deepEqual([wrong.status, wrong.json.errors[0].pointer], [400, '/value'])
  const changed = await ask('PATCH', path, { body: { value: true }, headers })
  assert.deepEqual([changed.json.value, changed.json.updated_by], [true, 'token admin'])
  assert.equal((await ask('PATCH', path, { body: { value: false }, headers })).status, 412)
  const reset = await ask('DELETE', path, { headers: { 'if-match': '"1"' } })
  assert.equal(reset.json.value, false)
  assert.equal((await ask('GET', '/api/v1/settings/none')).status, 404)
  assert.ok((await ask('GET', '/api/v1/settings')).json.items.length > 10)
})

test('ok/a console link is one use of a minute', async () => {
  await using admin = await startAdmin()
  const read = await admin.as(['read'])
  const link = await read('POST', '/api/v1/console-links')
  assert.equal(link.status, 201)
  const url = new URL(link.json.url)
  assert.match(url.searchParams.get('link') ?? '', /^[\w-]{43}$/)
  assert.ok(Date.parse(link.json.expires_at) - Date.now() <= 60_000)
})

test('fail+ok/the audit log is read by administrators, and its reading recorded', async () => {
  await using admin = await startAdmin()
  const { ask } = admin
  const operate = await admin.as(['operate', 'read'])
  assert.equal((await operate('GET', '/api/v1/audit')).status, 403)
  await ask('POST', CREDENTIALS, { body: { kind: 'token' } })
  await ask('POST', TOKENS, { body: { name: 'ci', scope: ['read'] } })
  const page = await ask('GET', '/api/v1/audit?limit=1')
  assert.equal(page.json.items[0].verb, 'token.create')
  const next = await ask('GET', `/api/v1/audit?limit=1&cursor=${page.json.next}`)
  assert.equal(next.json.items[0].verb, 'credential.create')
  const reads = await ask('GET', '/api/v1/audit?verb=audit')
  assert.deepEqual(
    reads.json.items.map((item: { verb: string; actor: string }) => `${item.actor} ${item.verb}`),
    ['token admin audit.read'],
  )
  const denied = await ask('GET', '/api/v1/audit?verb=access')
  assert.deepEqual(
    [denied.json.items[0].code, denied.json.items[0].target],
    ['auth.scope_missing', '/api/v1/audit'],
  )
  assert.equal((await ask('GET', '/api/v1/audit?since=yesterday')).status, 400)
  assert.deepEqual((await ask('GET', '/api/v1/audit/seals')).json.items, [])
  const verified = await ask('POST', '/api/v1/audit/verify')
  assert.deepEqual(verified.json, { seals: 0, records: 0, aged: 0, faults: [], next: null })
})
