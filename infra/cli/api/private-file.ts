import { constants } from 'node:fs'
import { mkdir, open, rename } from 'node:fs/promises'
import path from 'node:path'

const OTHERS = 0o077

/** A file that others could have written or read. */
export class NotPrivateError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'NotPrivateError'
  }
}

function octal(mode: number): string {
  return `0${(mode & 0o777).toString(8)}`
}

/**
 * The text of a file that only the caller reads and writes; undefined when there is none. Never through a link: what is checked is what is read.
 * @throws {NotPrivateError}
 */
export async function readPrivate(file: string): Promise<string | undefined> {
  const handle = await open(file, constants.O_RDONLY | constants.O_NOFOLLOW).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT' || error.code === 'ENOTDIR' || error.code === 'EACCES')
        return undefined
      if (error.code === 'ELOOP') throw new NotPrivateError(`${file} is a link; not used`)
      throw error
    },
  )
  if (handle === undefined) return undefined
  try {
    const { mode, uid } = await handle.stat()
    if (uid !== process.getuid?.()) {
      throw new NotPrivateError(`${file} belongs to another user; not used`)
    }
    if ((mode & OTHERS) !== 0) {
      throw new NotPrivateError(
        `${file} is open to others (${octal(mode)}); not used; chmod 600 it`,
      )
    }
    return await handle.readFile('utf8')
  } finally {
    await handle.close()
  }
}

/** Writes a file of mode 0600 in a folder of mode 0700, whole or not at all. */
export async function writePrivate(file: string, text: string): Promise<void> {
  await mkdir(path.dirname(file), { recursive: true, mode: 0o700 })
  const fresh = `${file}.${process.pid}.new`
  const handle = await open(fresh, 'wx', 0o600)
  try {
    await handle.writeFile(text)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(fresh, file)
}
