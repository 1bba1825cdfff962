import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/console/deps.ts'
import { handler } from '../../functions/console/handler.ts'
import { createConsoleLink } from '../../shared/access/console-link.ts'
import { systemClock } from '../../shared/clock.ts'
import { deviceId } from '../../shared/device-id.ts'
import { emit } from '../../shared/event/emit.ts'
import { ERRORS } from '../../shared/errors.ts'
import { signedRequest } from '../support/call.ts'
import { insertDevice } from '../support/certificate.ts'
import { asker, functionHost, type Ask } from '../support/function-host.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { settled } from '../support/settled.ts'

interface Console extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly ask: Ask
  readonly as: (scope: readonly string[]) => Promise<Ask>
  readonly link: () => Promise<string>
  /** The schedule's call. */
  readonly tick: () => Promise<void>
  readonly stream: (after?: string) => Promise<AsyncGenerator<string>>
}

async function startConsole(): Promise<Console> {
  const cloned = await cloneDatabase()
  const deps = await createDeps(
    functionHost('console', cloned, { env: { EVENT_STREAM_SECONDS: '3' } }),
  )
  const token = await insertToken(cloned.db, 'ops', ['read'])
  const link = async () => {
    const [row] = await cloned.db.unnamed<{ token_id: string }>(
      'x',
      'select token_id from api_tokens',
      [],
    )
    const acting = { actor: 'token ops', tokenId: row?.token_id ?? '', source: '::1', callId: 'c' }
    const made = await createConsoleLink({ db: cloned.as('admin'), clock: systemClock }, acting)
    return `/?link=${made.secret}`
  }
  const stream = async (after?: string) => {
    const headers = {
      authorization: `Bearer ${token}`,
      accept: 'text/event-stream',
      ...(after !== undefined && { 'last-event-id': after }),
    }
    const response = await handler(signedRequest('console', '/api/v1/events', { headers }), deps)
    assert.equal(response.headers.get('content-type'), 'text/event-stream')
    return read(response)
  }
  return {
    cloned,
    ask: asker('console', handler, deps),
    as: async (scope) =>
      asker('console', handler, deps, await insertToken(cloned.db, scope.join(), scope)),
    link,
    tick: async () => {
      const call = signedRequest('console', '/cron?tick=1', { caller: 'connector', method: 'POST' })
      assert.equal((await handler(call, deps)).status, 204)
    },
    stream,
    [Symbol.asyncDispose]: () => cloned[Symbol.asyncDispose](),
  }
}

async function* read(response: Response): AsyncGenerator<string> {
  let rest = ''
  for await (const chunk of response.body ?? []) {
    rest += new TextDecoder().decode(chunk)
    const parts = rest.split('\n\n')
    rest = parts.pop() ?? ''
    for (const part of parts) if (part.startsWith('id:')) yield part
  }
}

test('fail/a link that is spent, old or foreign opens nothing', async () => {
  await using started = await startConsole()
  const { ask, link, cloned } = started
  const target = await link()
  assert.equal((await ask('GET', target)).status, 303)
  const spent = await ask('GET', target)
  assert.deepEqual([spent.status, spent.headers.get('set-cookie')], [404, null])
  const old = await link()
  await cloned.db.unnamed('x', `update console_links set expires_at = now()`, [])
  assert.equal((await ask('GET', old)).status, 404)
  assert.equal((await ask('GET', '/?link=x')).status, 404)
})

test('ok/a session shows what runs, what needs a person and what happened; without one: a word', async () => {
  await using started = await startConsole()
  const { ask, link, cloned } = started
  const closed = await ask('GET', '/')
  assert.match(closed.text, /muster open/)
  assert.match(closed.text, /not well/)
  assert.doesNotMatch(closed.text, /never heard of/)
  assert.match(closed.headers.get('content-security-policy') ?? '', /default-src 'none'/)

  await insertDevice(cloned.db, 'gw-1', { firmwareVer: '<b>2.5</b>' })
  await emit(cloned.db, { kind: 'device.suspended', ...named('gw-1') })
  await settled(cloned.db)
  await cloned.db.unnamed(
    'x',
    `insert into enrollments (device_id, request, protocol, state, expires_at) values ('gw-2', '\\x01', 'json', 'pending', now() + interval '1 h')`,
    [],
  )
  const opened = await ask('GET', await link())
  assert.equal(opened.headers.get('location'), '/')
  const cookie = opened.headers.get('set-cookie') ?? ''
  assert.match(
    cookie,
    /^__Host-muster=[\w-]{43}; Path=\/; Secure; HttpOnly; SameSite=Strict; Max-Age=43200$/,
  )
  const { text } = await ask('GET', '/', { headers: { cookie: cookie.split(';', 1)[0] ?? '' } })
  assert.match(text, /device\.suspended/)
  assert.match(text, /enrolments wait for a decision/)
  assert.match(text, /&lt;b&gt;2\.5&lt;\/b&gt;/)
  assert.doesNotMatch(text, /<script|style="/)
  await cloned.db.unnamed('x', 'update api_tokens set revoked_at = now()', [])
  const after = await ask('GET', '/', { headers: { cookie: cookie.split(';', 1)[0] ?? '' } })
  assert.match(after.text, /How to log in/)
})

const named = (id: string) => {
  const known = deviceId(id)
  return known === undefined ? {} : { deviceId: known }
}

test('ok/documentation, errors and assets are open and whole', async () => {
  await using started = await startConsole()
  const { ask } = started
  const docs = await ask('GET', '/docs')
  assert.match(docs.text, /\/api\/v1\/bulk\/devices/)
  assert.doesNotMatch(docs.text, /(src|href)="(https?:)?\/\//)
  assert.equal((await ask('GET', '/openapi.json')).json.openapi, '3.1.0')
  for (const code of Object.keys(ERRORS))
    assert.equal((await ask('GET', `/errors/${code}`)).status, 200)
  const unknown = await ask('GET', '/errors/%3Cb%3E')
  assert.equal(unknown.status, 404)
  assert.doesNotMatch(unknown.text, /<b>/)
  assert.match(
    (await ask('GET', '/assets/muster.css')).headers.get('content-type') ?? '',
    /text\/css/,
  )
  assert.equal((await ask('GET', '/assets/none')).status, 404)
})

test('fail+ok/fleet metrics for those who may read them, with bounded labels', async () => {
  await using started = await startConsole()
  const { ask, as, cloned } = started
  assert.equal((await ask('GET', '/metrics')).status, 401)
  assert.equal((await (await as(['operate:groups']))('GET', '/metrics')).status, 403)
  for (let i = 0; i < 15; i++) await insertDevice(cloned.db, `gw-${i}`, { firmwareVer: `1.${i}` })
  const metrics = await as(['metrics'])
  assert.doesNotMatch((await metrics('GET', '/metrics')).text, /^muster_devices/m)
  await started.tick()
  const { text } = await metrics('GET', '/metrics')
  assert.match(text, /^muster_devices\{status="active"\} 15$/m)
  assert.equal(text.match(/^muster_devices_firmware\{/gm)?.length, 10)
  assert.match(text, /^muster_health\{part="database"\} 1$/m)
  assert.match(text, /^muster_partitions_ahead\{table="audit"\} 1\d$/m)
  assert.match(text, /^muster_database_snapshot_seconds [\d.]+$/m)
  assert.equal((await metrics('GET', '/api/v1/events')).status, 403)
})

test('fail+ok/events as a list, by kind and device', async () => {
  await using started = await startConsole()
  const { as, cloned } = started
  const ask = await as(['read'])
  for (let i = 0; i < 5; i++)
    await emit(cloned.db, { kind: 'device.connected', ...named(`gw-${i}`) })
  await emit(cloned.db, { kind: 'rollout.started', rolloutId: 7 })
  await settled(cloned.db)
  const all = await ask('GET', '/api/v1/events?limit=4')
  assert.equal(all.json.items[0].kind, 'rollout.started')
  assert.equal(all.json.items[0].rollout_id, '7')
  const next = await ask('GET', `/api/v1/events?limit=4&cursor=${all.json.next}`)
  assert.deepEqual([next.json.items.length, next.json.next], [2, null])
  assert.equal((await ask('GET', '/api/v1/events?kind=device')).json.items.length, 5)
  assert.equal((await ask('GET', '/api/v1/events?device_id=gw-3')).json.items.length, 1)
  assert.equal((await ask('GET', '/api/v1/events?cursor=x')).json.code, 'page.cursor_invalid')
})

test('ok/events as a stream: none twice, none missed, also of a transaction that commits late', async () => {
  await using started = await startConsole()
  const { cloned, stream } = started
  const slow = await cloned.db.connect()
  await slow.run('begin')
  await emit(slow, { kind: 'device.slow' })
  const one = await stream()
  await emit(cloned.db, { kind: 'device.quick' })
  await slow.run('commit')
  slow.release(false)
  const first = (await one.next()).value ?? ''
  const second = (await one.next()).value ?? ''
  assert.match(first, /event: device\.slow\n/)
  assert.match(second, /event: device\.quick\n/)
  const id = /^id: (.+)$/m.exec(first)?.[1] ?? ''
  const again = await stream(id)
  assert.equal((await again.next()).value, second)
  await emit(cloned.db, { kind: 'device.late' })
  assert.match((await again.next()).value ?? '', /device\.late/)
  const rest: string[] = []
  for await (const event of one) rest.push(event)
  assert.equal(rest.length, 1)
})
