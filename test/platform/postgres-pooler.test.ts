// Functions and connector behind PgBouncer in transaction mode, two server connections a login: named statements, no state in a session.
import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { migrate } from '../../infra/migrations/migrate.ts'
import { roleOf } from '../../infra/migrations/grants.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { statement, statements } from '../../shared/db/statement.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { createChaosDatabase, type ChaosDatabase } from '../chaos/setting.ts'
import { disturb } from '../support/chaos-load.ts'
import { hasMosquitto } from '../support/mosquitto.ts'
import { needs } from '../support/needs.ts'
import { hasPgbouncer, startPgbouncer } from '../support/pgbouncer.ts'
import { hasDebian15, scratchFolder, startServer } from '../support/postgres-server.ts'

const there = {
  ...needs('PgBouncer', hasPgbouncer && hasDebian15 && hasMosquitto),
  timeout: 120_000,
}
const LOGINS = ['shadow-update', 'compute-delta', 'register', 'connector'].map(roleOf)

async function run(url: string, ...texts: readonly string[]): Promise<void> {
  const client = new Client({ connectionString: url })
  await client.connect()
  for (const text of texts) await client.query(text)
  await client.end()
}

/** A migrated database whose functions log in by themselves, and a pooler before it. */
async function pooled(): Promise<ChaosDatabase & { readonly pool: (user: string) => string }> {
  const stack = new AsyncDisposableStack()
  const folder = stack.use(scratchFolder()).path
  const server = stack.use(await startServer(folder))
  await createChaosDatabase(server.url('postgres'))
  const url = server.url('chaos')
  await using owner = openDatabase({ url })
  await migrate(owner)
  await run(
    url,
    ...LOGINS.map(
      (role) => `alter role ${role} login; alter role ${role} set statement_timeout = '5s'`,
    ),
  )
  const bouncer = stack.use(await startPgbouncer(folder, server.port, ['postgres', ...LOGINS]))
  const pool = (user: string) => bouncer.url('chaos', user)
  return {
    url,
    pool,
    env: {
      DATABASE_POOLED: '1',
      DATABASE_URL: pool('ROLE'),
      DATABASE_DIRECT_URL: url,
    },
    [Symbol.asyncDispose]: () => stack.disposeAsync(),
  }
}

test(
  'ok/the shadow path keeps its promises through the pooler, also while its connections are cut',
  there,
  async (t) => {
    const found = await disturb(pooled, cutConnections)
    t.diagnostic(`${found.accepted} accepted, silence ${found.silence.toFixed(1)} s`)
    assert.deepEqual(found.violations, {
      acceptedButNotStored: 0,
      committedButNotTold: 0,
      deltasThatWentBack: 0,
      effectTwice: 0,
      lastDeltaWrong: 0,
    })
  },
)

/** What an operator who restarts the pool's connections does; three times under load. */
async function cutConnections(db: Database): Promise<number> {
  const began = performance.now()
  for (let again = 0; again < 3; again++) {
    await db.unnamed(
      'cut',
      `select pg_terminate_backend(pid) from pg_stat_activity where usename like 'muster\\_%'`,
      [],
    )
    await sleep(500)
  }
  return began
}

const whoAmI = statement<[n: number], { n: number; pid: number }>(
  'test_pooler_who',
  'select $1::int n, pg_backend_pid() pid',
)

test(
  'ok/forty clients share two connections by named statements and transactions',
  there,
  async () => {
    await using database = await pooled()
    const clients = Array.from({ length: 40 }, () =>
      openDatabase({ url: database.pool(roleOf('shadow-update')), connections: 1 }),
    )
    const work = async (db: Database) => {
      const pids: number[] = []
      for (let n = 0; n < 10; n++) {
        const [row] = await db.rows(whoAmI, [n])
        assert.equal(row?.n, n)
        pids.push(row.pid)
        await transaction(db, async (tx) => {
          const first = await tx.row(whoAmI, [1])
          const second = await tx.row(whoAmI, [2])
          assert.equal(first?.pid, second?.pid)
        })
      }
      return pids
    }
    const pids = (await Promise.all(clients.map(work))).flat()
    await Promise.all(clients.map((db) => db.close()))
    assert.ok(new Set(pids).size <= 2, String(new Set(pids).size))
  },
)

test('ok/no statement of a function leaves anything in its session', async () => {
  for (const area of readdirSync(new URL('../../functions', import.meta.url)))
    await import(`../../functions/${area}/handler.ts`)
  const all = statements().filter(({ name }) => !name.startsWith('test_'))
  assert.ok(all.length > 200, String(all.length))
  const SESSION =
    /\b(listen|unlisten|prepare|deallocate|declare|load)\s|\bpg_(try_)?advisory_(lock|unlock)|\bset\s+(session|role|search_path|time)|\bcreate\s+temp|set_config\([^)]*,\s*false\)/i
  assert.deepEqual(
    all.filter(({ text }) => SESSION.test(text)).map(({ name }) => name),
    [],
  )
})
