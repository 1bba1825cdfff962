import { readdir, readFile, statfs } from 'node:fs/promises'
import path from 'node:path'
import { EXIT, StartFault } from './fault.ts'
import { takeLock, type Lock } from './lock.ts'
import { checkPrivate, makePrivateFolder, readFileOrNothing, writePrivate } from './private-file.ts'
import { shownPath } from './shown-path.ts'

const MIB = 2 ** 20
const USAGE = 2

/** What Muster keeps of itself beside its data. */
interface State {
  /** The newest version that ran on this data. */
  readonly version: string
  readonly stopped_at: string | null
}

export interface DataDirectory {
  readonly folder: string
  readonly isNew: boolean
  /** Whether the last run was killed. */
  readonly recovered: boolean
  /** When the last run ended in order. */
  readonly stoppedAt: Date | undefined
  file(...names: readonly string[]): string
  /** Notes that this version runs here. */
  noteStart(): Promise<void>
  /** Notes a stop in order and gives the directory free. */
  release(now: Date): Promise<void>
}

/** Muster's version, from the package. */
export async function readVersion(): Promise<string> {
  const text = await readFile(new URL('../../../package.json', import.meta.url), 'utf8')
  const parsed: unknown = JSON.parse(text)
  const found =
    typeof parsed === 'object' && parsed !== null && 'version' in parsed ? parsed.version : ''
  return typeof found === 'string' ? found : ''
}

/** Negative when a is older. Muster's own versions are three numbers. */
export function compareVersions(a: string, b: string): number {
  const [left, right] = [a, b].map((version) => version.split('.').map(Number))
  for (let index = 0; index < 3; index++) {
    const difference = (left?.[index] ?? 0) - (right?.[index] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}

function parse(text: string, file: string): unknown {
  try {
    return JSON.parse(text)
  } catch (cause) {
    const line = `${shownPath(file)} is damaged; restore it, or remove it: the start writes it anew`
    throw new StartFault(USAGE, line, { cause })
  }
}

async function readState(file: string): Promise<State | undefined> {
  const text = await readFileOrNothing(file)
  if (text === undefined) return undefined
  const parsed = parse(text.toString('utf8'), file)
  if (typeof parsed !== 'object' || parsed === null || !('version' in parsed)) return undefined
  const stopped = 'stopped_at' in parsed ? parsed.stopped_at : null
  return {
    version: String(parsed.version),
    stopped_at: typeof stopped === 'string' ? stopped : null,
  }
}

/** @throws {StartFault} when the disk has less than that free */
export async function checkDisk(folder: string, freeMinBytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(folder)
  const free = bavail * bsize
  if (free >= freeMinBytes) return
  const [has, needs] = [free, freeMinBytes].map((bytes) => Math.floor(bytes / MIB))
  throw new StartFault(
    EXIT.diskFull,
    `${has} MiB free for ${shownPath(folder)}, ${needs} MiB needed`,
  )
}

// Only what must be secret: PostgreSQL guards its own folder.
async function checkSecrets(folder: string): Promise<void> {
  for (const name of ['secrets', 'root-offline']) {
    const inside = await readdir(path.join(folder, name)).catch(() => [])
    for (const file of inside) await checkPrivate(path.join(folder, name, file), '0600')
  }
}

/**
 * Takes the data directory: makes it where there is none, locks it, and refuses one of a newer version, unchanged.
 * @throws {StartFault}
 */
export async function openDataDirectory(
  folder: string,
  version: string,
  freeMinBytes: number,
): Promise<DataDirectory> {
  const lock = await makePrivateFolder(folder)
    .then(() => takeLock(folder))
    .catch((error: unknown) => {
      throw unusable(folder, error)
    })
  try {
    return await opened(folder, version, freeMinBytes, lock)
  } catch (error) {
    await lock.release()
    throw error
  }
}

const WORDS: Readonly<Record<string, string>> = {
  EACCES: 'permission denied',
  EPERM: 'permission denied',
  EROFS: 'the disk is read-only',
  ENOENT: 'it cannot be made there',
  ELOOP: 'its links lead in a circle',
  ENAMETOOLONG: 'the name is too long',
  ENOTDIR: 'not a directory',
  EEXIST: 'not a directory',
  ENOSPC: 'the disk is full',
}

function unusable(folder: string, error: unknown): unknown {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  const word = WORDS[code]
  if (word === undefined) return error
  return new StartFault(USAGE, `${shownPath(folder)} cannot be used: ${word}`, { cause: error })
}

async function opened(folder: string, version: string, freeMinBytes: number, lock: Lock) {
  const stateFile = path.join(folder, 'muster.json')
  const state = await readState(stateFile)
  if (state !== undefined && compareVersions(state.version, version) > 0) {
    const line = `${shownPath(folder)} is from Muster ${state.version}, this is ${version}`
    throw new StartFault(
      EXIT.newerData,
      `${line}; start ${state.version} or newer; nothing changed`,
    )
  }
  await checkSecrets(folder)
  await checkDisk(folder, freeMinBytes)
  const write = (stopped: Date | null) =>
    writePrivate(
      stateFile,
      `${JSON.stringify({ version, stopped_at: stopped?.toISOString() ?? null })}\n`,
    )
  return {
    folder,
    isNew: state === undefined,
    recovered: state !== undefined && lock.recovered,
    stoppedAt: state?.stopped_at ? new Date(state.stopped_at) : undefined,
    file: (...names: readonly string[]) => path.join(folder, ...names),
    noteStart: () => write(null),
    release: async (now: Date) => {
      await write(now)
      await lock.release()
    },
  }
}
