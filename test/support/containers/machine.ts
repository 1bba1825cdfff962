// A machine of the test's own for containers: a network namespace with nothing but its loopback, and a containerd beside the system's.
// Everything in it is gone when it is disposed, whatever happened before.
import { spawn, type ChildProcess } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exitOf, run, runOk } from '../exec.ts'
import { until } from '../until.ts'

const BINARIES = ['/usr/bin/ctr', '/usr/bin/containerd', '/usr/sbin/runc', '/usr/sbin/ip']

/** Whether containers can be run here: by root, with Debian's containerd. */
export const hasContainers = process.getuid?.() === 0 && BINARIES.every((file) => existsSync(file))

const NAMESPACE = 'muster'
// containerd's own supervisor looks once a second, not each ten.
const configuration = (folder: string) => `version = 2
root = "${folder}/root"
state = "${folder}/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
  address = "${folder}/c.sock"
[plugins."io.containerd.internal.v1.restart"]
  interval = "1s"
`

export interface ContainerOptions {
  readonly env?: Readonly<Record<string, string>>
  /** Folders and files of this machine by their place in the container; read-only unless `writable`. */
  readonly mounts?: Readonly<Record<string, string>>
  readonly writable?: Readonly<Record<string, string>>
  readonly memoryBytes?: number
  /** Whether it is started again when it ends. */
  readonly restart?: boolean
  readonly command?: readonly string[]
}

export class ContainerMachine implements AsyncDisposable {
  readonly folder: string
  readonly #name: string
  readonly #children: ChildProcess[] = []
  readonly #containers = new Set<string>()

  private constructor(folder: string) {
    this.folder = folder
    this.#name = `muster-${path.basename(folder).slice(-6)}`
  }

  static async start(): Promise<ContainerMachine> {
    const machine = new ContainerMachine(mkdtempSync(path.join(tmpdir(), 'muster-c-')))
    try {
      await machine.#start()
    } catch (error) {
      await machine[Symbol.asyncDispose]()
      throw error
    }
    return machine
  }

  async #start(): Promise<void> {
    await runOk('ip', ['netns', 'add', this.#name])
    await runOk('ip', ['-n', this.#name, 'link', 'set', 'lo', 'up'])
    const file = path.join(this.folder, 'config.toml')
    writeFileSync(file, configuration(this.folder))
    this.#spawn('containerd', ['-c', file, '-l', 'error'])
    await until('containerd answers', async () => (await this.ctr('version')).code === 0)
  }

  /** Starts a process which ends with this one. */
  #spawn(command: string, args: readonly string[]): ChildProcess {
    const child = spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], {
      stdio: [
        'ignore',
        'pipe',
        process.env['MUSTER_TEST_LOG'] === undefined ? 'ignore' : 'inherit',
      ],
    })
    this.#children.push(child)
    return child
  }

  /** Starts a process in the namespace. */
  spawnInside(command: string, args: readonly string[]): ChildProcess {
    return this.#spawn('nsenter', [`--net=/run/netns/${this.#name}`, command, ...args])
  }

  ctr(...args: readonly string[]) {
    return run('ctr', ['-a', path.join(this.folder, 'c.sock'), '-n', NAMESPACE, ...args])
  }

  async #ctrOk(...args: readonly string[]): Promise<string> {
    const { code, stdout, stderr } = await this.ctr(...args)
    if (code !== 0) throw new Error(`ctr ${args.slice(0, 2).join(' ')}: ${stderr}`)
    return stdout
  }

  /** Loads an archive of images and unpacks them. */
  async load(archive: string): Promise<void> {
    await this.#ctrOk('images', 'import', archive)
  }

  #arguments(image: string, id: string, options: ContainerOptions): string[] {
    const { env = {}, mounts = {}, writable = {}, memoryBytes, command = [] } = options
    const mount = (at: string, from: string, right: string) => [
      ...['--mount', `type=bind,src=${from},dst=${at},options=rbind:${right}`],
    ]
    return [
      '--read-only',
      ...['--with-ns', `network:/run/netns/${this.#name}`],
      ...['--mount', 'type=tmpfs,src=tmpfs,dst=/tmp,options=nosuid:nodev'],
      ...(memoryBytes === undefined ? [] : ['--memory-limit', String(memoryBytes)]),
      ...Object.entries(env).flatMap(([name, value]) => ['--env', `${name}=${value}`]),
      ...Object.entries(mounts).flatMap(([at, from]) => mount(at, from, 'ro')),
      ...Object.entries(writable).flatMap(([at, from]) => mount(at, from, 'rw')),
      ...[image, id, ...command],
    ]
  }

  /** Runs a container to its end; what it wrote. */
  async runToEnd(image: string, id: string, options: ContainerOptions): Promise<string> {
    return this.#ctrOk('run', '--rm', ...this.#arguments(image, id, options))
  }

  /** Starts a container, with a read-only root, as the image's user. */
  async start(image: string, id: string, options: ContainerOptions = {}): Promise<void> {
    this.#containers.add(id)
    const logs = path.join(this.folder, 'logs')
    mkdirSync(logs, { recursive: true })
    const log = `file://${logs}/${id}.log`
    const supervised = options.restart
      ? [
          '--label',
          'containerd.io/restart.status=running',
          '--label',
          `containerd.io/restart.loguri=${log}`,
        ]
      : []
    await this.#ctrOk(
      ...['run', '-d', '--log-uri', log, ...supervised],
      ...this.#arguments(image, id, options),
    )
  }

  log(id: string): string {
    return readFileSync(path.join(this.folder, 'logs', `${id}.log`), 'utf8')
  }

  /** The first process of a container; 0 while there is none. */
  async pid(id: string): Promise<number> {
    const listed = await this.#ctrOk('tasks', 'ls')
    const line = listed.split('\n').find((each) => each.startsWith(`${id} `))
    const [, pid = '0', state] = line?.split(/ +/) ?? []
    return state === 'RUNNING' ? Number(pid) : 0
  }

  /** Asks a port of the namespace. */
  fetch(
    port: number,
    target: string,
    options: { method?: string; headers?: Record<string, string>; body?: Buffer } = {},
  ): Promise<{ status: number; body: string }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; body: string }>()
    const { method = 'GET', headers = {}, body } = options
    const asked = request({ socketPath: this.socket(port), path: target, method, headers })
    asked.once('error', reject).once('response', (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', reject)
      response.on('end', () =>
        resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }),
      )
    })
    asked.end(body)
    return promise
  }

  /** The Unix socket that leads to a port of the namespace. */
  socket(port: number): string {
    return path.join(this.folder, 'ports', `${port}.sock`)
  }

  async stop(id: string): Promise<void> {
    await this.ctr('container', 'label', id, 'containerd.io/restart.status=stopped')
    await this.ctr('tasks', 'kill', '-s', 'SIGKILL', id)
    await until(
      `${id} has ended`,
      async () =>
        (await this.ctr('tasks', 'rm', '-f', id)).code !== 0 || (await this.pid(id)) === 0,
      5,
    )
    await this.ctr('containers', 'rm', id)
    this.#containers.delete(id)
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const id of this.#containers) await this.stop(id).catch(() => undefined)
    for (const child of this.#children.toReversed()) {
      if (child.exitCode !== null || child.signalCode !== null) continue
      const gone = exitOf(child)
      child.kill('SIGTERM')
      await gone
    }
    await run('ip', ['netns', 'delete', this.#name])
    rmSync(this.folder, { recursive: true, force: true })
  }
}
