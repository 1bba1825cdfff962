// One contract, two stores: files of a folder, and S3.
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, readdirSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, before, describe, test } from 'node:test'
import { DomainError } from '../../shared/errors.ts'
import { openFiles } from '../../shared/storage/files.ts'
import { openStore } from '../../shared/storage/open.ts'
import { openS3 } from '../../shared/storage/s3.ts'
import { PART_BYTES, type ObjectStore } from '../../shared/storage/store.ts'
import { minio, startMinio, startVersitygw, versitygw, type S3Server } from '../support/s3.ts'

async function* chunks(...parts: readonly Uint8Array[]): AsyncGenerator<Uint8Array> {
  yield* parts
}

async function* torn(): AsyncGenerator<Uint8Array> {
  yield Buffer.from('new')
  throw new Error('client went away')
}

const isFull = (error: unknown) => error instanceof DomainError && error.code === 'storage.full'

async function content(
  store: ObjectStore,
  key: string,
  range?: { offset: number; length?: number },
) {
  const found = await store.get(key, range)
  assert.ok(found, `${key} is there`)
  return Buffer.from(await new Response(found.body).arrayBuffer())
}

function contract(opened: () => ObjectStore): void {
  test('fail/get-and-head-of-nothing', async () => {
    assert.equal(await opened().get('artifacts/none'), undefined)
    assert.equal(await opened().head('artifacts/none'), undefined)
  })

  for (const key of ['', '/a', 'a/', '../a', 'a/../b', 'a//b', '.hidden', 'A', 'a b', 'a/%2e']) {
    test(`fail/key-${JSON.stringify(key)}`, async () => {
      await assert.rejects(opened().put(key, chunks(Buffer.from('x'))), TypeError)
      await assert.rejects(opened().get(key), TypeError)
    })
  }

  test('fail/source-that-breaks-leaves-the-old-object', async () => {
    const store = opened()
    await store.put('artifacts/torn', chunks(Buffer.from('old')))
    await assert.rejects(store.put('artifacts/torn', torn()))
    assert.equal((await content(store, 'artifacts/torn')).toString(), 'old')
  })

  test('fail/upload-with-a-part-missing', async () => {
    const store = opened()
    const upload = await store.beginUpload('artifacts/gap')
    const second = await store.putPart('artifacts/gap', upload, 2, Buffer.from('end'))
    await assert.rejects(store.completeUpload('artifacts/gap', upload, [second]))
    assert.equal(await store.head('artifacts/gap'), undefined)
    await store.abortUpload('artifacts/gap', upload)
  })

  test('fail/part-of-an-upload-given-up', async () => {
    const store = opened()
    const upload = await store.beginUpload('artifacts/given-up')
    await store.abortUpload('artifacts/given-up', upload)
    await store.abortUpload('artifacts/given-up', upload)
    await assert.rejects(store.putPart('artifacts/given-up', upload, 1, Buffer.from('x')))
  })

  test('ok/put-get-head-delete', async () => {
    const store = opened()
    const bytes = randomBytes(100_000)
    const halves = chunks(bytes.subarray(0, 7), bytes.subarray(7))
    assert.deepEqual(await store.put('artifacts/1', halves), { bytes: 100_000 })
    assert.ok((await content(store, 'artifacts/1')).equals(bytes))
    assert.deepEqual(await store.head('artifacts/1'), { bytes: 100_000 })
    await store.put('artifacts/1', chunks(Buffer.from('again')))
    assert.equal((await content(store, 'artifacts/1')).toString(), 'again')
    await store.delete('artifacts/1')
    await store.delete('artifacts/1')
    assert.equal(await store.head('artifacts/1'), undefined)
  })

  test('ok/empty-object', async () => {
    const store = opened()
    assert.deepEqual(await store.put('artifacts/empty', chunks()), { bytes: 0 })
    assert.equal((await content(store, 'artifacts/empty')).length, 0)
  })

  test('ok/ranges', async () => {
    const store = opened()
    await store.put('artifacts/range', chunks(Buffer.from('0123456789')))
    const read = async (offset: number, length?: number) => {
      const range = length === undefined ? { offset } : { offset, length }
      return (await content(store, 'artifacts/range', range)).toString()
    }
    assert.equal(await read(0, 1), '0')
    assert.equal(await read(3, 4), '3456')
    assert.equal(await read(8), '89')
    assert.equal(await read(8, 100), '89')
    assert.equal(await read(10), '')
    assert.equal((await store.get('artifacts/range', { offset: 3, length: 1 }))?.bytes, 10)
  })

  test('ok/a-reader-that-leaves', async () => {
    const store = opened()
    await store.put('artifacts/large', chunks(Buffer.alloc(3_000_000)))
    const found = await store.get('artifacts/large')
    const reader = found?.body.getReader()
    assert.equal((await reader?.read())?.done, false)
    await reader?.cancel()
  })

  test('ok/stream-of-unknown-length-over-several-parts', async () => {
    const store = opened()
    const one = randomBytes(PART_BYTES - 1)
    const two = randomBytes(PART_BYTES + 5)
    await store.put('artifacts/stream', chunks(one, two))
    assert.ok((await content(store, 'artifacts/stream')).equals(Buffer.concat([one, two])))
  })

  test('ok/parts-in-any-order-one-twice', async () => {
    const store = opened()
    const key = 'artifacts/parts'
    const parts = [randomBytes(PART_BYTES), randomBytes(PART_BYTES), randomBytes(11)] as const
    const upload = await store.beginUpload(key)
    const third = await store.putPart(key, upload, 3, parts[2])
    await store.putPart(key, upload, 1, Buffer.alloc(PART_BYTES))
    const [first, second] = await Promise.all([
      store.putPart(key, upload, 1, parts[0]),
      store.putPart(key, upload, 2, parts[1]),
    ])
    assert.equal(await store.head(key), undefined, 'nothing is seen before the end')
    await store.completeUpload(key, upload, [first, second, third])
    assert.ok((await content(store, key)).equals(Buffer.concat(parts)))
    await store.completeUpload(key, upload, [first, second, third])
  })

  test('ok/check', () => opened().check())
}

describe('files', () => {
  const root = mkdtempSync(path.join(tmpdir(), 'store-'))
  const folder = path.join(root, 'objects')
  after(() => rmSync(root, { recursive: true }))
  const store = openFiles({ folder, freeMinBytes: 0 })
  contract(() => store)

  test('ok/nothing-unfinished-stays', () =>
    assert.deepEqual(readdirSync(path.join(folder, 'uploads')), []))

  test('fail/disk-is-full', async () => {
    const full = openFiles({ folder, freeMinBytes: Number.MAX_SAFE_INTEGER })
    await store.put('artifacts/before', chunks(Buffer.from('x')))
    await assert.rejects(full.put('artifacts/late', chunks(Buffer.from('x'))), isFull)
    await assert.rejects(full.beginUpload('artifacts/late'), isFull)
    assert.equal((await content(full, 'artifacts/before')).toString(), 'x')
  })

  test('ok/open-takes-the-data-directory', async () => {
    const config = { dataDirectory: root, diskFreeMinBytes: 0, s3Bucket: 'muster' }
    const none = { s3Endpoint: undefined, s3Region: undefined, s3AccessKey: undefined }
    const opened = await openStore({ ...config, ...none, s3SecretKey: undefined })
    await opened.put('artifacts/9', chunks(Buffer.from('x')))
    assert.ok(existsSync(path.join(root, 'objects', 'objects', 'artifacts', '9')))
  })
})

function s3Contract(start: () => Promise<S3Server>): void {
  let server: S3Server
  let store: ObjectStore
  before(async () => {
    server = await start()
    store = openS3({ ...server, region: undefined, bucket: 'muster' })
    await store.check()
  })
  after(() => server[Symbol.asyncDispose]())
  contract(() => store)

  test('fail/server-that-is-not-there', async () => {
    const gone = openS3({
      ...server,
      endpoint: 'http://127.0.0.1:9',
      region: undefined,
      bucket: 'b',
    })
    await assert.rejects(gone.head('artifacts/1'), { code: 'storage.unavailable' })
  })

  test('fail/wrong-secret', async () => {
    const other = openS3({ ...server, secretKey: 'wrong', region: undefined, bucket: 'muster' })
    await assert.rejects(other.head('artifacts/1'), { code: 'storage.unavailable' })
  })
}

describe('s3: versitygw', versitygw, () => s3Contract(startVersitygw))
describe('s3: MinIO', minio, () => s3Contract(startMinio))
