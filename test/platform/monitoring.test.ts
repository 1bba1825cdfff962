// Prometheus and Alertmanager, real, watch a real Muster; a fault each raises its alert at a webhook, and mended it is told there too.
import assert from 'node:assert/strict'
import { existsSync, readFileSync, renameSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { connectAsync } from 'mqtt'
import * as z from 'zod'
import { DASHBOARDS } from '../../infra/monitoring/dashboards.ts'
import { runOk } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'
import { startWatchers, type Watchers } from '../support/monitoring/watchers.ts'
import { allow, allowed, token } from '../e2e/life/operator.ts'
import { ShellDevice } from '../e2e/life/shell-device.ts'

const PROMETHEUS = needs(
  'prometheus',
  existsSync('/usr/bin/prometheus') && existsSync('/usr/bin/prometheus-alertmanager'),
)

let database: TestDatabase
let muster: Muster
let watchers: Watchers

before(async () => {
  if (PROMETHEUS.skip !== false) return
  database = await cloneDatabase()
  muster = await Muster.create({ DATABASE_URL: database.url, BROKER_MAX_CONNECTIONS: '10' })
  await muster.start()
  const { secret } = (await muster.json('token', 'create', 'prometheus', '--scope', 'metrics')) as {
    secret: string
  }
  const address = `localhost:${muster.edgePort}`
  watchers = await startWatchers([
    { job: 'muster', scheme: 'https', address, token: secret, caFile: muster.caFile },
  ])
})
after(async () => {
  await watchers?.[Symbol.asyncDispose]()
  await muster?.[Symbol.asyncDispose]()
  await database?.[Symbol.asyncDispose]()
})

const sql = (text: string) => database.db.unnamed<Record<string, unknown>>('fault', text, [])

/** Raises the alert by the fault, hears it, mends, and hears that too. */
async function raises(
  labels: Readonly<Record<string, string>>,
  fault: () => Promise<unknown>,
  mend: () => Promise<unknown>,
): Promise<void> {
  await fault()
  await watchers.hears('firing', labels)
  await mend()
  await watchers.hears('resolved', labels)
}

const FAULTS: Readonly<Record<string, [Record<string, string>, string, string]>> = {
  'a slot without a holder, and what waits in its outbox': [
    { alertname: 'SlotUnheld', broker: 'gone', class: 'ota' },
    `with s as (insert into connector_slots (broker, class) values ('gone', 'ota') returning slot)
     insert into outbox (slot, at) select slot, now() - interval '1 h' from s`,
    `with s as (delete from connector_slots where broker = 'gone' returning slot)
     delete from outbox where slot in (select slot from s)`,
  ],
  'certificates of devices that end': [
    { alertname: 'DeviceCertificatesEnd' },
    `insert into devices (device_id, cert_serial, cert_expires, broker_endpoint, status, hardware_rev, firmware_ver)
     values ('late', '', now() + interval '5 d', 'local', 'active', 'A', '1.0')`,
    `delete from devices where device_id = 'late'`,
  ],
  'a CRL of the root that ends': [
    { alertname: 'CeremonyCrlEnds' },
    `update crls c set next_update = now() + interval '20 d' from issuers i where i.issuer_id = c.issuer_id and i.state = 'root'`,
    `update crls c set next_update = now() + interval '900 d' from issuers i where i.issuer_id = c.issuer_id and i.state = 'root'`,
  ],
  'dead letters': [
    { alertname: 'DeadLetters' },
    `insert into dead_letters (topic, reason) values ('devices/x/shadow/update', 'refused')`,
    `delete from dead_letters`,
  ],
  'a rollout that fails': [
    { alertname: 'RolloutFails', rollout: 'winter' },
    `with r as (insert into releases (name, version) values ('winter', '2.0') returning release_id),
          o as (insert into rollouts (name, release_id, query, status, kind, rules, author)
                select 'winter', release_id, 'true', 'paused', 'soft', '{}', 'test' from r returning rollout_id)
     insert into rollout_groups (rollout_id, grp, percent, state, total, succeeded, failed) select rollout_id, 1, 100, 'running', 20, 8, 6 from o`,
    `update rollout_groups set failed = 0`,
  ],
}

/** The issuing key is not mounted any more: the authority says so at its next tick, and who enrols is told to come again. */
async function loseKey(): Promise<void> {
  const file = path.join(muster.data, 'muster', 'secrets', 'ca-issuing-key')
  const device = await ShellDevice.create(muster, 'dev-1')
  const secret = await token(muster, 5)
  await allow(muster, [allowed(device.id)])
  renameSync(file, `${file}.away`)
  try {
    await watchers.hears('firing', { alertname: 'EnrolmentNotReady', part: 'ca' })
    await device.enroll({ token: secret, hardware_rev: 'A' })
    await watchers.hears('firing', { alertname: 'EnrolmentsFail', protocol: 'json' })
  } finally {
    renameSync(`${file}.away`, file)
  }
  await watchers.hears('resolved', { alertname: 'EnrolmentNotReady', part: 'ca' })
}

/** A transaction that is forgotten. */
async function forgetTransaction(): Promise<void> {
  const connection = await database.db.connect()
  await connection.run('begin isolation level repeatable read')
  await connection.unnamed('forgotten', 'select count(*) from devices', [])
  try {
    await watchers.hears('firing', { alertname: 'SnapshotOld' })
  } finally {
    await connection.run('rollback')
    connection.release(false)
  }
  await watchers.hears('resolved', { alertname: 'SnapshotOld' })
}

const partitionsAhead = () =>
  sql(`select c.relname as name from pg_inherits i join pg_class c on c.oid = i.inhrelid
    where i.inhparent = 'action_status'::regclass order by c.relname offset 1`)

/** Partitions ahead are gone, and a lock keeps `retention` from making them again; freed of it, it does. */
async function losePartitions(): Promise<void> {
  const connection = await database.db.connect()
  try {
    await until('partitions gone before the next tick', async () => {
      for (const { name } of await partitionsAhead()) await sql(`drop table "${String(name)}"`)
      await connection.run('begin; lock table action_status in share update exclusive mode')
      if ((await partitionsAhead()).length === 0) return true
      await connection.run('rollback')
      return false
    })
    await watchers.hears('firing', { alertname: 'PartitionsShort', table: 'action_status' })
  } finally {
    await connection.run('rollback')
    connection.release(false)
  }
  await watchers.hears('resolved', { alertname: 'PartitionsShort', table: 'action_status' })
}

/** A credential that ends soon, made and removed as an operator does. */
async function endCredential(): Promise<void> {
  const made = (await muster.json('credential', 'create', 'shared-key', '--expires', '5d')) as {
    name: string
  }
  await watchers.hears('firing', { alertname: 'CredentialsEnd', kind: 'shared_key' })
  await muster.muster('credential', 'delete', made.name, '--yes')
  await watchers.hears('resolved', { alertname: 'CredentialsEnd', kind: 'shared_key' })
}

/** Applications connect until the broker is nearly full. */
async function fillBroker(): Promise<void> {
  const out = path.join(muster.data, 'app')
  const data = path.join(muster.data, 'muster')
  await runOk(path.join(ROOT, 'muster'), [
    'ca',
    'issue',
    'service',
    'app',
    '--out',
    out,
    '--data',
    data,
  ])
  const tls = {
    ca: readFileSync(muster.caFile),
    cert: readFileSync(`${out}.pem`),
    key: readFileSync(`${out}.key`),
  }
  const clients = await Promise.all(
    [1, 2, 3, 4, 5, 6].map((n) =>
      connectAsync(`mqtts://localhost:${muster.mqttsPort}`, {
        ...tls,
        clientId: `app-${n}`,
        protocolVersion: 4,
      }),
    ),
  )
  try {
    await watchers.hears('firing', { alertname: 'BrokerNearlyFull' })
  } finally {
    await Promise.all(clients.map((client) => client.endAsync(true)))
  }
  await watchers.hears('resolved', { alertname: 'BrokerNearlyFull' })
}

const WORKS: Readonly<Record<string, () => Promise<void>>> = {
  'the issuing key is gone, with no device about, and with one': loseKey,
  'a transaction is forgotten': forgetTransaction,
  'partitions ahead are gone': losePartitions,
  'a credential ends': endCredential,
  'a broker is nearly full': fillBroker,
}

test(
  'fail+ok/each fault raises its alert, and mended it is resolved',
  { ...PROMETHEUS, concurrency: 12 },
  async (t) => {
    const faults = Object.entries(FAULTS).map(([what, [labels, fault, mend]]) =>
      t.test(what, () =>
        raises(
          labels,
          () => sql(fault),
          () => sql(mend),
        ),
      ),
    )
    const works = Object.entries(WORKS).map(([what, work]) => t.test(what, work))
    await Promise.all([...faults, ...works])
  },
)

test(
  "ok/the dead man's switch comes to a receiver of its own, and to nobody else",
  PROMETHEUS,
  async () => {
    await watchers.hears('firing', { alertname: 'Watchdog' })
    const receivers = watchers.heard.filter(({ labels }) => labels['alertname'] === 'Watchdog')
    assert.deepEqual([...new Set(receivers.map((each) => each.receiver))], ['dead-mans-switch'])
  },
)

const Metadata = z.array(z.object({ metric: z.string() }))
const Series = z.array(z.record(z.string(), z.string()))
const NAME = /\b(?:muster|prometheus|haproxy)_[a-z_]+/g
const SELECTOR = /(muster_[a-z_]+)\{([^}]*)\}/g
const LABEL = /([a-z_]+)(?:=~|!~|!=|=)"/g

/** Names of metrics that a query asks for; a histogram by its own name. */
const namesOf = (expr: string) =>
  [...expr.matchAll(NAME)].map(([name]) =>
    name.replace(/_seconds_bucket$/, '_seconds').replace(/_items_(?:sum|count)$/, '_items'),
  )

test(
  'ok/every query of the dashboards is evaluated, and asks for metrics and labels that there are',
  PROMETHEUS,
  async () => {
    const known = new Set(
      Metadata.parse(await watchers.ask('targets/metadata')).map(({ metric }) => metric),
    )
    const queries = DASHBOARDS.flatMap(({ name, panels }) =>
      panels.flatMap((panel) => Object.values(panel.queries).map((expr) => ({ name, expr }))),
    )
    for (const { name, expr } of queries) {
      await watchers.ask('query', { query: expr })
      for (const metric of namesOf(expr)) assert.ok(known.has(metric), `${name}: no ${metric}`)
      for (const [, metric = '', selectors = ''] of expr.matchAll(SELECTOR)) {
        const series = Series.parse(await watchers.ask('series', { 'match[]': metric }))
        const labels = new Set(series.flatMap((each) => Object.keys(each)))
        for (const [, label = ''] of selectors.matchAll(LABEL))
          assert.ok(series.length === 0 || labels.has(label), `${expr}: ${metric} has no ${label}`)
      }
    }
  },
)

test(
  'fail/a Muster that is gone is told, and that nobody knows of enrolment',
  PROMETHEUS,
  async () => {
    const since = watchers.heard.length
    await muster.end('SIGKILL')
    await watchers.hears('firing', { alertname: 'TargetDown', job: 'muster' }, { after: since })
    await watchers.hears('firing', { alertname: 'HealthUnknown' }, { after: since })
  },
)
