// F5, F6: the query `firmware_ver < 2.5.0 and status = 'active'` over a million devices. F7: what an update costs beside a
// million shadows, against a thousand.
import { performance } from 'node:perf_hooks'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { compileCount, compilePage, type Compiled } from '../../shared/query/compile.ts'
import { parseQuery } from '../../shared/query/parse.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { median, type Goal } from './report.ts'
import { shadowCost } from './shadow-cost.ts'

const DEVICES = 1_000_000
const QUERY = `firmware_ver < 2.5.0 and status = 'active'`
const REPETITIONS = 60

// Loaded in random order, as a fleet grows: 2.0.0 to 2.9.9, one in fifty suspended.
const LOAD = `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint, status)
  select 'gw-' || lpad(n::text, 8, '0'), chr(65 + n % 3), '2.' || n % 10 || '.' || (n / 10) % 10, to_hex(n),
         now() + interval '90 days', 'local', case when n % 50 = 0 then 'suspended' else 'active' end
    from generate_series(1, $1::int) n order by random()`

async function timed(db: Database, { label, text, values }: Compiled): Promise<number[]> {
  const took: number[] = []
  for (let turn = 0; turn < REPETITIONS; turn++) {
    const started = performance.now()
    await db.unnamed(label, text, values)
    took.push(performance.now() - started)
  }
  return took.slice(REPETITIONS / 3)
}

async function queries(db: Database): Promise<Goal[]> {
  const query = parseQuery(QUERY, [])
  const now = new Date()
  const page = await timed(db, compilePage(query, { now, limit: 50 }))
  const count = await timed(db, compileCount(query, { now }))
  return [
    {
      goal: 'F5',
      what: `page 1 of ${QUERY} at ${DEVICES} devices`,
      value: median(page),
      floor: 10,
      target: 2,
      unit: 'ms',
      better: 'lower',
      samples: page,
    },
    {
      goal: 'F6',
      what: 'its count',
      value: median(count),
      floor: 100,
      target: 40,
      unit: 'ms',
      better: 'lower',
      samples: count,
    },
  ]
}

async function loaded(cluster: Cluster): Promise<Database> {
  const db = openDatabase({ url: cluster.url('postgres'), connections: 4 })
  await migrate(db)
  await db.unnamed('load', LOAD, [DEVICES])
  await db.unnamed('vacuum', 'vacuum (analyze) devices', [])
  return db
}

export async function goals(): Promise<Goal[]> {
  await using cluster = await startCluster({
    settings: ['shared_buffers=4GB', 'max_wal_size=8GB', 'max_parallel_workers_per_gather=0'],
  })
  await using db = await loaded(cluster)
  return [...(await queries(db)), await shadowCost(cluster)]
}
