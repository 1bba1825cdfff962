// Each test gets a database of its own, cloned from a migrated template. test/run.ts starts one cluster for all suites
// ($MUSTER_TEST_CLUSTER holds its URL with %s for the database); a test file run alone starts one for itself.
import { Client } from 'pg'
import { roleOf } from '../../infra/migrations/grants.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { startCluster, type Cluster } from './cluster.ts'

const TEMPLATE = 'muster_template'
const TEMPLATE_LOCK = 4_501
const QUICK_RATES = 1_000_000

export interface TestDatabase extends AsyncDisposable {
  readonly url: string
  readonly name: string
  /** As superuser. */
  readonly db: Database
  /** As the role of a function, of `connector` or of `broker-agent`. */
  as(functionName: string, connections?: number): Database
}

let own: Promise<Cluster> | undefined
let template: Promise<void> | undefined
let count = 0

async function clusterUrl(): Promise<(database: string) => string> {
  const shared = process.env['MUSTER_TEST_CLUSTER']
  if (shared !== undefined) return (database) => shared.replace('%s', database)
  if (own === undefined) {
    own = startCluster()
    const { kill } = await own
    process.once('exit', kill)
  }
  return (await own).url
}

async function admin<T>(url: string, work: (client: Client) => Promise<T>): Promise<T> {
  const client = new Client({ connectionString: url })
  await client.connect()
  try {
    return await work(client)
  } finally {
    await client.end()
  }
}

// Suites run with rates that no test reaches by accident; attack tests set the defaults again.
async function quickRates(db: Database): Promise<void> {
  await db.unnamed(
    'test_rates',
    `insert into settings (name, value, updated_by) select name, $2::jsonb, 'test' from unnest($1::text[]) name`,
    [
      [
        'rate.source',
        'rate.credential',
        'rate.token',
        'rate.device',
        'edge.connection_rate',
        'edge.connections',
      ],
      String(QUICK_RATES),
    ],
  )
}

async function makeTemplate(url: (database: string) => string): Promise<void> {
  await admin(url('postgres'), async (client) => {
    await client.query('select pg_advisory_lock($1)', [TEMPLATE_LOCK])
    const found = await client.query(
      'select from pg_database where datname = $1 and datistemplate',
      [TEMPLATE],
    )
    if (found.rowCount === 1) return
    await client.query(`drop database if exists ${TEMPLATE}`)
    await client.query(`create database ${TEMPLATE}`)
    await using db = openDatabase({ url: url(TEMPLATE) })
    await migrate(db)
    await quickRates(db)
    await db.close()
    await client.query(`alter database ${TEMPLATE} is_template true allow_connections false`)
  })
}

/** A migrated database of the test's own; dropped when disposed, also when the test throws. */
export async function cloneDatabase(): Promise<TestDatabase> {
  const url = await clusterUrl()
  template ??= makeTemplate(url)
  await template
  count += 1
  const name = `t${process.pid}_${count}`
  await admin(url('postgres'), (client) =>
    client.query(`create database ${name} template ${TEMPLATE} strategy file_copy`),
  )
  const opened: Database[] = []
  const open = (role?: string, connections = 4): Database => {
    const db = openDatabase({
      url: url(name),
      connections,
      ...(role === undefined ? {} : { role }),
    })
    opened.push(db)
    return db
  }
  const db = open()
  return {
    url: url(name),
    name,
    db,
    as: (functionName, connections) => open(roleOf(functionName), connections),
    [Symbol.asyncDispose]: async () => {
      await Promise.all(opened.map((each) => each.close()))
      await admin(url('postgres'), (client) =>
        client.query(`drop database if exists ${name} with (force)`),
      )
    },
  }
}
