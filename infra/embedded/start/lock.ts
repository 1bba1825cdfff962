import { readFileSync } from 'node:fs'
import { link, readFile, rename, rm, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { EXIT, StartFault } from './fault.ts'
import { shownPath } from './shown-path.ts'

const ATTEMPTS = 5

export interface Lock {
  /** Whether the last holder ended without giving it back: it was killed. */
  readonly recovered: boolean
  release(): Promise<void>
}

// A process id returns, in a container at each start; together with its start time it does not.
function startTime(pid: number): string | undefined {
  try {
    return readFileSync(`/proc/${pid}/stat`, 'latin1')
      .replace(/^.*\) /s, '')
      .split(' ')[19]
  } catch {
    return undefined
  }
}

function isAlive(pid: number, started: string): boolean {
  if (process.platform === 'linux') return startTime(pid) === started
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

async function tryLink(mine: string, file: string): Promise<boolean> {
  try {
    await link(mine, file)
    return true
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'EEXIST') return false
    throw error
  }
}

/** Takes a dead process's lock away; false when it turned out to be another one by now, which is put back. */
async function clear(file: string, judged: string): Promise<void> {
  const aside = `${file}.${process.pid}.old`
  await rename(file, aside).catch(() => undefined)
  const found = await readFile(aside, 'utf8').catch(() => judged)
  if (found !== judged) await tryLink(aside, file)
  await rm(aside, { force: true })
}

/**
 * Takes the data directory for this process.
 * @throws {StartFault} when a living process has it
 */
export async function takeLock(folder: string): Promise<Lock> {
  const file = path.join(folder, 'lock')
  const mine = `${file}.${process.pid}`
  await writeFile(mine, `${process.pid} ${startTime(process.pid) ?? ''}\n`, { mode: 0o600 })
  let recovered = false
  try {
    for (let attempt = 0; attempt < ATTEMPTS; attempt++) {
      if (await tryLink(mine, file)) return { recovered, release: () => rm(file, { force: true }) }
      const held = await readFile(file, 'utf8').catch(() => '')
      const [pid = '', started = ''] = held.trim().split(' ')
      if (isAlive(Number(pid), started)) throw inUse(folder, pid)
      recovered = true
      await clear(file, held)
    }
    throw inUse(folder, 'unknown')
  } finally {
    await rm(mine, { force: true })
  }
}

function inUse(folder: string, pid: string): StartFault {
  return new StartFault(EXIT.inUse, `${shownPath(folder)} is in use by process ${pid}`)
}
