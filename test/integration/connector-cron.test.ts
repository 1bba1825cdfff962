// Ticks: claimed by one of many, again after a failure, at once after a kick.
import assert from 'node:assert/strict'
import test from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Registry } from 'prom-client'
import { functionUrl } from '../../shared/function-url.ts'
import { createCaller } from '../../infra/connector/caller.ts'
import { Cron } from '../../infra/connector/cron.ts'
import { createMetrics } from '../../infra/connector/metrics.ts'
import { triggersOf } from '../../infra/connector/triggers.ts'
import { silentLog } from '../support/connector.ts'
import { startFunctionServer, type FunctionServer } from '../support/function-server.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const stackOf = (schedule: string) =>
  `functions:\n  register: { annotations: { schedule: '${schedule}' } }\n`

async function startCron(
  database: TestDatabase,
  functions: FunctionServer,
  options: { holder: string; schedule: string; alone?: boolean; now?: () => number },
): Promise<Cron & AsyncDisposable> {
  const { holder, schedule, alone = false, now = Date.now } = options
  const caller = createCaller({
    urlOf: (name) => functionUrl(functions.url, name),
    hop: functions.hop,
  })
  const cron = new Cron(
    {
      db: database.as('connector'),
      caller,
      metrics: createMetrics(new Registry()),
      log: silentLog,
      now,
      holder,
      alone,
    },
    triggersOf(stackOf(schedule)).schedules,
  )
  await cron.start()
  return Object.assign(cron, {
    [Symbol.asyncDispose]: async () => {
      await cron.close(500)
      caller.close()
    },
  })
}

test('ok/four-at-once-one-calls', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  const all = await Promise.all(
    ['a', 'b', 'c', 'd'].map((holder) =>
      startCron(database, functions, { holder, schedule: '@every 1s' }),
    ),
  )
  await sleep(3300)
  for (const each of all) await each[Symbol.asyncDispose]()
  const ticks = functions.ticks.map(({ tick }) => tick)
  assert.equal(new Set(ticks).size, ticks.length, 'no tick twice')
  assert.ok(ticks.length >= 3 && ticks.length <= 5, String(ticks.length))
  assert.ok(ticks.every((tick) => tick % 1000 === 0))
})

test('ok/timers-that-end-before-the-clock-miss-no-tick', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  const started = Date.now()
  // Each second a timer ends two milliseconds early by this clock, less than a claim takes.
  const now = () => started + (Date.now() - started) * 0.998
  await using cron = await startCron(database, functions, {
    holder: 'a',
    schedule: '@every 1s',
    now,
  })
  await sleep(6500)
  await cron[Symbol.asyncDispose]()
  const ticks = functions.ticks.map(({ tick }) => tick)
  assert.deepEqual(
    ticks.slice(1).map((tick, index) => tick - (ticks[index] ?? 0)),
    ticks.slice(1).map(() => 1000),
  )
})

test('ok/kick-calls-at-once-with-a-tick-of-now', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  await using cron = await startCron(database, functions, { holder: 'a', schedule: '0 0 1 1 *' })
  const done = () =>
    database.db.unnamed('test', `select from cron_ticks where done > '-infinity'`, [])
  await until('the missed tick', async () => (await done()).length === 1)
  await sleep(50)
  const started = Date.now()
  cron.kick('register')
  cron.kick('register')
  await until('kicked', () => functions.ticks.length >= 2)
  assert.ok(Date.now() - started < 1000)
  assert.ok((functions.ticks[1]?.tick ?? 0) >= started)
  await until('the second kick is not lost', () => functions.ticks.length === 3)
  cron.kick('nobody')
})

test('fail/refused-tick-is-called-again-soon', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  functions.onTick(() => new Response('', { status: functions.ticks.length < 2 ? 500 : 200 }))
  await using cron = await startCron(database, functions, { holder: 'a', schedule: '@every 60s' })
  await until('again', () => functions.ticks.length === 2, 5)
  assert.equal(functions.ticks[0]?.tick, functions.ticks[1]?.tick)
  await sleep(100)
  const [row] = await database.db.unnamed<{ done: Date }>('test', 'select done from cron_ticks', [])
  assert.equal(row?.done.getTime(), functions.ticks[0]?.tick)
  void cron
})

test('fail/tick-of-a-holder-that-died-is-claimed-after-its-lease', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  await database.db.unnamed(
    'test',
    `insert into cron_ticks (schedule, claimed, holder, lease_until)
     values ('register', now(), 'dead', clock_timestamp() + interval '1500 ms')`,
    [],
  )
  const started = Date.now()
  await using cron = await startCron(database, functions, { holder: 'a', schedule: '@every 1s' })
  await until('claimed', () => functions.ticks.length > 0)
  assert.ok(Date.now() - started >= 1400)
  void cron
})

test('ok/alone-what-a-killed-process-claimed-is-free', async () => {
  await using database = await cloneDatabase()
  await using functions = await startFunctionServer()
  await database.db.unnamed(
    'test',
    `insert into cron_ticks (schedule, claimed, holder, lease_until)
     values ('register', now(), 'dead', clock_timestamp() + interval '2 min')`,
    [],
  )
  const options = { holder: 'a', schedule: '@every 1s', alone: true }
  await using cron = await startCron(database, functions, options)
  await until('called', () => functions.ticks.length > 0, 5)
  void cron
})
