// An installation whose parts run apart, set up by infra/setup: HAProxy and its agent, the gateway's stand-in with functions behind it,
// connectors, Mosquitto and its agent, PostgreSQL; each a process that finds its own secrets as files in a folder of its own.
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { bundleWatchdog } from '../../infra/build/watchdog.ts'
import { openDatabase, type Database } from '../../shared/db/database.ts'
import { createChaosDatabase, prepareFleet, untilHeld } from '../chaos/setting.ts'
import { startCluster } from './cluster.ts'
import { run, type Ran } from './exec.ts'
import { startGatewayStandIn } from './gateway-stand-in/server.ts'
import { newFolder, startHaproxy, type Haproxy } from './haproxy.ts'
import { ROOT } from './muster.ts'
import { freePorts } from './ports.ts'
import { startProcess, type Running } from './processes.ts'
import { Replicas } from './replicas.ts'
import { until } from './until.ts'

export interface ApartOptions {
  readonly deviceIds: readonly string[]
  readonly functions: readonly string[]
  /** Called when all secrets are there and nothing runs yet. */
  readonly prepared?: (apart: Pick<Apart, 'data' | 'part'>) => Promise<void>
}

export interface Apart extends AsyncDisposable {
  readonly db: Database
  /** The installation's data directory. */
  readonly data: string
  /** A file of a part's folder. */
  readonly part: (...names: string[]) => string
  /** `infra/setup/main.ts secrets` again, as an operator runs it. */
  readonly secrets: (...args: string[]) => Promise<Ran>
  readonly haproxy: Haproxy
  readonly gatewayUrl: string
  readonly functions: Replicas
  /** A listener without TLS for the fleet; services and devices have theirs. */
  readonly brokerUrl: string
  readonly devicePort: number
  readonly servicePort: number
  readonly brokerPid: () => number
  readonly connectors: Running[]
  readonly startConnector: () => Promise<Running>
  readonly agents: { readonly broker: Running; readonly edge: Running }
  /** An operator's token with the scope `operate`. */
  readonly token: string
}

const LOG_LEVEL = process.env['MUSTER_TEST_LOG'] ?? 'silent'

export async function startApart(options: ApartOptions): Promise<Apart> {
  await using stack = new AsyncDisposableStack()
  const folder = mkdtempSync(path.join(tmpdir(), 'apart-'))
  stack.defer(() => rmSync(folder, { recursive: true, force: true }))
  const cluster = stack.use(await startCluster())
  await createChaosDatabase(cluster.url('postgres'))
  const url = cluster.url('chaos')
  const db = openDatabase({ url, connections: 4 })
  stack.defer(() => db.close())
  const data = path.join(folder, 'muster')
  const part = (...names: string[]) => path.join(folder, 'parts', ...names)
  const setup = (...args: string[]) =>
    run(process.execPath, ['infra/setup/main.ts', ...args], {
      cwd: ROOT,
      env: { MUSTER_DATA: data, PUBLIC_NAMES: 'localhost', DATABASE_URL: url, LOG_LEVEL },
    })
  const place = [...['--parts', part(), '--owner', String(process.getuid?.() ?? 0)]]
  const named = ['--database', url.slice(url.indexOf('@') + 1), '--broker', 'localhost']
  const secrets = (...args: string[]) => setup('secrets', ...place, ...named, ...args)
  const bundled = bundle(options.functions)
  bundled.catch(() => undefined)
  for (const made of [await secrets(), await setup('database')])
    if (made.code !== 0) throw new Error(made.stderr)
  const token = await prepareFleet(db, options.deviceIds)
  await options.prepared?.({ data, part })
  await bundled
  const functions = stack.use(new Replicas({ folder: path.join(folder, 'none') }))
  const gateway = stack.use(await startGatewayStandIn({ provider: functions }))
  const [broker, edge] = await Promise.all([
    startBroker(stack, part),
    startEdge(stack, gateway.port, part),
    deploy(functions, options.functions, part),
  ])
  const connectors: Running[] = []
  const startConnector = async () => {
    const running = await connectorOf(part, gateway.url, broker.servicePort)
    connectors.push(running)
    return running
  }
  stack.defer(async () => void (await Promise.all(connectors.map((each) => each.kill()))))
  await Promise.all([startConnector(), startConnector()])
  await untilHeld(db)
  const running = stack.move()
  return {
    ...{ db, data, part, secrets, functions, connectors, startConnector, token },
    ...{ haproxy: edge.haproxy, agents: { broker: broker.agent, edge: edge.agent } },
    gatewayUrl: gateway.url,
    brokerUrl: `mqtt://127.0.0.1:${broker.plainPort}`,
    devicePort: broker.devicePort,
    servicePort: broker.servicePort,
    brokerPid: () => Number(readFileSync(part('broker', 'mosquitto.pid'), 'utf8')),
    [Symbol.asyncDispose]: () => running.disposeAsync(),
  }
}

/** `DATABASE_URL_FILE` and the like: where each secret of a part's folder is. */
function filesOf(part: Apart['part'], name: string): Record<string, string> {
  const names = readdirSync(part(name)).filter((file) => !file.includes('.'))
  const variable = (file: string) => `${file.toUpperCase().replaceAll('-', '_')}_FILE`
  return Object.fromEntries(names.map((file) => [variable(file), part(name, file)]))
}

async function bundle(names: readonly string[]): Promise<void> {
  await bundleWatchdog()
  for (const name of names) await bundleFunction(name)
}

async function deploy(
  functions: Replicas,
  names: readonly string[],
  part: Apart['part'],
): Promise<void> {
  for (const service of names) {
    functions.deploy({
      ...{ service, image: `muster/${service}:0.1.0`, secrets: [], annotations: {} },
      envVars: { ...filesOf(part, service), LOG_LEVEL },
      labels: { 'com.openfaas.scale.min': service === 'shadow-update' ? '2' : '1' },
    })
  }
  await functions.settled()
}

async function startBroker(stack: AsyncDisposableStack, part: Apart['part']) {
  const [devicePort = 0, servicePort = 0, plainPort = 0] = await freePorts(3)
  const file = (name: string) => part('broker', name)
  const env = {
    DATABASE_URL_FILE: file('database-url'),
    BROKER_FOLDER: part('broker'),
    MQTT_URL: `mqtts://localhost:${servicePort}`,
    MQTTS_PORT: String(devicePort),
    MQTT_CA_FILE: file('server-ca.pem'),
    MQTT_CERT_FILE: file('broker-agent.pem'),
    MQTT_KEY_FILE: file('broker-agent.key'),
    LOG_LEVEL: 'info',
  }
  const prepared = await startProcess('infra/broker/main.ts', env, ['prepare']).exited
  if (prepared !== 0) throw new Error(`the broker's prepare ended with ${prepared}`)
  const conf = file('mosquitto.conf')
  appendFileSync(conf, `listener ${plainPort} 127.0.0.1\nallow_anonymous true\n`)
  // Started as root it becomes the user mosquitto, who could not read here.
  if (process.getuid?.() === 0) appendFileSync(conf, 'user root\n')
  const { PATH = '' } = process.env
  const child = spawn('setpriv', ['--pdeathsig', 'KILL', 'mosquitto', '-c', conf], {
    stdio: ['ignore', 'ignore', LOG_LEVEL === 'silent' ? 'ignore' : 'inherit'],
    env: { PATH: `${PATH}:/usr/sbin:/usr/local/sbin` },
  })
  const gone = once(child, 'exit')
  stack.defer(async () => {
    child.kill('SIGKILL')
    await gone
  })
  await until('Mosquitto runs', () => existsSync(file('mosquitto.pid')))
  const agent = startProcess('infra/broker/main.ts', env)
  stack.use(agent)
  return { devicePort, servicePort, plainPort, agent }
}

async function startEdge(stack: AsyncDisposableStack, gatewayPort: number, part: Apart['part']) {
  const folder = newFolder()
  const env = {
    ...filesOf(part, 'edge'),
    EDGE_FOLDER: folder,
    EDGE_RUN: folder,
    EDGE_CERT_FILE: part('edge', 'server.pem'),
    EDGE_KEY_FILE: part('edge', 'server.key'),
    LOG_LEVEL: 'info',
  }
  const prepared = await startProcess('infra/edge/main.ts', env, ['prepare']).exited
  if (prepared !== 0) throw new Error(`the edge's prepare ended with ${prepared}`)
  const gateway = { DIRECT: '0', GATEWAY: `127.0.0.1:${gatewayPort}` }
  const haproxy = stack.use(await startHaproxy({ folder, env: gateway }))
  const agent = stack.use(startProcess('infra/edge/main.ts', env))
  return { haproxy, agent }
}

async function connectorOf(
  part: Apart['part'],
  gatewayUrl: string,
  servicePort: number,
): Promise<Running> {
  const [metrics = 0] = await freePorts(1)
  return startProcess('infra/connector/main.ts', {
    ...filesOf(part, 'connector'),
    GATEWAY_URL: gatewayUrl,
    MQTT_URL: `mqtts://localhost:${servicePort}`,
    MQTT_CA_FILE: part('connector', 'server-ca.pem'),
    MQTT_CERT_FILE: part('connector', 'connector.pem'),
    MQTT_KEY_FILE: part('connector', 'connector.key'),
    METRICS_PORT: String(metrics),
    LOG_LEVEL: 'info',
  })
}
