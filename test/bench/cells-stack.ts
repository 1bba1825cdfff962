// The shadow path with one cell and one connector, or with several that share: Mosquittos, connectors, functions in one process behind
// the local gateway, and a PostgreSQL with fsync; each a process of its own.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { startCluster } from '../support/cluster.ts'
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { meterOf, treeMeterOf, type Meters } from './meters.ts'
import { DURABLE } from './platform-stack.ts'

const CLASSES = 4

export interface CellsStack extends AsyncDisposable {
  readonly brokers: readonly Mosquitto[]
  readonly meters: Meters
}

/** Each slot has a holder, and of each class every connector has some. */
async function isShared(db: Database, cells: number, connectors: number): Promise<boolean> {
  const classes = await db.unnamed<{ slots: number; holders: number }>(
    'bench',
    `select count(*)::int as slots, count(distinct holder)::int as holders
       from connector_slots where lease_until > now() group by class`,
    [],
  )
  const each = classes.every(({ slots, holders }) => slots === cells && holders === connectors)
  return each && classes.length === CLASSES
}

function writeCells(folder: string, brokers: readonly Mosquitto[]): string {
  const file = path.join(folder, 'cells.yml')
  const lines = brokers.map(({ url }, at) => `  - { name: cell-${at + 1}, url: '${url}' }`)
  writeFileSync(file, ['cells:', ...lines, ''].join('\n'))
  return file
}

export async function startCellsStack(cells: number, connectors: number): Promise<CellsStack> {
  await using stack = new AsyncDisposableStack()
  const cluster = stack.use(await startCluster({ settings: DURABLE }))
  const brokers = await Promise.all(Array.from({ length: cells }, () => startMosquitto()))
  for (const broker of brokers) stack.use(broker)
  const db = stack.use(openDatabase({ url: cluster.url('postgres') }))
  await migrate(db)
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-cells-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const [gateway = 0, ...ports] = await freePorts(1 + connectors)
  const env = {
    DATABASE_URL: cluster.url('postgres'),
    HOP_ROOT: randomBytes(32).toString('base64'),
    GATEWAY_PORT: String(gateway),
  }
  const functions = stack.use(startProcess('test/chaos/functions-process.ts', env))
  await until('functions ready', () => functions.lines.includes('ready'), 60)
  const file = writeCells(folder, brokers)
  const meters: Record<string, () => number> = {
    PostgreSQL: treeMeterOf(cluster.pid),
    functions: meterOf(functions.pid),
  }
  for (const [at, port] of ports.entries()) {
    const connector = stack.use(
      startProcess('infra/connector/main.ts', {
        ...env,
        GATEWAY_URL: `http://127.0.0.1:${gateway}`,
        MQTT_CELLS_FILE: file,
        METRICS_PORT: String(port),
        LOG_LEVEL: 'warn',
      }),
    )
    meters[`connector ${at + 1}`] = meterOf(connector.pid)
  }
  for (const [at, { pid }] of brokers.entries()) meters[`broker ${at + 1}`] = meterOf(pid)
  await until('slots shared', () => isShared(db, cells, connectors), 60)
  const running = stack.move()
  return { brokers, meters, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
