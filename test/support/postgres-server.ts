// A PostgreSQL of Debian's with a port of its own on loopback, whose files outlive it: to be killed, promoted, archived and restored.
import { spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { appendFileSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { asUser, initdb, untilReady } from './cluster.ts'
import { runOk } from './exec.ts'
import { freePorts } from './ports.ts'

export const DEBIAN_15 = '/usr/lib/postgresql/15/bin'
export const hasDebian15 = existsSync(`${DEBIAN_15}/pg_basebackup`)

const SETTINGS = [
  'fsync=off',
  `shared_buffers='64MB'`,
  'max_connections=150',
  `listen_addresses='127.0.0.1'`,
  'log_min_messages=panic',
  'wal_receiver_status_interval=1',
  `wal_retrieve_retry_interval='200ms'`,
]

export interface PostgresServer extends AsyncDisposable {
  readonly port: number
  readonly data: string
  readonly url: (database: string, user?: string) => string
  /** Stops it where it is, as a machine that is cut off: connections stay, nothing answers. Until it is stopped. */
  freeze(): void
  /** Ends it: `SIGKILL` as a machine that loses power, else orderly. */
  stop(signal?: 'SIGKILL' | 'SIGINT'): Promise<void>
}

export interface ServerOptions {
  /** Files of before, such as a base backup; else a new cluster is made. */
  readonly data?: string
  /** Lines of a new cluster's postgresql.conf. */
  readonly settings?: readonly string[]
}

/** A folder for files of servers and backups, gone when disposed. */
export function scratchFolder(): Disposable & { readonly path: string } {
  const folder = mkdtempSync(path.join(tmpdir(), 'mps-'))
  return { path: folder, [Symbol.dispose]: () => rmSync(folder, { recursive: true, force: true }) }
}

/** Runs one of PostgreSQL's programs as the user that its servers run as. */
export async function runTool(name: string, args: readonly string[]): Promise<void> {
  const [command = '', ...rest] = [...asUser, path.join(DEBIAN_15, name), ...args]
  await runOk(command, rest)
}

export async function startServer(
  folder: string,
  options: ServerOptions = {},
): Promise<PostgresServer> {
  const [port = 0] = await freePorts(1)
  const data = options.data ?? path.join(folder, `data-${port}`)
  if (options.data === undefined) {
    initdb(DEBIAN_15, data, '')
    // In its file, so that backups and standbys have them too.
    const settings = [...SETTINGS, ...(options.settings ?? [])]
    appendFileSync(path.join(data, 'postgresql.conf'), `${settings.join('\n')}\n`)
  }
  const args = [
    ...asUser,
    'setpriv',
    '--pdeathsig',
    'INT',
    path.join(DEBIAN_15, 'postgres'),
    '-D',
    data,
    '-k',
    folder,
    '-p',
    String(port),
  ]
  const child = spawn('/usr/bin/env', args, { stdio: ['ignore', 'ignore', 'inherit'] })
  const gone = once(child, 'exit')
  const url = (database: string, user = 'postgres') =>
    `postgres://${user}@127.0.0.1:${port}/${database}`
  let frozen = false
  const stop = async (signal: 'SIGKILL' | 'SIGINT' = 'SIGINT') => {
    if (child.exitCode !== null || child.signalCode !== null) return
    // Backends and the postmaster's other children die with it at once: they are in its process group.
    if (signal === 'SIGKILL' || frozen) signalTree(child.pid ?? 0, 'SIGKILL')
    else child.kill(signal)
    await gone
  }
  await untilReady(url('postgres'))
  const freeze = () => {
    signalTree(child.pid ?? 0, 'SIGSTOP')
    frozen = true
  }
  return { port, data, url, freeze, stop, [Symbol.asyncDispose]: () => stop() }
}

/** Signals a postmaster and its children at once. */
function signalTree(pid: number, signal: 'SIGKILL' | 'SIGSTOP'): void {
  const { stdout } = spawnSync('ps', ['-o', 'pid=', '--ppid', String(pid)], { encoding: 'utf8' })
  const children = stdout.trim().split(/\s+/).filter(Boolean).map(Number)
  process.kill(pid, signal)
  for (const child of children) {
    try {
      process.kill(child, signal)
    } catch {
      // It ended by itself meanwhile.
    }
  }
}

/** A standby of a primary, by a base backup over the replication protocol. */
export async function startStandby(
  folder: string,
  primary: PostgresServer,
): Promise<PostgresServer> {
  const data = path.join(folder, `standby-of-${primary.port}`)
  const from = `${primary.url('')}?application_name=standby`
  await runTool('pg_basebackup', [
    '-D',
    data,
    '-d',
    from,
    '-R',
    '-X',
    'stream',
    '-c',
    'fast',
    '--no-sync',
  ])
  return startServer(folder, { data })
}
