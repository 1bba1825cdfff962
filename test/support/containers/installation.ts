// Muster as its images in containers: set up by the tools' image, each function with its own secrets, memory and port.
import { chownSync, mkdirSync } from 'node:fs'
import { once } from 'node:events'
import { connect } from 'node:net'
import { writeFile } from 'node:fs/promises'
import path from 'node:path'
import { writeArchive } from '../../../infra/image/archive.ts'
import { buildImages } from '../../../infra/image/build.ts'
import type { TestDatabase } from '../postgres.ts'
import { until } from '../until.ts'
import type { ContainerMachine, ContainerOptions } from './machine.ts'

const NODE = '/usr/bin/node'
const OWNER = 1000
const MIB = 2 ** 20
// The start of a container is a figure.
const LOOK_MS = 5
export const SECRETS = '/var/openfaas/secrets'
export const FUNCTIONS = ['enroll', 'pki', 'register', 'shadow-update', 'compute-delta'] as const
export const GATEWAY_PORT = 8080
export const DEVICE_PORT = 8883
const SERVICE_PORT = 8884
const METRICS_PORT = 9400

/** Where the watchdog of the n-th function listens. */
export const portOf = (name: string): number => 9000 + FUNCTIONS.findIndex((each) => each === name)
const image = (name: string) => `docker.io/muster/${name}:0.1.0`

export class ContainedInstallation {
  readonly machine: ContainerMachine
  readonly #database: TestDatabase
  readonly #data: string

  constructor(machine: ContainerMachine, database: TestDatabase) {
    this.machine = machine
    this.#database = database
    this.#data = path.join(machine.folder, 'data')
  }

  part(name: string): string {
    return path.join(this.#data, 'parts', name)
  }

  /** The database's socket, which any user of a container may connect to. */
  #socket(): Record<string, string> {
    const folder = new URL(this.#database.url.replace('@/', '@x/')).searchParams.get('host') ?? ''
    return { '/run/postgresql/.s.PGSQL.5432': path.join(folder, '.s.PGSQL.5432') }
  }

  /** Builds the images, loads them, makes secrets and database ready, and opens the ports. */
  async prepare(): Promise<void> {
    const built = await buildImages([...FUNCTIONS, 'connector', 'broker', 'tools'])
    const archive = path.join(this.machine.folder, 'images.tar')
    await writeFile(archive, writeArchive(built.map((each) => each.image)))
    await this.machine.load(archive)
    mkdirSync(this.#data)
    chownSync(this.#data, OWNER, OWNER)
    const place = `/${this.#database.name}?host=%2Frun%2Fpostgresql`
    const named = ['--database', place, '--broker', '127.0.0.1']
    await this.#setup('secrets', ['--parts', '/data/parts', ...named])
    await this.#setup('database', [])
    await this.#openPorts()
  }

  async #setup(verb: string, args: readonly string[]): Promise<void> {
    await this.machine.runToEnd(image('tools'), `setup-${verb}`, {
      command: [NODE, 'setup.mjs', verb, ...args],
      mounts: this.#socket(),
      writable: { '/data': this.#data },
      env: {
        MUSTER_DATA: '/data/keys',
        PUBLIC_NAMES: 'localhost',
        DISK_FREE_MIN_BYTES: '1',
        ...(verb === 'database' && {
          DATABASE_URL: `postgres://postgres@/${this.#database.name}?host=%2Frun%2Fpostgresql`,
        }),
      },
    })
  }

  async #openPorts(): Promise<void> {
    const folder = path.join(this.machine.folder, 'ports')
    mkdirSync(folder)
    const ports = [GATEWAY_PORT, DEVICE_PORT, SERVICE_PORT, METRICS_PORT, ...FUNCTIONS.map(portOf)]
    const child = this.machine.spawnInside(process.execPath, [
      new URL('inside.ts', import.meta.url).pathname,
      folder,
      ports.join(','),
      ...FUNCTIONS.map((name) => `${name}=${portOf(name)}`),
    ])
    if (child.stdout !== null) await once(child.stdout, 'data')
  }

  /** Starts a function behind its watchdog, with 192 MiB and its own secrets; the milliseconds until it is ready. */
  async startFunction(name: string, options: ContainerOptions = {}): Promise<number> {
    const port = portOf(name)
    const started = performance.now()
    await this.machine.start(image(name), name, {
      memoryBytes: 192 * MIB,
      restart: true,
      mounts: { [SECRETS]: this.part(name), ...this.#socket() },
      ...options,
      env: {
        port: String(port),
        metrics_port: String(port + 100),
        PORT: String(port + 200),
        http_upstream_url: `http://127.0.0.1:${port + 200}`,
        METRICS_PORT: String(port + 300),
        GATEWAY_URL: `http://127.0.0.1:${GATEWAY_PORT}`,
        ...options.env,
      },
    })
    await until(`${name} is ready`, () => this.isReady(name), 30, LOOK_MS)
    return performance.now() - started
  }

  async isReady(name: string): Promise<boolean> {
    const answer = await this.machine.fetch(portOf(name), '/_/ready').catch(() => undefined)
    return answer?.status === 200
  }

  /** Starts connector and broker, and waits until devices can connect. */
  async startDelivery(): Promise<void> {
    await this.machine.start(image('connector'), 'connector', {
      memoryBytes: 192 * MIB,
      restart: true,
      mounts: { [SECRETS]: this.part('connector'), ...this.#socket() },
      env: {
        MQTT_URL: `mqtts://127.0.0.1:${SERVICE_PORT}`,
        MQTT_CA_FILE: `${SECRETS}/server-ca.pem`,
        MQTT_CERT_FILE: `${SECRETS}/connector.pem`,
        MQTT_KEY_FILE: `${SECRETS}/connector.key`,
        GATEWAY_URL: `http://127.0.0.1:${GATEWAY_PORT}`,
        METRICS_PORT: String(METRICS_PORT),
      },
    })
    const folder = '/var/lib/muster/broker'
    await this.machine.start(image('broker'), 'broker', {
      memoryBytes: 256 * MIB,
      restart: true,
      mounts: this.#socket(),
      writable: { [folder]: this.part('broker') },
      env: {
        DATABASE_URL_FILE: `${folder}/database-url`,
        MQTT_URL: `mqtts://127.0.0.1:${SERVICE_PORT}`,
        MQTT_CA_FILE: `${folder}/server-ca.pem`,
        MQTT_CERT_FILE: `${folder}/broker-agent.pem`,
        MQTT_KEY_FILE: `${folder}/broker-agent.key`,
      },
    })
    await until('the broker listens', () => this.#listens(DEVICE_PORT), 60)
    await until('the connector holds its slots', () => this.#holdsSlots(), 60)
  }

  /** The way out of the namespace is closed at once where nobody listens at its end. */
  #listens(port: number): Promise<boolean> {
    const { promise, resolve } = Promise.withResolvers<boolean>()
    const socket = connect(this.machine.socket(port))
    const timer = setTimeout(() => resolve(true), 300)
    socket.once('error', () => resolve(false)).once('close', () => resolve(false))
    return promise.finally(() => {
      clearTimeout(timer)
      socket.destroy()
    })
  }

  async #holdsSlots(): Promise<boolean> {
    const [row] = await this.#database.db.unnamed<{ held: boolean }>(
      'slots_held',
      `select count(*) > 0 and bool_and(lease_until > now()) held from connector_slots`,
      [],
    )
    return row?.held === true
  }
}
