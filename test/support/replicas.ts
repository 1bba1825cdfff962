// Functions behind the gateway's stand-in: each replica is the watchdog's stand-in and the function's bundle, two processes with
// ports of their own that start and end together, as in a container.
import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import type { Deployed, Deployment, Provider } from './gateway-stand-in/provider.ts'
import { freePorts } from './ports.ts'
import { startProcess, type Running } from './processes.ts'
import { until } from './until.ts'

/** How long a gateway goes on sending calls to a replica that was told to stop; shorter than the watchdog's interval. */
const LAG_MS = 300
const READY_SECONDS = 40
/** Before a replica that died is started again. */
const AGAIN_MS = 50

const WATCHDOG: Readonly<Record<string, string>> = {
  mode: 'http',
  ready_path: '/ready',
  healthcheck_interval: '1s',
  exec_timeout: '60s',
  read_timeout: '60s',
  write_timeout: '60s',
  prefix_logs: 'false',
}

type Env = Readonly<Record<string, string>>

/** One replica, started again with the same address whenever it dies unasked, like a container of a pod. */
export class Replica {
  endpoint = ''
  /** Deaths that nobody asked for by `stop`. */
  deaths = 0
  readonly ready: Promise<void>
  readonly #file: string
  readonly #env: Env
  readonly #stop = new AbortController()
  readonly #done: Promise<void>
  #running: Running | undefined

  constructor(file: string, env: Env) {
    this.#file = file
    this.#env = env
    const ready = Promise.withResolvers<void>()
    this.ready = ready.promise
    this.ready.catch(() => undefined)
    this.#done = this.#run(ready.resolve).catch(ready.reject)
  }

  get pid(): number {
    return this.#running?.pid ?? 0
  }

  get isStopping(): boolean {
    return this.#stop.signal.aborted
  }

  async #run(ready: () => void): Promise<void> {
    let wasReady = false
    let ports: number[] = []
    while (!this.isStopping) {
      // Ports that somebody took meanwhile are found out before the first readiness.
      if (!wasReady) ports = await freePorts(4)
      const running = this.#start(ports)
      this.#running = running
      if (!wasReady) wasReady = await this.#isReady(running)
      if (wasReady) ready()
      await running.exited
      if (this.isStopping) return
      this.deaths += 1
      await sleep(AGAIN_MS)
    }
  }

  #start([front = 0, frontMetrics = 0, port = 0, metrics = 0]: readonly number[]): Running {
    this.endpoint = `127.0.0.1:${front}`
    return startProcess('dist/watchdog/index.mjs', {
      ...WATCHDOG,
      ...this.#env,
      port: String(front),
      metrics_port: String(frontMetrics),
      PORT: String(port),
      METRICS_PORT: String(metrics),
      http_upstream_url: `http://127.0.0.1:${port}`,
      // Killed, a container takes all of its processes with it.
      fprocess: `setpriv --pdeathsig KILL ${process.execPath} ${this.#file}`,
    })
  }

  async #isReady(running: Running): Promise<boolean> {
    const url = `http://${this.endpoint}/_/ready`
    const look = async () => {
      if (!running.alive) return 'gone'
      const answer = await fetch(url, { signal: AbortSignal.timeout(2000) }).catch(() => undefined)
      await answer?.arrayBuffer()
      return answer?.ok === true && 'ready'
    }
    return (await until(`${this.#file} ready`, look, READY_SECONDS)) === 'ready'
  }

  /** `kill -9`, of watchdog and function. */
  async kill(): Promise<void> {
    await this.#running?.kill('SIGKILL')
  }

  /** SIGTERM; fulfilled when it has ended by itself. */
  async stop(): Promise<void> {
    this.#stop.abort()
    await this.#running?.kill('SIGTERM')
    await this.#done
  }
}

class RunningFunction {
  deployment: Deployment
  replicas: Replica[] = []
  wanted = 0
  readonly #start: (deployment: Deployment) => Replica
  readonly #open: Replica[] = []
  #work: Promise<void> = Promise.resolve()

  constructor(deployment: Deployment, start: (deployment: Deployment) => Replica) {
    this.deployment = deployment
    this.#start = start
  }

  /** All that was asked for is done. */
  get settled(): Promise<void> {
    return this.#work
  }

  get endpoints(): string[] {
    return this.#open.map(({ endpoint }) => endpoint)
  }

  #then(work: () => Promise<void>): void {
    this.#work = this.#work.then(work)
    this.#work.catch(() => undefined) // whoever waits for `settled` hears it
  }

  scale(replicas: number): void {
    this.wanted = replicas
    this.#then(async () => {
      const more = Array.from({ length: replicas - this.replicas.length }, () => this.#add())
      const less = this.replicas.slice(replicas)
      await Promise.all([...more, ...less.map((each) => this.#take(each))])
    })
  }

  /** Each replica is replaced after a new one is ready. */
  replace(deployment: Deployment): void {
    this.deployment = deployment
    this.#then(async () => {
      for (const old of [...this.replicas]) {
        await this.#add()
        await this.#take(old)
      }
    })
  }

  async #add(): Promise<void> {
    const replica = this.#start(this.deployment)
    this.replicas.push(replica)
    await replica.ready
    this.#open.push(replica)
  }

  /** It is told to stop at once, and the gateway hears of it a little later. */
  async #take(replica: Replica): Promise<void> {
    const stopped = replica.stop()
    await sleep(LAG_MS)
    for (const list of [this.#open, this.replicas]) {
      const at = list.indexOf(replica)
      if (at !== -1) list.splice(at, 1)
    }
    await stopped
  }
}

export interface ReplicasOptions {
  /** Where secrets lie as files. */
  readonly folder: string
  /** What a function gets besides what its deployment says. */
  readonly env?: Env
}

export class Replicas implements Provider, AsyncDisposable {
  readonly secrets = new Map<string, Buffer>()
  readonly #functions = new Map<string, RunningFunction>()
  readonly #gone: Promise<void>[] = []
  readonly #options: ReplicasOptions

  constructor(options: ReplicasOptions) {
    this.#options = options
  }

  list(): Deployed[] {
    return [...this.#functions.values()].map(({ deployment, wanted, endpoints }) => {
      return Object.assign({ replicas: wanted, available: endpoints.length }, deployment)
    })
  }

  endpoints(name: string): readonly string[] | undefined {
    return this.#functions.get(name)?.endpoints
  }

  deploy(deployment: Deployment): boolean {
    if (this.#functions.has(deployment.service)) return false
    const made = new RunningFunction(deployment, (each) => this.#start(each))
    this.#functions.set(deployment.service, made)
    made.scale(Number(deployment.labels['com.openfaas.scale.min'] ?? 1))
    return true
  }

  update(deployment: Deployment): boolean {
    const found = this.#functions.get(deployment.service)
    found?.replace(deployment)
    return found !== undefined
  }

  scale(name: string, replicas: number): boolean {
    const found = this.#functions.get(name)
    found?.scale(replicas)
    return found !== undefined
  }

  remove(name: string): boolean {
    const found = this.#functions.get(name)
    this.#functions.delete(name)
    found?.scale(0)
    if (found) this.#gone.push(found.settled)
    return found !== undefined
  }

  replicasOf(name: string): readonly Replica[] {
    return this.#functions.get(name)?.replicas ?? []
  }

  /** What was asked for is done; the first error otherwise. */
  async settled(): Promise<void> {
    await Promise.all([...this.#functions.values()].map((each) => each.settled))
  }

  #start({ service, image, envVars, secrets }: Deployment): Replica {
    const name = /([^/:]+)(?::[^/]*)?$/.exec(image)?.[1] ?? service
    const files = secrets.map((secret) => [variableOf(secret, service), this.#file(secret)])
    const env = { ...this.#options.env, ...envVars, ...Object.fromEntries(files) }
    return new Replica(`dist/${name}/index.mjs`, env)
  }

  // A process sees no mount of its own: it is told of each secret's file instead.
  #file(secret: string): string {
    mkdirSync(this.#options.folder, { recursive: true, mode: 0o700 })
    const file = path.join(this.#options.folder, secret)
    writeFileSync(file, this.secrets.get(secret) ?? '', { mode: 0o600 })
    return file
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#functions.values()].flatMap(({ replicas }) => replicas)
    await Promise.all(
      all.map(async (replica) => {
        const stopped = replica.stop()
        await replica.kill()
        await stopped
      }),
    )
    await Promise.allSettled(this.#gone)
  }
}

/** `hop-keys-register` of `register` is HOP_KEYS_FILE. */
function variableOf(secret: string, service: string): string {
  const own = `-${service}`
  const name = secret.endsWith(own) ? secret.slice(0, -own.length) : secret
  return `${name.toUpperCase().replaceAll('-', '_')}_FILE`
}
