import { existsSync } from 'node:fs'
import { mkdir, readFile, rename, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { promisify } from 'node:util'
import { gzip } from 'node:zlib'
import { sha256 } from './debian.ts'
import { writeTar, type Entry } from './tar.ts'

const compress = promisify(gzip)
const LEVEL = 6

/** A blob of an image: its content and digest. */
export interface Blob {
  readonly digest: string
  readonly data: Buffer
}

export interface Layer extends Blob {
  /** Digest of the layer before it was compressed. */
  readonly diffId: string
}

export function blobOf(data: Buffer | string): Blob {
  const bytes = typeof data === 'string' ? Buffer.from(data) : data
  return { digest: `sha256:${sha256(bytes)}`, data: bytes }
}

/**
 * Makes a layer of files. Compressing Node takes five seconds, so a compressed layer is kept in the folder, under the digest of its
 * content and the version of zlib.
 */
export async function makeLayer(entries: readonly Entry[], folder: string): Promise<Layer> {
  const tar = writeTar(entries)
  const diff = sha256(tar)
  await mkdir(folder, { recursive: true })
  const file = path.join(folder, `${diff}-${process.versions.zlib}-${LEVEL}.gz`)
  if (!existsSync(file)) {
    const made = `${file}.${process.pid}`
    await writeFile(made, await compress(tar, { level: LEVEL }))
    await rename(made, file)
  }
  return { ...blobOf(await readFile(file)), diffId: `sha256:${diff}` }
}
