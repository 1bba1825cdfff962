import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtemp, readFile, realpath, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { Client, DatabaseError } from 'pg'
import {
  asOrdinaryUser,
  clearSocketFolder,
  clearStale,
  endingWithUs,
  explain,
  makeCluster,
  PostgresFault,
  postgresPrograms,
} from './postgres-files.ts'

const DATABASE = 'muster'
const READY_MS = 120_000
const STALE_MS = 15_000
const LOG_BYTES = 16_384
// A socket's path ends at 107 bytes, `/.s.PGSQL.5432` among them.
const SOCKET_FOLDER_BYTES = 90

// One machine with everything on it: little memory, no process that only a large server needs. Durability is untouched.
const SETTINGS = [
  'listen_addresses=',
  'shared_buffers=64MB',
  'max_connections=200',
  'io_method=sync',
  'huge_pages=off',
  'jit=off',
  'max_worker_processes=1',
  'max_parallel_workers_per_gather=0',
  'max_logical_replication_workers=0',
  'max_wal_senders=0',
  'wal_level=minimal',
  'autovacuum_max_workers=2',
  'max_wal_size=512MB',
  'min_wal_size=32MB',
  'checkpoint_timeout=15min',
  'wal_compression=on',
  'recovery_init_sync_method=syncfs',
  'timezone=UTC',
  'log_timezone=UTC',
  'log_min_messages=warning',
  'unix_socket_permissions=0700',
]

export interface PostgresOptions {
  /** Where the cluster's files lie, or will. */
  readonly folder: string
  /** Lines that the server writes. */
  readonly onLog?: (line: string) => void
}

export interface EmbeddedPostgres extends AsyncDisposable {
  readonly url: string
  readonly pid: number
  /** Whether this call made the cluster. */
  readonly made: boolean
  /** Fulfilled with the reason, once the server has ended, asked or not. */
  readonly ended: Promise<string>
  /** Ends it in order; at once after the given time. */
  stop(withinMs: number): Promise<void>
}

interface Running {
  readonly child: ChildProcess
  readonly ended: Promise<string>
  /** What it wrote since its start, the newest. */
  readonly said: () => string
}

async function makeSocketFolder(): Promise<string> {
  const usual = tmpdir()
  const base = Buffer.byteLength(usual) > SOCKET_FOLDER_BYTES - 20 ? '/tmp' : usual
  return mkdtemp(path.join(base, 'muster-'))
}

function launch(folder: string, socketFolder: string, options: PostgresOptions): Running {
  const postgres = [path.join(postgresPrograms(), 'postgres'), '-D', folder, '-k', socketFolder]
  const settings = SETTINGS.flatMap((setting) => ['-c', setting])
  const [program = '', ...args] = asOrdinaryUser(endingWithUs('INT', [...postgres, ...settings]))
  // Detached: Ctrl-C of the terminal reaches us alone, and the server is ended after its users.
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    detached: true,
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stderr?.setEncoding('utf8').on('data', (text: string) => {
    said = (said + text).slice(-LOG_BYTES)
    for (const line of text.trimEnd().split('\n')) options.onLog?.(line)
  })
  const ended = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('close', (status, signal) => resolve(signal ?? `status ${status}`))
  })
  return { child, ended, said: () => said }
}

function urlOf(socketFolder: string, database: string): string {
  return `postgres://muster@/${database}?host=${encodeURIComponent(socketFolder)}`
}

async function query(url: string, text: string): Promise<void> {
  const client = new Client({ connectionString: url })
  // The server may end at any moment; the query fails then.
  client.on('error', () => undefined)
  await client.connect()
  try {
    await client.query(text)
  } finally {
    await client.end().catch(() => undefined)
  }
}

async function untilReady(running: Running, socketFolder: string): Promise<void> {
  let over = false
  void running.ended.then(() => (over = true))
  const until = Date.now() + READY_MS
  for (;;) {
    if (over) throw new PostgresFault(explain(running.said()))
    try {
      await query(urlOf(socketFolder, DATABASE), 'select 1')
      return
    } catch (error) {
      // The cluster was made, and the start was interrupted before its database was.
      if (error instanceof DatabaseError && error.code === '3D000')
        await query(urlOf(socketFolder, 'postgres'), `create database ${DATABASE}`)
      else if (Date.now() > until) throw new PostgresFault(explain(running.said()))
      else await sleep(10)
    }
  }
}

async function stop({ child, ended }: Running, withinMs: number): Promise<void> {
  child.kill('SIGINT')
  const late = setTimeout(() => child.kill('SIGQUIT'), withinMs)
  await ended
  clearTimeout(late)
}

/** Processes of a killed server may hold its memory for a moment. */
const isLeaving = (error: unknown): boolean =>
  error instanceof PostgresFault && /pre-existing shared memory|lock file/.test(error.message)

async function startOnce(folder: string, socketFolder: string, options: PostgresOptions) {
  const until = Date.now() + STALE_MS
  for (;;) {
    await clearStale(folder, STALE_MS)
    const running = launch(folder, socketFolder, options)
    try {
      await untilReady(running, socketFolder)
      return running
    } catch (error) {
      await stop(running, 1000)
      if (!isLeaving(error) || Date.now() > until) throw error
      await sleep(200)
    }
  }
}

/**
 * Starts PostgreSQL on a folder, making its files first where there are none. It listens on a unix socket only.
 * @throws {PostgresFault} with what the server says
 */
export async function startPostgres(options: PostgresOptions): Promise<EmbeddedPostgres> {
  const made = await makeCluster(options.folder)
  const folder = await realpath(options.folder)
  // Where the last run was killed, its folder in the temporary one is left.
  const note = `${folder}.socket`
  await clearSocketFolder(await readFile(note, 'utf8').catch(() => ''))
  const socketFolder = await makeSocketFolder()
  await writeFile(note, socketFolder, { mode: 0o600 })
  const clean = async () => {
    await clearSocketFolder(socketFolder)
    await rm(note, { force: true })
  }
  const running = await startOnce(folder, socketFolder, options).catch(async (error: unknown) => {
    await clean()
    throw error
  })
  const end = async (withinMs: number) => {
    await stop(running, withinMs)
    await clean()
  }
  return {
    url: urlOf(socketFolder, DATABASE),
    pid: running.child.pid ?? 0,
    made,
    ended: running.ended,
    stop: end,
    [Symbol.asyncDispose]: () => end(3000),
  }
}
