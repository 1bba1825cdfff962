// What a function's own login to the database is good for, and how it is replaced under load: PostgreSQL 15 with passwords.
import assert from 'node:assert/strict'
import { chmodSync, renameSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { readGrants, roleOf } from '../../infra/migrations/grants.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { startShadowProcess } from '../support/function-process.ts'
import { needs } from '../support/needs.ts'
import { insertToken } from '../support/operator.ts'
import {
  hasDebian15,
  scratchFolder,
  startServer,
  type PostgresServer,
} from '../support/postgres-server.ts'
import { until } from '../support/until.ts'

const there = { ...needs('PostgreSQL 15', hasDebian15), timeout: 120_000 }
const ROOT = path.resolve(import.meta.dirname, '../..')
const OWN = 'shadow-update'
const DENIED = '42501'

const stack = new AsyncDisposableStack()
let server: PostgresServer
let db: Database
let folder = ''

before(async () => {
  if (!hasDebian15) return
  folder = stack.use(scratchFolder()).path
  server = stack.use(await startServer(folder))
  await using admin = openDatabase({ url: server.url('postgres') })
  await admin.unnamed('create', 'create database muster', [])
  db = stack.use(openDatabase({ url: server.url('muster') }))
  await migrate(db)
  // The owner by trust, everybody else by password.
  writeFileSync(
    path.join(server.data, 'pg_hba.conf'),
    'host all postgres 127.0.0.1/32 trust\nhost all all 127.0.0.1/32 scram-sha-256\n',
  )
  chmodSync(path.join(server.data, 'pg_hba.conf'), 0o600)
  await db.unnamed('reload', 'select pg_reload_conf()', [])
  await login('a')
})
after(() => stack.disposeAsync())

const login = (which: string) =>
  db.unnamed(
    'login',
    `create role ${OWN.replace('-', '_')}_${which} login password 'pw-${which}' in role ${roleOf(OWN)}`,
    [],
  )
const urlOf = (which: string) =>
  server.url('muster', `${OWN.replace('-', '_')}_${which}:pw-${which}`)

test(
  'ok/a new login under load fails no call, and the old one can be dropped',
  there,
  async (t) => {
    await bundleFunction(OWN)
    const file = path.join(folder, 'database-url')
    writeFileSync(file, urlOf('a'), { mode: 0o600 })
    await using running = await startShadowProcess(ROOT, { DATABASE_URL_FILE: file })
    await db.unnamed(
      'device',
      `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     select 'd' || n, 'A', '1', '', 'infinity', 'local' from generate_series(0, 3) n`,
      [],
    )
    await db.unnamed(
      'rate',
      `insert into settings (name, value, updated_by) select n, '1000000', 'test' from unnest(array['rate.token', 'rate.source', 'rate.device']) n`,
      [],
    )
    const token = await insertToken(db, 'ops', ['operate'])
    let calls = 0
    const failed: string[] = []
    const stop = new AbortController()
    const loading = Promise.all(
      [0, 1, 2, 3].map(async (device) => {
        for (let n = 0; !stop.signal.aborted; n++) {
          const { status, text } = await running.desire(token, `d${device}`, n)
          calls += 1
          if (status !== 200) failed.push(`${status} ${text}`)
          await sleep(20)
        }
      }),
    )
    await sleep(1_000)
    await login('b')
    writeFileSync(`${file}.new`, urlOf('b'), { mode: 0o600 })
    renameSync(`${file}.new`, file)
    await until(
      'nobody logs in as before',
      async () => {
        const rows = await db.unnamed<{ usename: string }>(
          'who',
          `select distinct usename::text from pg_stat_activity where usename like 'shadow_update_%'`,
          [],
        )
        return rows.length === 1 && rows[0]?.usename === 'shadow_update_b'
      },
      60,
    )
    await db.unnamed('drop', 'drop role shadow_update_a', [])
    await sleep(1_000)
    stop.abort()
    await loading
    t.diagnostic(`${calls} calls, ${failed.length} failed`)
    assert.deepEqual(failed, [])
    assert.ok(calls > 100)
    await login('a')
  },
)

/** The SQLSTATE of a statement; undefined: it was done. */
async function codeOf(client: Client, text: string): Promise<string | undefined> {
  await client.query('begin')
  try {
    await client.query(text)
    return undefined
  } catch (error) {
    return error instanceof Error && 'code' in error ? String(error.code) : 'no answer'
  } finally {
    await client.query('rollback')
  }
}

interface Column {
  readonly table: string
  readonly columns: readonly string[]
  /** Without those that the database alone fills. */
  readonly writable: readonly string[]
}

test(
  'fail/with the login of one function nothing is reached but what its grants say',
  there,
  async () => {
    const grants = await readGrants()
    const tables = await db.unnamed<Column>(
      'tables',
      `select c.relname::text as table, array_agg(a.attname::text order by attnum) columns,
            array_agg(a.attname::text order by attnum) filter (where attidentity = '') writable
       from pg_class c join pg_attribute a on a.attrelid = c.oid and attnum > 0 and not attisdropped and attgenerated = ''
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') group by 1`,
      [],
    )
    const client = new Client({ connectionString: urlOf('a') })
    await client.connect()
    const faults: string[] = []
    const must = async (text: string, allowed: boolean) => {
      const code = await codeOf(client, text)
      if ((code === DENIED) === allowed) faults.push(`${text}: ${code ?? 'done'}`)
    }
    try {
      for (const { table, columns, writable } of tables) {
        const given = grants.tables[table]?.[OWN] ?? []
        const may = (verb: string, column?: string) =>
          given.some(
            (one) =>
              one === verb ||
              (one.startsWith(`${verb}(`) &&
                column !== undefined &&
                one
                  .slice(verb.length + 1, -1)
                  .split(', ')
                  .includes(column)),
          )
        for (const column of columns)
          await must(`select "${column}" from "${table}" limit 0`, may('select', column))
        // A condition that reads nothing needs no right to read.
        for (const column of writable)
          await must(`update "${table}" set "${column}" = null where false`, may('update', column))
        const [first = ''] = writable
        await must(
          `insert into "${table}" ("${first}") select null where false`,
          may('insert', first),
        )
        await must(`delete from "${table}" where false`, may('delete'))
        await must(`truncate "${table}"`, may('truncate'))
      }
      await elsewhere(grants, must)
      await assert.rejects(client.query('alter system set fsync = off'), { code: DENIED })
    } finally {
      await client.end()
    }
    assert.deepEqual(faults, [])
    assert.ok(tables.length > 50)
  },
)

/** Other functions' roles, the database's own procedures, the server's files and secrets. */
async function elsewhere(
  grants: Awaited<ReturnType<typeof readGrants>>,
  must: (text: string, allowed: boolean) => Promise<void>,
): Promise<void> {
  const all = new Set(Object.values(grants.tables).flatMap((by) => Object.keys(by)))
  for (const role of all) await must(`set role ${roleOf(role)}`, role === OWN)
  for (const [sequence, by] of Object.entries(grants.sequences))
    await must(`select nextval('${sequence}')`, (by[OWN] ?? []).includes('usage'))
  for (const [name, roles] of Object.entries(grants.functions)) {
    const given = name.replaceAll('bigint', '1').replaceAll('text', `'audit'`)
    if (!roles.includes(OWN)) await must(`select ${given}`, false)
  }
  for (const text of [
    'create table public.mine (id int)',
    'create schema mine',
    'select rolpassword from pg_authid',
    'select passwd from pg_shadow',
    `select pg_read_file('/etc/passwd')`,
    `copy devices to program 'cat'`,
    `copy (select 1) to '/tmp/x'`,
    `alter role ${roleOf('pki')} login`,
    'create role mine',
    'set role postgres',
    'set session authorization postgres',
    'alter table devices add column x int',
    `select pg_terminate_backend(pid) from pg_stat_activity where usename = 'postgres' and pid <> pg_backend_pid()`,
    'select pg_reload_conf()',
    'create publication mine for all tables',
  ])
    await must(text, false)
}
