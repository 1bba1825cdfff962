// A real HAProxy of the test's own with infra/edge/haproxy.cfg: Debian's, or the one that MUSTER_HAPROXY names.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { blocksOf, fillBlocks } from '../../infra/edge/blocks.ts'
import { writeEdgeFiles, type EdgeState } from '../../infra/edge/files.ts'
import { ask } from '../../infra/edge/runtime.ts'
import type { Route } from '../../shared/http/route.ts'
import { freePorts } from './ports.ts'
import { until } from './until.ts'

const BINARY = process.env['MUSTER_HAPROXY'] ?? '/usr/sbin/haproxy'
const probe = spawnSync(BINARY, ['-vv'], { encoding: 'utf8' })

export const hasHaproxy = probe.status === 0
/** Version and library, as it says them itself. */
export const haproxyVersion = [/version \S+/, /Running on OpenSSL version : .*/]
  .map((line) => line.exec(probe.stdout ?? '')?.[0] ?? '')
  .join(', ')
/** Whether it is older than 3.0. */
export const isOld = /version [12]\./.test(haproxyVersion)

export interface HaproxyOptions {
  /** Absent: the files are there already. */
  readonly state?: EdgeState
  /** Routes other than those of infra/routes.yml. */
  readonly routes?: readonly Route[]
  readonly env?: Readonly<Record<string, string>>
  /** Changes of the configuration, such as shorter times. */
  readonly edit?: (text: string) => string
  readonly folder?: string
  /** Any free one, unless given. */
  readonly port?: number
}

export interface Haproxy extends AsyncDisposable {
  readonly port: number
  readonly metricsPort: number
  /** Files and sockets. */
  readonly folder: string
  /** Of the master. */
  readonly pid: number
  /** Lines of its log so far. */
  readonly lines: string[]
  admin(command: string): Promise<string>
  reload(): Promise<string>
}

export function newFolder(): string {
  return mkdtempSync(path.join(tmpdir(), 'haproxy-'))
}

async function configuration({ routes, edit }: HaproxyOptions): Promise<string> {
  const text = await readFile(new URL('../../infra/edge/haproxy.cfg', import.meta.url), 'utf8')
  const filled = routes ? fillBlocks(text, blocksOf(routes)) : text
  return edit ? edit(filled) : filled
}

export async function startHaproxy(options: HaproxyOptions): Promise<Haproxy> {
  const folder = options.folder ?? newFolder()
  const [free = 0, metricsPort = 0] = await freePorts(2)
  const { port = free } = options
  if (options.state) await writeEdgeFiles(folder, options.state)
  const file = path.join(folder, 'haproxy.cfg')
  writeFileSync(file, await configuration(options))
  const { PATH = '' } = process.env
  const env = {
    PATH,
    EDGE_BIND: `127.0.0.1:${port}`,
    EDGE_METRICS_BIND: `127.0.0.1:${metricsPort}`,
    EDGE_FOLDER: folder,
    EDGE_RUN: folder,
    EDGE_CONNECTIONS: '2000',
    ...options.env,
  }
  const master = path.join(folder, 'master.sock')
  const args = ['--pdeathsig', 'KILL', BINARY, '-W', '-S', master, '-f', file]
  const child = spawn('setpriv', args, { env, stdio: ['ignore', 'pipe', 'pipe'] })
  const lines: string[] = []
  const said: string[] = []
  child.stdout.on('data', (chunk: Buffer) => lines.push(...chunk.toString().split('\n')))
  child.stderr.on('data', (chunk: Buffer) => said.push(chunk.toString()))
  const exited = once(child, 'exit')
  const admin = (command: string) => ask(path.join(folder, 'admin.sock'), command)
  await until('HAProxy runs', async () => {
    if (child.exitCode !== null) throw new Error(`HAProxy: ${said.join('')}`)
    return admin('show info').then(
      () => true,
      () => false,
    )
  })
  return {
    port,
    metricsPort,
    folder,
    pid: child.pid ?? 0,
    lines,
    admin,
    reload: () => ask(master, 'reload'),
    [Symbol.asyncDispose]: async () => {
      child.kill('SIGTERM')
      await exited
      rmSync(folder, { recursive: true, force: true })
    },
  }
}
