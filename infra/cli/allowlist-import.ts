import { createReadStream } from 'node:fs'
import { stat } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { path, type Api } from './api/client.ts'
import { collect } from './api/pages.ts'
import { CommandError, EXIT } from './exit.ts'
import { OPERATIONS, watchOperation } from './operation-progress.ts'
import { printDone } from './output.ts'
import type { Session } from './session.ts'
import { startProgress } from './terminal/progress.ts'
import type { SessionCommand } from './verbs.ts'

/** Lines of one call, and their bytes: what the server takes. */
const CHUNK_LINES = 10_000
const CHUNK_BYTES = 4_000_000
const FAULTS_SHOWN = 20

interface Chunk {
  /** The number of its first line, from 1. */
  readonly from: number
  readonly lines: string[]
  readonly bytes: number
}

/** The lines of a file, so many at once as one call takes. */
async function* chunksOf(file: string): AsyncGenerator<Chunk> {
  let chunk: { from: number; lines: string[]; bytes: number } = { from: 1, lines: [], bytes: 0 }
  const lines = createInterface({
    input: createReadStream(file, 'utf8'),
    crlfDelay: Number.POSITIVE_INFINITY,
  })
  for await (const line of lines) {
    const bytes = Buffer.byteLength(line) + 1
    if (chunk.lines.length >= CHUNK_LINES || chunk.bytes + bytes > CHUNK_BYTES) {
      yield chunk
      chunk = { from: chunk.from + chunk.lines.length, lines: [], bytes: 0 }
    }
    chunk.lines.push(line)
    chunk.bytes += bytes
  }
  if (chunk.lines.length > 0) yield chunk
}

async function sizeOf(file: string): Promise<number> {
  try {
    return (await stat(file)).size
  } catch {
    throw new CommandError(`${file} cannot be read`, EXIT.usage)
  }
}

async function stage(session: Session, api: Api, file: string, operation: string): Promise<void> {
  const progress = startProgress(session.err, 'bytes', await sizeOf(file))
  let sent = 0
  for await (const { from, lines, bytes } of chunksOf(file)) {
    const raw = { type: 'text/csv', bytes: lines.map((line) => `${line}\n`).join('') }
    await api.json('POST', `allowlist/imports/${path(operation)}/rows`, {
      raw,
      parameters: { from },
    })
    sent += bytes
    progress.set(sent)
  }
  progress.end()
}

/** Names the bad lines; nothing of the file was taken. */
async function reportFaults({ err }: Session, api: Api, operation: string): Promise<void> {
  const of = `operations/${path(operation)}/results`
  const faults = await collect(api, of, { state: 'failed' }, FAULTS_SHOWN + 1)
  for (const fault of faults.slice(0, FAULTS_SHOWN)) err.write(`  ${String(fault['detail'])}\n`)
  if (faults.length > FAULTS_SHOWN) err.write(`  more: muster operation results ${operation}\n`)
}

/** Stages a file in chunks, then has it taken whole or not at all. */
async function importFile(session: Session, file: string, dryRun: boolean): Promise<number> {
  await sizeOf(file)
  const api = await session.api()
  const begun = await api.post('allowlist/imports', { dry_run: dryRun })
  const operation = OPERATIONS.id(begun)
  await stage(session, api, file, operation)
  await api.post(`allowlist/imports/${path(operation)}/commit`)
  const code = await watchOperation(session, operation)
  if (code === EXIT.ok) {
    if (dryRun) printDone(session, 'checked only: nothing was imported', {})
    return code
  }
  await reportFaults(session, api, operation)
  throw new CommandError(`${file}: bad lines; nothing was imported`)
}

export const importCommand: SessionCommand = {
  path: ['allowlist', 'import'],
  summary: 'takes a CSV file in: all of it, or nothing where a line is bad',
  arguments: [{ name: 'FILE', complete: 'file' }],
  options: [{ name: 'dry-run', summary: 'only checks the file' }],
  run: (session, input) => importFile(session, input.argument(0), input.flag('dry-run')),
}
