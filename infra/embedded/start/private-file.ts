import { constants } from 'node:fs'
import { mkdir, open, readFile, rename, rm, stat } from 'node:fs/promises'
import path from 'node:path'
import { shownPath } from './shown-path.ts'
import { StartFault } from './fault.ts'

const WIDE = 0o077
const USAGE = 2

async function write(file: string, content: string | Buffer, mode: number): Promise<void> {
  const { O_CREAT, O_EXCL, O_WRONLY } = constants
  const handle = await open(file, O_CREAT | O_EXCL | O_WRONLY, mode)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
}

/** Writes a file that only its owner reads, whole or not at all, in place of an older one. */
export async function writePrivate(
  file: string,
  content: string | Buffer,
  mode = 0o600,
): Promise<void> {
  const unfinished = `${file}.new`
  await rm(unfinished, { force: true })
  await write(unfinished, content, mode)
  await rename(unfinished, file)
}

/** The file's text; made first, by `make`, where there is none. */
export async function readOrMake(file: string, make: () => string | Buffer): Promise<Buffer> {
  const found = await readFileOrNothing(file)
  if (found !== undefined) return found
  await writePrivate(file, make())
  return readFile(file)
}

export async function readFileOrNothing(file: string): Promise<Buffer | undefined> {
  try {
    return await readFile(file)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}

/**
 * Makes a folder that only its owner enters.
 * @throws {StartFault} when it is there and others may enter or read it
 */
export async function makePrivateFolder(folder: string): Promise<void> {
  await mkdir(path.dirname(folder), { recursive: true })
  await mkdir(folder, { mode: 0o700 }).catch((error: unknown) => {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  })
  await checkPrivate(folder, '0700')
}

/** @throws {StartFault} when others may read it */
export async function checkPrivate(file: string, wanted: string): Promise<void> {
  const { mode, uid } = await stat(file)
  if (mode & WIDE) {
    const found = (mode & 0o7777).toString(8).padStart(4, '0')
    throw new StartFault(
      USAGE,
      `${shownPath(file)} is open to others (${found}); chmod ${wanted} ${shownPath(file)}`,
    )
  }
  const own = process.getuid?.()
  if (own !== undefined && own !== 0 && uid !== own)
    throw new StartFault(USAGE, `${shownPath(file)} belongs to another user`)
}
