import { createHash } from 'node:crypto'
import { open, readFile, stat, type FileHandle } from 'node:fs/promises'
import pathOf from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { path, type Api, type Item } from './api/client.ts'
import { ApiError } from './api/problem.ts'
import type { Input } from './command/command.ts'
import { CommandError, EXIT } from './exit.ts'
import { printDone, type ListShape } from './output.ts'
import type { Session } from './session.ts'
import { startProgress } from './terminal/progress.ts'
import type { SessionCommand } from './verbs.ts'

const READ_BYTES = 1024 * 1024
const POLL_MS = 300

const UPLOAD: ListShape = { id: (item) => String(item['artifact_id'] ?? item['id']), columns: [] }

async function sha256Of(file: string): Promise<string> {
  const hash = createHash('sha256')
  const handle = await open(file)
  try {
    for await (const chunk of handle.createReadStream({ highWaterMark: READ_BYTES }))
      hash.update(chunk)
  } finally {
    await handle.close()
  }
  return hash.digest('hex')
}

function numbers(value: unknown): number[] {
  return Array.isArray(value) ? value.map(Number) : []
}

async function readPart(
  handle: FileHandle,
  number: number,
  size: number,
  total: number,
): Promise<Buffer> {
  const at = (number - 1) * size
  const part = Buffer.alloc(Math.min(size, total - at))
  let filled = 0
  while (filled < part.length) {
    const { bytesRead } = await handle.read(part, filled, part.length - filled, at + filled)
    if (bytesRead === 0) throw new CommandError('the file became shorter meanwhile')
    filled += bytesRead
  }
  return part
}

/** Sends the parts that the server has not; each is short, so a break costs one part. */
async function sendParts(
  session: Session,
  api: Api,
  file: string,
  upload: Item,
  total: number,
): Promise<void> {
  const size = Number(upload['part_bytes'])
  const missing = numbers(upload['missing'])
  const progress = startProgress(session.err, pathOf.basename(file), total)
  let done = total - missing.length * size
  const handle = await open(file)
  try {
    for (const number of missing) {
      const part = await readPart(handle, number, size, total)
      const digest = createHash('sha256').update(part).digest('base64')
      await api.json('PUT', `uploads/${path(String(upload['id']), 'parts', String(number))}`, {
        raw: { type: 'application/octet-stream', bytes: part },
        headers: { 'content-digest': `sha-256=:${digest}:` },
      })
      done += size
      progress.set(Math.min(total, Math.max(0, done)))
    }
  } finally {
    await handle.close()
  }
  progress.end()
}

/** The server reads the whole file again: digests, signature. */
async function untilChecked({ signal }: Session, api: Api, id: string): Promise<Item> {
  for (;;) {
    const { item } = await api.get(`uploads/${path(id)}`)
    if (item['state'] !== 'checking') return item
    await sleep(POLL_MS, undefined, { signal })
  }
}

async function begin(api: Api, input: Input, file: string, total: number): Promise<Item> {
  const signature = input.text('signature')
  const signed = signature === undefined ? undefined : await readFile(signature)
  return api.post('uploads', {
    name: input.text('name') ?? pathOf.basename(file),
    version: input.required('version'),
    bytes: total,
    sha256: await sha256Of(file),
    signature: signed?.toString('base64'),
  })
}

async function run(session: Session, input: Input): Promise<void> {
  const file = input.argument(0)
  const found = await stat(file).catch(() => undefined)
  if (!found?.isFile()) throw new CommandError(`${file} cannot be read`, EXIT.usage)
  const api = await session.api()
  const begun = await begin(api, input, file, found.size)
  const id = String(begun['id'])
  await sendParts(session, api, file, begun, found.size)
  await api.post(`uploads/${path(id)}/complete`)
  const item = await untilChecked(session, api, id)
  if (item['state'] !== 'ready') {
    throw new ApiError(422, {
      code: item['code'],
      detail: item['detail'],
      title: 'the file was refused',
    })
  }
  printDone(session, `artifact ${UPLOAD.id(item)}: ready`, item, UPLOAD)
}

export const uploadCommand: SessionCommand = {
  path: ['artifact', 'upload'],
  summary: 'sends a file in parts; broken off, the same command goes on',
  arguments: [{ name: 'FILE', complete: 'file' }],
  options: [
    { name: 'version', value: 'VERSION', summary: 'what a device says once it runs it' },
    { name: 'signature', value: 'FILE', complete: 'file', summary: 'its detached signature' },
    { name: 'name', value: 'NAME', summary: 'its name (that of the file)' },
  ],
  run,
}
