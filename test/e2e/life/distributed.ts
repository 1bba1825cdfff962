// Muster with its parts apart: PostgreSQL by URL, Mosquitto 2 with the broker agent, an S3 server; each a process of its own.
import { spawn, type ChildProcess } from 'node:child_process'
import { appendFileSync, mkdirSync } from 'node:fs'
import { connect } from 'node:net'
import path from 'node:path'
import { exitOf, runOk } from '../../support/exec.ts'
import { Muster, ROOT } from '../../support/muster.ts'
import { freePorts } from '../../support/ports.ts'
import { cloneDatabase } from '../../support/postgres.ts'
import { until } from '../../support/until.ts'
import { startMinio, startVersitygw } from '../../support/s3.ts'

const NODE = process.execPath

/** Files that Mosquitto and its clients need, made by `muster ca` as an operator would. */
async function certificates(muster: Muster, broker: string): Promise<void> {
  const data = path.join(muster.data, 'muster')
  const ca = (...args: string[]) =>
    runOk(path.join(ROOT, 'muster'), ['ca', ...args, '--data', data])
  await ca('init')
  mkdirSync(broker, { recursive: true })
  await ca('issue', 'server', 'localhost', '--out', path.join(broker, 'server'))
  for (const name of ['connector', 'broker-agent']) {
    await ca('issue', 'service', name, '--out', path.join(broker, name))
  }
  await runOk('cp', [path.join(broker, 'connector-ca.pem'), path.join(broker, 'service-ca.pem')])
}

function background(
  command: string,
  args: string[],
  env: Record<string, string>,
  quiet = false,
): ChildProcess {
  const child = spawn(command, args, {
    cwd: ROOT,
    env: { ...process.env, ...env },
    stdio: ['ignore', quiet ? 'ignore' : 'inherit', quiet ? 'ignore' : 'inherit'],
  })
  return child
}

async function ends(child: ChildProcess | undefined, signal: NodeJS.Signals): Promise<void> {
  if (child === undefined || child.exitCode !== null) return
  const gone = exitOf(child)
  child.kill(signal)
  await gone
}

async function listens(port: number): Promise<boolean> {
  const socket = connect(port, 'localhost')
  const { promise, resolve } = Promise.withResolvers<boolean>()
  socket.once('connect', () => resolve(true)).once('error', () => resolve(false))
  const there = await promise
  socket.destroy()
  return there
}

/** What is there already, and is not started here. */
export interface GivenParts {
  readonly databaseUrl?: string | undefined
  readonly s3?:
    | { readonly endpoint: string; readonly accessKey: string; readonly secretKey: string }
    | undefined
}

// MinIO is built by `npm run test:full` alone.
const FULL = process.env['MUSTER_TEST_FULL'] === '1'

/** Everything a device's life needs, apart; disposed, all processes are gone. */
export class Distributed implements AsyncDisposable {
  readonly muster: Muster
  /** Where service accounts connect. */
  readonly servicePort: number
  readonly #broker: string
  readonly #env: Record<string, string>
  readonly #stack = new AsyncDisposableStack()
  #mosquitto: ChildProcess | undefined
  #agent: ChildProcess | undefined

  private constructor(
    muster: Muster,
    servicePort: number,
    broker: string,
    env: Record<string, string>,
  ) {
    this.muster = muster
    this.servicePort = servicePort
    this.#broker = broker
    this.#env = env
  }

  static async create(given: GivenParts = {}): Promise<Distributed> {
    const stack = new AsyncDisposableStack()
    const database = given.databaseUrl
      ? { url: given.databaseUrl }
      : stack.use(await cloneDatabase())
    const s3 = given.s3 ?? stack.use(await (FULL ? startMinio : startVersitygw)())
    const [devicePort = 0, servicePort = 0] = await freePorts(2)
    const muster = stack.use(await Muster.create())
    const broker = path.join(muster.data, 'broker')
    await certificates(muster, broker)
    const common = {
      DATABASE_URL: database.url,
      MQTT_URL: `mqtts://localhost:${servicePort}`,
      MQTT_CA_FILE: path.join(broker, 'server-ca.pem'),
      MQTT_PUBLIC_URL: `mqtts://localhost:${devicePort}`,
    }
    Object.assign(muster.env, common, {
      MQTT_CERT_FILE: path.join(broker, 'connector.pem'),
      MQTT_KEY_FILE: path.join(broker, 'connector.key'),
      S3_ENDPOINT: s3.endpoint,
      S3_ACCESS_KEY: s3.accessKey,
      S3_SECRET_KEY: s3.secretKey,
    })
    muster.mqttsPort = devicePort
    const world = new Distributed(muster, servicePort, broker, {
      ...common,
      BROKER_FOLDER: broker,
      MQTTS_PORT: String(devicePort),
      MQTT_CERT_FILE: path.join(broker, 'broker-agent.pem'),
      MQTT_KEY_FILE: path.join(broker, 'broker-agent.key'),
      LOG_LEVEL: 'warn',
    })
    world.#stack.use(stack)
    return world
  }

  /** Starts Muster, which makes the authorities known, and the broker as soon as they are. */
  async start(): Promise<void> {
    const ready = this.muster.start()
    ready.catch(() => undefined) // awaited below
    await until('the broker prepared', async () => this.#prepare())
    this.startMosquitto()
    this.startAgent()
    await ready
  }

  async #prepare(): Promise<boolean> {
    const args = ['infra/broker/main.ts', 'prepare']
    const child = background(NODE, args, this.#env, true) // until there is a CRL
    if ((await exitOf(child)) !== 0) return false
    // Started by root it would become user mosquitto, who cannot enter a test's folder.
    if (process.getuid?.() === 0) {
      appendFileSync(path.join(this.#broker, 'mosquitto.conf'), 'user root\n')
    }
    return true
  }

  startMosquitto(): void {
    this.#mosquitto = background(
      'mosquitto',
      ['-c', path.join(this.#broker, 'mosquitto.conf')],
      {},
      true,
    )
  }

  startAgent(): void {
    this.#agent = background(NODE, ['infra/broker/main.ts'], this.#env)
  }

  /** Kills the broker and takes what it kept; it comes back empty. */
  async loseBroker(): Promise<void> {
    await ends(this.#mosquitto, 'SIGKILL')
    await runOk('rm', ['-f', path.join(this.#broker, 'data', 'mosquitto.db')])
    this.startMosquitto()
    await until('the broker listens', () => listens(this.muster.mqttsPort))
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.muster.end('SIGTERM')
    await ends(this.#agent, 'SIGTERM')
    await ends(this.#mosquitto, 'SIGTERM')
    await this.#stack.disposeAsync()
  }
}
