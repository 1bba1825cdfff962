import { Agent as HttpAgent } from 'node:http'
import { Agent as HttpsAgent } from 'node:https'
import { Readable } from 'node:stream'
import type { ReadableStream as NodeReadableStream } from 'node:stream/web'
import { Client, S3Error } from 'minio'
import { DomainError } from '../errors.ts'
import {
  checkedKey,
  checkedParts,
  PART_BYTES,
  type ByteRange,
  type ObjectStore,
  type StoredPart,
} from './store.ts'

const MISSING = new Set(['NoSuchKey', 'NotFound', 'NoSuchUpload'])
const FULL = new Set([
  'EntityTooLarge',
  'QuotaExceeded',
  'XMinioStorageFull',
  'InsufficientStorage',
])
const SOCKETS = 32
const SILENT_MS = 15_000

export interface S3Options {
  readonly endpoint: string
  readonly region: string | undefined
  readonly bucket: string
  readonly accessKey: string
  readonly secretKey: string
}

function isMissing(error: unknown): boolean {
  return error instanceof S3Error && MISSING.has(error.code ?? '')
}

const total = (parts: readonly StoredPart[]) => parts.reduce((sum, part) => sum + part.bytes, 0)

async function unlessMissing<T>(work: () => Promise<T>): Promise<T | undefined> {
  try {
    return await work()
  } catch (error) {
    if (isMissing(error)) return undefined
    throw error
  }
}

async function guarded<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof DomainError || error instanceof TypeError) throw error
    const full = error instanceof S3Error && FULL.has(error.code ?? '')
    throw new DomainError(full ? 'storage.full' : 'storage.unavailable', {}, { cause: error })
  }
}

function connect({ endpoint, region, accessKey, secretKey }: S3Options): Client {
  const url = new URL(endpoint)
  const useSSL = url.protocol === 'https:'
  const agent = { keepAlive: true, maxSockets: SOCKETS, timeout: SILENT_MS }
  return new Client({
    endPoint: url.hostname.replace(/^\[|\]$/g, ''),
    port: url.port === '' ? (useSSL ? 443 : 80) : Number(url.port),
    useSSL,
    accessKey,
    secretKey,
    // Asked for, the server's region costs a call; any will do where the server has none.
    region: region ?? 'us-east-1',
    transportAgent: useSSL ? new HttpsAgent(agent) : new HttpAgent(agent),
  })
}

/** Regroups a stream into parts of full size, the last one shorter; an empty stream is one empty part. */
async function* inParts(body: AsyncIterable<Uint8Array>): AsyncGenerator<Buffer> {
  let held: Uint8Array[] = []
  let bytes = 0
  let parts = 0
  for await (const chunk of body) {
    for (let rest = chunk; rest.length > 0;) {
      const taken = rest.subarray(0, PART_BYTES - bytes)
      held.push(taken)
      bytes += taken.length
      rest = rest.subarray(taken.length)
      if (bytes < PART_BYTES) continue
      yield Buffer.concat(held)
      ;[held, bytes, parts] = [[], 0, parts + 1]
    }
  }
  if (bytes > 0 || parts === 0) yield Buffer.concat(held)
}

class S3Store implements ObjectStore {
  readonly #client: Client
  readonly #bucket: string
  readonly #region: string | undefined
  readonly #options: S3Options

  constructor(options: S3Options) {
    this.#client = connect(options)
    this.#bucket = options.bucket
    this.#region = options.region
    this.#options = options
  }

  async #size(key: string) {
    return unlessMissing(async () => {
      const { size } = await this.#client.statObject(this.#bucket, checkedKey(key))
      return { bytes: size }
    })
  }

  async #abort(key: string, upload: string): Promise<void> {
    await unlessMissing(() =>
      this.#client.abortMultipartUpload(this.#bucket, checkedKey(key), upload),
    )
  }

  async #part(key: string, uploadID: string, partNumber: number, content: Uint8Array) {
    const objectName = checkedKey(key)
    const config = { bucketName: this.#bucket, objectName, uploadID, partNumber, headers: {} }
    const payload = Buffer.from(content.buffer, content.byteOffset, content.byteLength)
    const { etag } = await this.#client.uploadPart(config, payload)
    return { number: partNumber, bytes: content.length, tag: etag }
  }

  async #complete(key: string, upload: string, parts: readonly StoredPart[]): Promise<void> {
    const etags = checkedParts(parts).map(({ number, tag }) => ({ part: number, etag: tag }))
    try {
      await this.#client.completeMultipartUpload(this.#bucket, checkedKey(key), upload, etags)
    } catch (error) {
      // Completed before, and the answer was lost.
      if (!isMissing(error) || (await this.#size(key))?.bytes !== total(parts)) throw error
    }
  }

  async #putMany(key: string, first: Buffer, rest: AsyncGenerator<Buffer>) {
    const upload = await this.beginUpload(key)
    try {
      const parts = [await this.#part(key, upload, 1, first)]
      for await (const content of rest)
        parts.push(await this.#part(key, upload, parts.length + 1, content))
      await this.#complete(key, upload, parts)
      return { bytes: total(parts) }
    } catch (error) {
      await this.#abort(key, upload).catch(() => undefined)
      throw error
    }
  }

  put(key: string, body: AsyncIterable<Uint8Array>) {
    return guarded(async () => {
      const parts = inParts(body)
      const { value: first = Buffer.alloc(0) } = await parts.next()
      if (first.length === PART_BYTES) return this.#putMany(key, first, parts)
      await this.#client.putObject(this.#bucket, checkedKey(key), first, first.length)
      return { bytes: first.length }
    })
  }

  beginUpload(key: string) {
    return guarded(() => this.#client.initiateNewMultipartUpload(this.#bucket, checkedKey(key), {}))
  }

  putPart(key: string, upload: string, number: number, content: Uint8Array) {
    return guarded(() => this.#part(key, upload, number, content))
  }

  completeUpload(key: string, upload: string, parts: readonly StoredPart[]) {
    return guarded(() => this.#complete(key, upload, parts))
  }

  abortUpload(key: string, upload: string) {
    return guarded(() => this.#abort(key, upload))
  }

  get(key: string, range: ByteRange = { offset: 0 }) {
    return guarded(async () => {
      const found = await this.#size(key)
      if (found === undefined) return undefined
      const { offset, length = found.bytes } = range
      const wanted = Math.min(length, found.bytes - offset)
      const source =
        wanted <= 0
          ? Readable.from([])
          : await this.#client.getPartialObject(this.#bucket, key, offset, wanted)
      const body: NodeReadableStream<Uint8Array> = Readable.toWeb(source)
      return { bytes: found.bytes, body }
    })
  }

  address(key: string, edge: URL, seconds: number) {
    return guarded(async () => {
      // Signed for the host that clients ask; the edge takes /files away and hands the host on.
      const client = connect({ ...this.#options, endpoint: edge.origin })
      const answered = { 'response-content-type': 'application/octet-stream' }
      const signed = await client.presignedGetObject(
        this.#bucket,
        checkedKey(key),
        seconds,
        answered,
      )
      const { pathname, search } = new URL(signed)
      return `${edge.origin}/files${pathname}${search}`
    })
  }

  head(key: string) {
    return guarded(() => this.#size(key))
  }

  delete(key: string) {
    return guarded(() => this.#client.removeObject(this.#bucket, checkedKey(key)))
  }

  check() {
    return guarded(async () => {
      if (await this.#client.bucketExists(this.#bucket)) return
      try {
        await this.#client.makeBucket(this.#bucket, this.#region)
      } catch (error) {
        if (!(error instanceof S3Error) || error.code !== 'BucketAlreadyOwnedByYou') throw error
      }
    })
  }
}

/** Objects in a bucket of any S3 server. */
export function openS3(options: S3Options): ObjectStore {
  return new S3Store(options)
}
