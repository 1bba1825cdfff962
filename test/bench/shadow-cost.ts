// What one update costs function and database, with few shadows in the table and with many: the real handler, batches of 200.
import { performance } from 'node:perf_hooks'
import { createDeps } from '../../functions/shadow-update/deps.ts'
import { handler } from '../../functions/shadow-update/handler.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import type { Cluster } from '../support/cluster.ts'
import { functionHost } from '../support/function-host.ts'
import { createSender } from '../support/messages.ts'
import { cpuSeconds } from './processes.ts'
import { median, type Goal } from './report.ts'

const FEW = 1000
const MANY = 1_000_000
const BATCH = 200
const BATCHES = 100
const ROUNDS = 5

// About the 745 B of state and 611 B of metadata that data.md counts with.
const LOAD = `insert into shadows (device_id, shadow, version, desired, reported, metadata)
  select 'd' || lpad(n::text, 7, '0'), '', 1, '{"interval":60,"note":"' || repeat('d', 300) || '"}',
         '{"temp":21.5,"seq":1,"note":"' || repeat('r', 300) || '"}',
         '{"desired":{"interval":1,"note":1},"reported":{"temp":1,"seq":1,"note":1}}'
    from generate_series(0, $1::int - 1) n order by random()`
const SLOT = `insert into connector_slots (broker, class, holder, epoch, lease_until)
  values ('local', 'shadow', 'bench', 5, now() + interval '1 day') returning slot`

interface Subject {
  readonly db: Database
  readonly update: () => Promise<number>
}

async function subject(cluster: Cluster, database: string, shadows: number): Promise<Subject> {
  const url = cluster.url(database)
  const db = openDatabase({ url, connections: 4 })
  await migrate(db)
  await db.unnamed('load', LOAD, [shadows])
  await db.unnamed('vacuum', 'vacuum (analyze) shadows', [])
  const [row] = await db.unnamed<{ slot: number }>('slot', SLOT, [])
  const deps = await createDeps(functionHost('shadow-update', { as: () => db }))
  const sender = createSender(row?.slot ?? 1)
  let number = 0
  const update = async () => {
    const chosen = new Set<number>()
    while (chosen.size < BATCH) chosen.add(Math.floor(Math.random() * shadows))
    const messages = [...chosen].map((n) => ({
      topic: `devices/d${String(n).padStart(7, '0')}/shadow/update`,
      payload: { state: { reported: { temp: n % 40, seq: (number += 1) } } },
    }))
    const { verdicts, outbox } = await sender.send('shadow-update', handler, deps, messages)
    await db.unnamed('outbox', 'delete from outbox where id = any($1::bigint[])', [outbox])
    return verdicts.filter((verdict) => verdict === 'done').length
  }
  return { db, update }
}

/** CPU seconds of this process and of PostgreSQL per update, in microseconds. */
async function cost({ update }: Subject, cluster: Cluster): Promise<number> {
  const own = process.cpuUsage()
  const before = cpuSeconds(cluster.pid)
  let done = 0
  for (let batch = 0; batch < BATCHES; batch++) done += await update()
  const { user, system } = process.cpuUsage(own)
  return (user + system + (cpuSeconds(cluster.pid) - before) * 1e6) / done
}

/** F7: interleaved rounds over both tables in one cluster. */
export async function shadowCost(cluster: Cluster): Promise<Goal> {
  const started = performance.now()
  await using admin = openDatabase({ url: cluster.url('postgres') })
  for (const name of ['few', 'many']) await admin.unnamed('create', `create database ${name}`, [])
  const few = await subject(cluster, 'few', FEW)
  const many = await subject(cluster, 'many', MANY)
  await admin.unnamed('checkpoint', 'checkpoint', [])
  const ratios: number[] = []
  const costs: number[] = []
  for (let round = 0; round <= ROUNDS; round++) {
    const small = await cost(few, cluster)
    const large = await cost(many, cluster)
    if (round === 0) continue // the first warms caches and plans
    ratios.push(large / small)
    costs.push(small)
  }
  await Promise.all([few.db.close(), many.db.close()])
  const seconds = Math.round((performance.now() - started) / 1000)
  return {
    goal: 'F7',
    what: `CPU of function and database per update at ${MANY} shadows / at ${FEW}`,
    value: median(ratios),
    floor: 2.5,
    target: 1.6,
    unit: 'ratio',
    better: 'lower',
    samples: ratios,
    notes: `${Math.round(median(costs))} µs at ${FEW}; ${seconds} s in all`,
  }
}
