// The whole shadow path as it is deployed, each part a process of its own: Mosquitto, connector, functions from their bundles and
// PostgreSQL with fsync; the connector calls the functions itself, as it does on Kubernetes.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { deriveHopKey, formatHopKeys } from '../../shared/hop/keys.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess, type Running } from '../support/processes.ts'
import { until } from '../support/until.ts'
import { meterOf, treeMeterOf, type Meters } from './meters.ts'

/** All that topics lead to; ticks of other functions find nobody. */
const FUNCTIONS = ['shadow-update', 'compute-delta', 'register'] as const
const SLOTS = 4
const SETTINGS = [
  'fsync=on',
  'full_page_writes=on',
  'synchronous_commit=on',
  'shared_buffers=512MB',
  'max_wal_size=4GB',
  'checkpoint_timeout=15min',
  'jit=off',
]

export interface ShadowStack extends AsyncDisposable {
  readonly cluster: Cluster
  readonly broker: Mosquitto
  readonly db: Database
  /** CPU of every process of the path. */
  readonly meters: Meters
}

interface Parts {
  readonly cluster: Cluster
  readonly broker: Mosquitto
  readonly db: Database
  /** Holds the keys of the functions. */
  readonly folder: string
  readonly root: Buffer
}

async function startFunction(name: string, { cluster, folder, root }: Parts) {
  const keys = ['edge', 'connector'].map((caller) => {
    return { kid: 'k1', caller, key: deriveHopKey(root, caller, name) }
  })
  const file = path.join(folder, name)
  writeFileSync(file, formatHopKeys(keys))
  await bundleFunction(name)
  const [port = 0, metricsPort = 0] = await freePorts(2)
  const running = startProcess(`dist/${name}/index.mjs`, {
    DATABASE_URL: cluster.url('postgres'),
    HOP_KEYS_FILE: file,
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
  })
  const url = `http://127.0.0.1:${port}`
  await until(`${name} ready`, () =>
    fetch(`${url}/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
  return { port, running }
}

async function startConnectorProcess(parts: Parts, ports: readonly string[]): Promise<Running> {
  const running = startProcess('test/bench/connector-process.ts', {
    DATABASE_URL: parts.cluster.url('postgres'),
    MQTT_URL: parts.broker.url,
    FUNCTION_PORTS: ports.join(','),
    HOP_ROOT: parts.root.toString('base64'),
  })
  await until(
    'all slots held',
    () => running.lines.filter((line) => line.includes('"slot held"')).length === SLOTS,
    60,
  )
  return running
}

async function join(parts: Parts, stack: AsyncDisposableStack): Promise<Meters> {
  const ports: string[] = []
  const meters: Record<string, () => number> = {
    broker: meterOf(parts.broker.pid),
    PostgreSQL: treeMeterOf(parts.cluster.pid),
  }
  for (const name of FUNCTIONS) {
    const { port, running } = await startFunction(name, parts)
    stack.use(running)
    ports.push(`${name}=${port}`)
    meters[name] = meterOf(running.pid)
  }
  const connector = stack.use(await startConnectorProcess(parts, ports))
  return { ...meters, connector: meterOf(connector.pid) }
}

/** Starts everything; returns when the connector holds its slots. */
export async function startShadowStack(): Promise<ShadowStack> {
  await using stack = new AsyncDisposableStack()
  const cluster = stack.use(await startCluster({ settings: SETTINGS }))
  const broker = stack.use(await startMosquitto())
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-keys-'))
  stack.defer(() => rmSync(folder, { recursive: true }))
  const db = stack.use(openDatabase({ url: cluster.url('postgres') }))
  await migrate(db)
  const parts = { cluster, broker, db, folder, root: randomBytes(32) }
  const meters = await join(parts, stack)
  const running = stack.move()
  return { cluster, broker, db, meters, [Symbol.asyncDispose]: () => running.disposeAsync() }
}
