import { randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { mkdir, open, rename, rm, stat, statfs, type FileHandle } from 'node:fs/promises'
import path from 'node:path'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { DomainError } from '../errors.ts'
import {
  checkedKey,
  checkedParts,
  PART_BYTES,
  type ByteRange,
  type ObjectStore,
  type StoredObject,
  type StoredPart,
} from './store.ts'

const READ_BYTES = 256 * 1024
const UPLOAD = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/

export interface FilesOptions {
  readonly folder: string
  /** Writes are refused below this much free space. */
  readonly freeMinBytes: number
}

function errorCode(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error ? String(error.code) : undefined
}

/** Undefined for what is not there; a full disk and all else as the domain's errors. */
async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError) throw error
    const code = errorCode(error)
    if (code === 'ENOSPC' || code === 'EDQUOT')
      throw new DomainError('storage.full', {}, { cause: error })
    if (code !== undefined) throw new DomainError('storage.unavailable', {}, { cause: error })
    throw error
  }
}

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (errorCode(error) === 'ENOENT') return undefined
    throw error
  }
}

// A name is durable only when its folder is.
async function syncFolder(folder: string): Promise<void> {
  const handle = await open(folder, 'r')
  try {
    await handle.sync()
  } finally {
    await handle.close()
  }
}

async function makeFolder(folder: string): Promise<void> {
  const made = await mkdir(folder, { recursive: true, mode: 0o700 })
  if (made !== undefined) await syncFolder(path.dirname(made))
}

/** Moves a finished file to its place, so that after a crash the old one is there or the new one. */
async function settle(from: string, to: string): Promise<void> {
  await makeFolder(path.dirname(to))
  await rename(from, to)
  await syncFolder(path.dirname(to))
}

async function writeAll(handle: FileHandle, content: Uint8Array, at: number): Promise<void> {
  for (let done = 0; done < content.length;) {
    const { bytesWritten } = await handle.write(content, done, content.length - done, at + done)
    done += bytesWritten
  }
}

async function writeStream(file: string, body: AsyncIterable<Uint8Array>): Promise<number> {
  const handle = await open(file, 'wx', 0o600)
  try {
    let bytes = 0
    for await (const chunk of body) {
      await writeAll(handle, chunk, bytes)
      bytes += chunk.length
    }
    await handle.sync()
    return bytes
  } finally {
    await handle.close()
  }
}

async function writePart(file: string, content: Uint8Array, at: number): Promise<void> {
  const handle = await open(file, 'r+')
  try {
    await writeAll(handle, content, at)
    await handle.datasync()
  } finally {
    await handle.close()
  }
}

function readRange(
  file: string,
  bytes: number,
  range: ByteRange | undefined,
): StoredObject['body'] {
  const start = range?.offset ?? 0
  const end = Math.min(bytes, start + (range?.length ?? bytes))
  const source =
    start >= end
      ? Readable.from([])
      : createReadStream(file, { start, end: end - 1, highWaterMark: READ_BYTES })
  // Two declarations of one interface: Node's and the global one.
  const stream: NodeReadableStream<Uint8Array> = Readable.toWeb(source)
  return stream
}

async function sizeOf(file: string): Promise<number | undefined> {
  return (await unlessMissing(() => stat(file)))?.size
}

class FileStore implements ObjectStore {
  readonly #folder: string
  readonly #freeMinBytes: number

  constructor({ folder, freeMinBytes }: FilesOptions) {
    this.#folder = folder
    this.#freeMinBytes = freeMinBytes
  }

  #object(key: string): string {
    return path.join(this.#folder, 'objects', checkedKey(key))
  }

  #upload(upload: string): string {
    if (!UPLOAD.test(upload)) throw new TypeError('not the name of an upload')
    return path.join(this.#folder, 'uploads', upload)
  }

  async #makeRoom(): Promise<void> {
    await makeFolder(path.join(this.#folder, 'uploads'))
    const { bavail, bsize } = await statfs(this.#folder)
    if (bavail * bsize < this.#freeMinBytes) throw new DomainError('storage.full')
  }

  put(key: string, body: AsyncIterable<Uint8Array>) {
    return guarded(async () => {
      const place = this.#object(key)
      await this.#makeRoom()
      const file = this.#upload(randomUUID())
      try {
        const bytes = await writeStream(file, body)
        await settle(file, place)
        return { bytes }
      } finally {
        await rm(file, { force: true })
      }
    })
  }

  beginUpload(key: string) {
    return guarded(async () => {
      checkedKey(key)
      await this.#makeRoom()
      const upload = randomUUID()
      await (await open(this.#upload(upload), 'wx', 0o600)).close()
      await syncFolder(path.join(this.#folder, 'uploads'))
      return upload
    })
  }

  putPart(_key: string, upload: string, number: number, content: Uint8Array) {
    return guarded(async () => {
      await this.#makeRoom()
      await writePart(this.#upload(upload), content, (number - 1) * PART_BYTES)
      return { number, bytes: content.length, tag: '' }
    })
  }

  completeUpload(key: string, upload: string, parts: readonly StoredPart[]) {
    return guarded(async () => {
      const bytes = checkedParts(parts).reduce((sum, part) => sum + part.bytes, 0)
      const found = await sizeOf(this.#upload(upload))
      if (found === bytes) return settle(this.#upload(upload), this.#object(key))
      // Completed before, and the answer was lost.
      if (found === undefined && (await sizeOf(this.#object(key))) === bytes) return
      throw new TypeError('the parts are not those of the upload')
    })
  }

  abortUpload(_key: string, upload: string) {
    return guarded(() => rm(this.#upload(upload), { force: true }))
  }

  get(key: string, range?: ByteRange) {
    return guarded(async () => {
      const file = this.#object(key)
      const bytes = await sizeOf(file)
      return bytes === undefined ? undefined : { bytes, body: readRange(file, bytes, range) }
    })
  }

  head(key: string) {
    return guarded(async () => {
      const bytes = await sizeOf(this.#object(key))
      return bytes === undefined ? undefined : { bytes }
    })
  }

  delete(key: string) {
    return guarded(() => rm(this.#object(key), { force: true }))
  }

  check() {
    return guarded(() => this.#makeRoom())
  }
}

/** Objects as files of one folder: `npm start` without S3. */
export function openFiles(options: FilesOptions): ObjectStore {
  return new FileStore(options)
}
