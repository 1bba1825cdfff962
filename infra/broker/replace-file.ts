import { open, readFile, rename } from 'node:fs/promises'
import path from 'node:path'

/** Writes a file whole or not at all: whoever reads it finds the old one or the new one. */
export async function replaceFile(file: string, content: string): Promise<void> {
  const made = path.join(path.dirname(file), `.${path.basename(file)}.new`)
  // The broker may run as another user, and none of these files is secret.
  const handle = await open(made, 'w', 0o644)
  try {
    await handle.writeFile(content)
    await handle.sync()
  } finally {
    await handle.close()
  }
  await rename(made, file)
}

/** Its text; undefined where there is none. */
export async function readIfThere(file: string): Promise<string | undefined> {
  try {
    return await readFile(file, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return undefined
    throw error
  }
}
