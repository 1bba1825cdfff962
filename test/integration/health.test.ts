import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { startIdentity, type IdentityFunctions } from '../support/identity.ts'
import { insertToken } from '../support/operator.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

let cloned: TestDatabase
let functions: IdentityFunctions
let token: string
before(async () => {
  cloned = await cloneDatabase()
  functions = await startIdentity(cloned)
  token = await insertToken(cloned.db, 'reader', ['read'])
})
after(() => cloned[Symbol.asyncDispose]())

interface Health {
  readonly status: string
  readonly parts?: { name: string; status: string; problem: string | null }[]
}

async function health(
  headers: Record<string, string> = {},
): Promise<{ code: number; body: Health }> {
  const response = await functions.call('enroll', '/api/v1/health', { headers })
  return { code: response.status, body: (await response.json()) as Health }
}

const mark = (name: string, seconds: number, problem: string | null = null) =>
  cloned.db.unnamed(
    'mark',
    `insert into health_marks (name, at, problem) values ($1, now() - $2 * interval '1 second', $3)
       on conflict (name) do update set at = excluded.at, problem = excluded.problem`,
    [name, seconds, problem],
  )
const reader = () => ({ authorization: `Bearer ${token}` })
const statusOf = ({ parts = [] }: Health) =>
  Object.fromEntries(parts.map(({ name, status }) => [name, status]))

test('fail/health of parts that were never heard of, and no detail for strangers', async () => {
  assert.deepEqual(await health(), { code: 503, body: { status: 'failed' } })
  const { body } = await health(reader())
  assert.deepEqual(statusOf(body), {
    database: 'ok',
    ca: 'failed',
    broker: 'failed',
    store: 'failed',
  })
})

test('ok/health once every part has told, red again after a minute', async () => {
  const tick = await functions.call('pki', '/cron?tick=1', { caller: 'connector', method: 'POST' })
  assert.equal(tick.status, 200)
  await mark('broker', 1)
  await mark('store', 1)
  assert.deepEqual(await health(), { code: 200, body: { status: 'ok' } })
  await mark('retention', 100)
  assert.deepEqual(await health(), { code: 200, body: { status: 'ok' } })
  await mark('broker', 61)
  const { code, body } = await health(reader())
  assert.equal(code, 503)
  assert.equal(statusOf(body)['broker'], 'failed')
})

test('ok/a warning is told, and nothing fails', async () => {
  await mark('broker', 1, 'warning: nearly full')
  const { code, body } = await health(reader())
  assert.deepEqual([code, body.status, statusOf(body)['broker']], [200, 'warning', 'warning'])
  assert.equal(body.parts?.find(({ name }) => name === 'broker')?.problem, 'nearly full')
  await mark('broker', 1, 'refused the connection')
  assert.equal((await health()).code, 503)
})

test('fail/no issuing key: health says so, and the device is told to come again', async () => {
  await using own = await cloneDatabase()
  const down = await startIdentity(own, undefined, undefined, { 'ca-issuing-key': 'nonsense' })
  await down.call('pki', '/cron?tick=1', { caller: 'connector', method: 'POST' })
  const rows = await own.db.unnamed<{ problem: string }>(
    'mark',
    `select problem from health_marks where name = 'ca'`,
    [],
  )
  assert.match(rows[0]?.problem ?? '', /authority|key/)
})
