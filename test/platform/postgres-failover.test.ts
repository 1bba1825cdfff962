// A primary with a streaming standby, PostgreSQL 15: the primary dies under load, the standby is promoted. DATABASE_URL names both.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { openDatabase } from '../../shared/db/database.ts'
import type { Violations } from '../chaos/check.ts'
import { createChaosDatabase, type ChaosDatabase } from '../chaos/setting.ts'
import { disturb } from '../support/chaos-load.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { until } from '../support/until.ts'
import {
  hasDebian15,
  scratchFolder,
  startServer,
  startStandby,
  type PostgresServer,
} from '../support/postgres-server.ts'

const both = {
  ...needs('PostgreSQL 15 with mosquitto', hasDebian15 && hasMosquitto),
  timeout: 120_000,
}

const NONE: Violations = {
  acceptedButNotStored: 0,
  committedButNotTold: 0,
  deltasThatWentBack: 0,
  effectTwice: 0,
  lastDeltaWrong: 0,
}

async function on(server: PostgresServer, ...statements: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: server.url('postgres') })
  await client.connect()
  for (const text of statements) await client.query(text)
  await client.end()
}

interface Pair extends AsyncDisposable {
  readonly primary: PostgresServer
  readonly standby: PostgresServer
  readonly url: (database: string) => string
}

async function startPair(): Promise<Pair> {
  const stack = new AsyncDisposableStack()
  try {
    const folder = stack.use(scratchFolder()).path
    const primary = stack.use(await startServer(folder))
    const standby = stack.use(await startStandby(folder, primary))
    return {
      primary,
      standby,
      url: (database) =>
        `postgres://postgres@127.0.0.1:${primary.port},127.0.0.1:${standby.port}/${database}`,
      [Symbol.asyncDispose]: () => stack.disposeAsync(),
    }
  } catch (error) {
    await stack.disposeAsync()
    throw error
  }
}

async function chaosOver({ primary, url }: Pair): Promise<ChaosDatabase> {
  await createChaosDatabase(primary.url('postgres'))
  return {
    url: url('chaos'),
    env: { DATABASE_URL: url('chaos') },
    [Symbol.asyncDispose]: async () => undefined,
  }
}

async function synchronous({ primary }: Pair): Promise<void> {
  await on(primary, `alter system set synchronous_standby_names = '*'`, 'select pg_reload_conf()')
  await until('the standby is synchronous', async () => {
    const client = new Client({ connectionString: primary.url('postgres') })
    await client.connect()
    const { rows } = await client.query(`select sync_state from pg_stat_replication`)
    await client.end()
    return rows[0]?.sync_state === 'sync'
  })
}

test(
  'ok/a promoted standby is written to in seconds, and nothing acknowledged is lost',
  both,
  async (t) => {
    await using pair = await startPair()
    await synchronous(pair)
    const { violations, accepted, silence } = await disturb(
      () => chaosOver(pair),
      async () => {
        const killed = performance.now()
        await pair.primary.stop('SIGKILL')
        await on(pair.standby, 'select pg_promote()')
        return killed
      },
    )
    t.diagnostic(
      `${accepted} accepted, silence ${silence.toFixed(1)} s; ${JSON.stringify(violations)}`,
    )
    assert.deepEqual(violations, NONE)
    assert.ok(silence < 10, `${silence} s`)
  },
)

test(
  'ok/a primary that is cut off and says nothing is given up in time, and nothing acknowledged is lost',
  // Half a minute and more: under npm run test:full.
  {
    ...both,
    ...(process.env['MUSTER_TEST_FULL'] !== '1' && { skip: 'MUSTER_TEST_FULL is not 1' }),
  },
  async (t) => {
    await using pair = await startPair()
    await synchronous(pair)
    const { violations, accepted, silence } = await disturb(
      () => chaosOver(pair),
      async () => {
        const frozen = performance.now()
        pair.primary.freeze()
        await on(pair.standby, 'select pg_promote()')
        return frozen
      },
    )
    await pair.primary.stop('SIGKILL')
    t.diagnostic(`${accepted} accepted, silence ${silence.toFixed(1)} s`)
    assert.deepEqual(violations, NONE)
    assert.ok(silence < 20, `${silence} s`)
  },
)

test(
  'fail/an asynchronous standby that lags loses what was acknowledged meanwhile, and no more',
  both,
  async (t) => {
    await using pair = await startPair()
    const LAG_MS = 1_000
    const { violations, accepted, silence } = await disturb(
      () => chaosOver(pair),
      async () => {
        await on(pair.standby, `alter system set primary_conninfo = ''`, 'select pg_reload_conf()')
        await sleep(LAG_MS)
        const killed = performance.now()
        await pair.primary.stop('SIGKILL')
        await on(pair.standby, 'select pg_promote()')
        return killed
      },
    )
    const lost = violations.acceptedButNotStored
    t.diagnostic(
      `${lost} of ${accepted} lost with ${LAG_MS} ms of lag, silence ${silence.toFixed(1)} s`,
    )
    assert.ok(lost > 0 && lost < accepted / 2, String(lost))
    assert.equal(violations.effectTwice, 0)
    assert.ok(silence < 10, `${silence} s`)
  },
)

test(
  'fail/a standby alone is refused, also by a pool that knew it as the primary',
  both,
  async () => {
    await using pair = await startPair()
    await using db = openDatabase({ url: pair.standby.url('postgres') })
    await assert.rejects(db.unnamed('x', 'select 1', []), { code: '25006' })
    await using writing = openDatabase({ url: pair.url('postgres'), connections: 1 })
    await writing.unnamed('x', 'create table here (id int)', [])
    // What a pooler or an address that moves does: the same connection, now before a server that is read-only.
    await writing.unnamed('x', 'set session characteristics as transaction read only', [])
    await writing.unnamed('x', 'insert into here values (1)', [])
    assert.deepEqual(await writing.unnamed('x', 'select id from here', []), [{ id: 1 }])
  },
)
