// A running Muster of the test's own, started as a user does, in a data directory that goes away with it.
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { request } from 'node:https'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { exitOf, run, type Ran } from './exec.ts'
import { freePorts } from './ports.ts'
import { until } from './until.ts'

export const ROOT = path.resolve(import.meta.dirname, '../..')
const READY = /^Ready in /m

export interface ApiAnswer {
  readonly status: number
  readonly headers: Record<string, string | string[] | undefined>
  readonly text: string
  /** The JSON of the answer; undefined when it is none. */
  readonly json: unknown
}

export interface ApiOptions {
  readonly body?: unknown
  readonly type?: string
  readonly headers?: Readonly<Record<string, string>>
  /** PEM of a client certificate (with chain) and its key. */
  readonly certificate?: { readonly cert: string; readonly key: string }
  /** Left out: the operator's token; null: none. */
  readonly token?: string | null
}

export class Muster implements AsyncDisposable {
  readonly data: string
  /** Where devices and operators ask: the embedded edge, or one before the gateway. */
  edgePort: number
  /** Where devices connect: the embedded broker, or one apart. */
  mqttsPort: number
  readonly gatewayPort: number
  readonly env: Record<string, string>
  /** What is started: `npm start`, or another way to run the same. */
  entry = 'infra/start.mjs'
  output = ''
  #child: ChildProcess | undefined
  #exit: Promise<number> | undefined

  private constructor(data: string, ports: readonly number[], env: Record<string, string>) {
    const [edge = 0, mqtts = 0, gateway = 0] = ports
    this.data = data
    this.edgePort = edge
    this.mqttsPort = mqtts
    this.gatewayPort = gateway
    this.env = {
      MUSTER_DATA: path.join(data, 'muster'),
      EDGE_HOST: '127.0.0.1',
      EDGE_PORT: String(edge),
      MQTTS_PORT: String(mqtts),
      GATEWAY_PORT: String(gateway),
      PUBLIC_NAMES: 'localhost',
      LOG_LEVEL: 'warn',
      ...env,
    }
  }

  /** Chooses ports and a directory; nothing runs yet. */
  static async create(env: Record<string, string> = {}): Promise<Muster> {
    return new Muster(mkdtempSync(path.join(tmpdir(), 'muster-')), await freePorts(3), env)
  }

  get url(): string {
    return `https://localhost:${this.edgePort}`
  }

  get caFile(): string {
    return path.join(this.data, 'muster', 'ca.pem')
  }

  get token(): string {
    return readFileSync(path.join(this.data, 'muster', 'operator.token'), 'utf8').trim()
  }

  get pid(): number {
    return this.#child?.pid ?? 0
  }

  /** Starts it and waits for "Ready in". */
  async start(seconds = 60): Promise<void> {
    const child = spawn(process.execPath, [this.entry], {
      cwd: ROOT,
      env: { ...process.env, ...this.env },
      stdio: ['ignore', 'pipe', 'pipe'],
    })
    this.#child = child
    this.#exit = exitOf(child)
    this.output = ''
    const take = (chunk: Buffer) => {
      this.output += chunk.toString()
    }
    child.stdout.on('data', take)
    child.stderr.on('data', take)
    let ended: number | undefined
    this.#exit.then(
      (code) => (ended = code),
      () => (ended = -1),
    )
    await until(
      'Muster ready',
      () => {
        if (ended !== undefined) throw new Error(`Muster ended with ${ended}: ${this.output}`)
        return READY.test(this.output)
      },
      seconds,
    ).catch((error: unknown) => {
      throw new Error(`not ready, it said: ${this.output.slice(-4000)}`, { cause: error })
    })
  }

  /** Sends a signal and waits for the end. */
  async end(signal: NodeJS.Signals): Promise<number> {
    this.#child?.kill(signal)
    const code = (await this.#exit) ?? 0
    this.#child = undefined
    return code
  }

  async restart(signal: NodeJS.Signals = 'SIGKILL'): Promise<void> {
    await this.end(signal)
    await this.start()
  }

  /** Runs `./muster` against this instance. */
  async muster(...args: string[]): Promise<Ran> {
    return run(path.join(ROOT, 'muster'), args, {
      cwd: this.data,
      env: {
        MUSTER_SERVER: this.url,
        MUSTER_CA: this.caFile,
        MUSTER_TOKEN: this.token,
        NO_COLOR: '1',
      },
      seconds: 120,
    })
  }

  /** The command's `--json`; throws unless it ends with 0. */
  async json(...args: string[]): Promise<unknown> {
    const { code, stdout, stderr } = await this.muster(...args, '--json')
    if (code !== 0) throw new Error(`muster ${args.join(' ')}: exit ${code}\n${stdout}${stderr}`)
    return JSON.parse(stdout)
  }

  /** One request to the edge. */
  async api(method: string, target: string, options: ApiOptions = {}): Promise<ApiAnswer> {
    const { body, certificate, token = this.token } = options
    const bytes = body === undefined || typeof body === 'string' ? body : encode(body)
    const { promise, resolve, reject } = Promise.withResolvers<ApiAnswer>()
    const sent = request(
      this.url + target,
      {
        method,
        ca: readFileSync(this.caFile),
        agent: false,
        headers: {
          ...(token !== null && !certificate && { authorization: `Bearer ${token}` }),
          ...(bytes !== undefined && { 'content-type': options.type ?? 'application/json' }),
          ...options.headers,
        },
        ...certificate,
      },
      (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('error', reject)
        response.on('end', () => {
          const text = Buffer.concat(chunks).toString('utf8')
          const { statusCode: status = 0, headers } = response
          resolve({ status, headers, text, json: parse(text) })
        })
      },
    )
    sent.on('error', reject)
    sent.end(bytes)
    return promise
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#child !== undefined) await this.end('SIGTERM')
    rmSync(this.data, { recursive: true, force: true })
  }
}

function encode(body: unknown): string | Buffer {
  return body instanceof Uint8Array ? Buffer.from(body) : JSON.stringify(body)
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
