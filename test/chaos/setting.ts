// Real processes over Mosquitto and PostgreSQL of their own, each started again when it dies.
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { startCluster } from '../support/cluster.ts'
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { insertToken } from '../support/operator.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess, type Running } from '../support/processes.ts'
import { operatorRequest } from '../support/shadow-fleet.ts'
import { until } from '../support/until.ts'

export interface Supervised {
  readonly deaths: number
  /** Where it said that it dies, counted. */
  readonly crashes: ReadonlyMap<string, number>
  kill(): Promise<void>
  /** With other variables from its next start on; started again now. */
  restart(env: Readonly<Record<string, string>>): Promise<void>
  stop(): Promise<void>
}

export interface ChaosSetting extends AsyncDisposable {
  readonly db: Database
  readonly broker: Mosquitto
  readonly functions: Supervised
  readonly connectors: readonly Supervised[]
  /** An operator's write; whether it was answered with 2xx. */
  desire(deviceId: string, n: number): Promise<boolean>
  /** Kills a backend of PostgreSQL, which makes all of it recover as after a crash. */
  crashPostgres(): Promise<void>
}

export function supervise(
  start: (env: Readonly<Record<string, string>>) => Promise<Running> | Running,
): Supervised {
  const crashes = new Map<string, number>()
  let env: Readonly<Record<string, string>> = {}
  let running: Running | undefined
  let deaths = 0
  const stop = new AbortController()
  const run = async () => {
    while (!stop.signal.aborted) {
      running = await start(env)
      await running.exited
      deaths += 1
      for (const line of running.lines) {
        if (line.startsWith('crash '))
          crashes.set(line.slice(6), (crashes.get(line.slice(6)) ?? 0) + 1)
      }
      await sleep(50)
    }
  }
  const done = run()
  return {
    get deaths() {
      return deaths
    },
    crashes,
    kill: async () => void (await running?.kill('SIGKILL')),
    restart: async (next) => {
      env = next
      await running?.kill('SIGKILL')
    },
    stop: async () => {
      stop.abort()
      await running?.kill('SIGKILL')
      await done
    },
  }
}

/** A database of the test's own instead of a cluster that is started for it. */
export interface ChaosDatabase extends AsyncDisposable {
  /** As its owner; the database `chaos` is made by whoever gives it. */
  readonly url: string
  /** What functions and connectors are told. */
  readonly env: Readonly<Record<string, string>>
}

async function ownDatabase(): Promise<ChaosDatabase> {
  const cluster = await startCluster()
  await createChaosDatabase(cluster.url('postgres'))
  const url = cluster.url('chaos')
  return {
    url,
    env: { DATABASE_URL: url },
    [Symbol.asyncDispose]: () => cluster[Symbol.asyncDispose](),
  }
}

export async function createChaosDatabase(url: string): Promise<void> {
  const admin = new Client({ connectionString: url })
  await admin.connect()
  await admin.query('create database chaos')
  await admin.end()
}

export async function startChaos(
  deviceIds: readonly string[],
  connectorCount: number,
  open = ownDatabase,
): Promise<ChaosSetting> {
  const [database, broker] = await Promise.all([open(), startMosquitto({ autosaveSeconds: 1 })])
  const { url } = database
  const db = openDatabase({ url, connections: 4, answerMs: 10_000 })
  await migrate(db)
  const token = await prepareFleet(db, deviceIds)
  const root = randomBytes(32)
  const hop = { kid: 'k1', root }
  const [gatewayPort = 0, ...ports] = await freePorts(1 + connectorCount)
  const common = {
    ...database.env,
    HOP_ROOT: root.toString('base64'),
    GATEWAY_PORT: String(gatewayPort),
  }
  const functions = supervise((env) =>
    startProcess('test/chaos/functions-process.ts', { ...common, ...env }),
  )
  const connectors = ports.map((port) =>
    supervise((env) =>
      startProcess('test/chaos/connector-process.ts', {
        ...common,
        MQTT_URL: broker.url,
        METRICS_PORT: String(port),
        LOG_LEVEL: process.env['MUSTER_TEST_LOG'] ?? 'silent',
        ...env,
      }),
    ),
  )
  const setting: ChaosSetting = {
    db,
    broker,
    functions,
    connectors,
    desire: async (id, n) => {
      const signed = operatorRequest(hop, token, id, { state: { desired: { n } } })
      const target = `http://127.0.0.1:${gatewayPort}/function/shadow-update`
      const body = await signed.text()
      const answer = await fetch(target, { method: 'PATCH', headers: signed.headers, body }).catch(
        () => undefined,
      )
      return answer?.ok === true
    },
    crashPostgres: () => crashPostgres(db),
    [Symbol.asyncDispose]: async () => {
      await Promise.all([functions.stop(), ...connectors.map((each) => each.stop())])
      await db.close()
      await broker[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
  try {
    await untilHeld(db)
    return setting
  } catch (error) {
    await setting[Symbol.asyncDispose]()
    throw error
  }
}

/** Every slot has a holder. */
export async function untilHeld(db: Database): Promise<void> {
  await until(
    'slots held',
    async () => {
      const rows = await db
        .unnamed('chaos', 'select from connector_slots where lease_until > now()', [])
        .catch(() => [])
      return rows.length === 4
    },
    40,
  )
}

/** Devices, rates that nobody reaches, and an operator's token. */
export async function prepareFleet(db: Database, deviceIds: readonly string[]): Promise<string> {
  await db.unnamed(
    'chaos',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint)
     select id, 'A', '1', '', 'infinity', 'local' from unnest($1::text[]) id`,
    [deviceIds],
  )
  await db.unnamed(
    'chaos',
    `insert into settings (name, value, updated_by) select name, '1000000', 'test'
       from unnest(array['rate.source', 'rate.credential', 'rate.token', 'rate.device']) name
       on conflict do nothing`,
    [],
  )
  return insertToken(db, 'ops', ['operate'])
}

async function crashPostgres(db: Database): Promise<void> {
  const [row] = await db.unnamed<{ pid: number }>(
    'chaos',
    `select pid from pg_stat_activity where datname = 'chaos' and pid <> pg_backend_pid() limit 1`,
    [],
  )
  if (row !== undefined) process.kill(row.pid, 'SIGKILL')
  await until('recovered', () =>
    db.unnamed('chaos', 'select 1', []).then(
      () => true,
      () => false,
    ),
  )
}
