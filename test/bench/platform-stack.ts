// The shadow path twice, each with a broker and a database of its own: functions in one process behind the local gateway, and each
// as replicas behind the stand-ins for gateway and watchdog.
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase } from '../../shared/db/database.ts'
import {
  bundleShadowFunctions,
  deployShadowFunctions,
  SHADOW_FUNCTIONS,
} from '../platform/faas/setting.ts'
import { startCluster, type Cluster } from '../support/cluster.ts'
import { startGatewayStandIn } from '../support/gateway-stand-in/server.ts'
import { startMosquitto, type Mosquitto } from '../support/mosquitto.ts'
import { freePorts } from '../support/ports.ts'
import { startProcess } from '../support/processes.ts'
import { Replicas } from '../support/replicas.ts'
import { until } from '../support/until.ts'
import { meterOf, treeMeterOf, type Meters } from './meters.ts'

const SLOTS = 4
const REPLICAS = 2
export const DURABLE = [
  'fsync=on',
  'full_page_writes=on',
  'synchronous_commit=on',
  'shared_buffers=512MB',
  'max_wal_size=4GB',
  'jit=off',
]

export interface PathStack extends AsyncDisposable {
  readonly name: string
  readonly broker: Mosquitto
  readonly meters: Meters
}

interface Base {
  readonly stack: AsyncDisposableStack
  readonly cluster: Cluster
  readonly broker: Mosquitto
  readonly root: Buffer
}

async function startBase(): Promise<Base> {
  const stack = new AsyncDisposableStack()
  const cluster = stack.use(await startCluster({ settings: DURABLE }))
  const broker = stack.use(await startMosquitto())
  await using db = openDatabase({ url: cluster.url('postgres') })
  await migrate(db)
  return { stack, cluster, broker, root: randomBytes(32) }
}

/** The connector joins them. */
async function join(
  name: string,
  base: Base,
  gatewayUrl: string,
  meters: Meters,
): Promise<PathStack> {
  const { stack, cluster, broker, root } = base
  const [port = 0] = await freePorts(1)
  const connector = stack.use(
    startProcess('infra/connector/main.ts', {
      DATABASE_URL: cluster.url('postgres'),
      MQTT_URL: broker.url,
      GATEWAY_URL: gatewayUrl,
      HOP_ROOT: root.toString('base64'),
      METRICS_PORT: String(port),
    }),
  )
  const held = () => connector.lines.filter((line) => line.includes('"slot held"')).length === SLOTS
  await until('all slots held', held, 60)
  const all = {
    broker: meterOf(broker.pid),
    PostgreSQL: treeMeterOf(cluster.pid),
    connector: meterOf(connector.pid),
    ...meters,
  }
  return { name, broker, meters: all, [Symbol.asyncDispose]: () => stack.disposeAsync() }
}

export async function startInProcessStack(): Promise<PathStack> {
  const base = await startBase()
  const { stack, cluster, root } = base
  const [port = 0] = await freePorts(1)
  const functions = stack.use(
    startProcess('test/chaos/functions-process.ts', {
      DATABASE_URL: cluster.url('postgres'),
      HOP_ROOT: root.toString('base64'),
      GATEWAY_PORT: String(port),
    }),
  )
  await until('functions ready', () => functions.lines.includes('ready'), 60)
  const meters = { functions: meterOf(functions.pid) }
  return join('in one process', base, `http://127.0.0.1:${port}`, meters)
}

/** The gateway's stand-in is in this process, which does nothing else meanwhile. */
export async function startFaasStack(): Promise<PathStack> {
  const base = await startBase()
  const { stack, cluster, root } = base
  await bundleShadowFunctions()
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-faas-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const env = { DATABASE_URL: cluster.url('postgres'), LOG_LEVEL: 'warn' }
  const functions = stack.use(new Replicas({ folder, env }))
  deployShadowFunctions(functions, { kid: 'k1', root }, REPLICAS)
  await functions.settled()
  const gateway = stack.use(await startGatewayStandIn({ provider: functions }))
  const meters = SHADOW_FUNCTIONS.flatMap((name) =>
    functions
      .replicasOf(name)
      .map(({ pid }, at) => [`${name} ${at + 1}`, treeMeterOf(pid)] as const),
  )
  return join('behind the stand-ins', base, gateway.url, {
    gateway: meterOf(process.pid),
    ...Object.fromEntries(meters),
  })
}
