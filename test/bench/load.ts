// The load generator: devices by the thousand in one small process, and what other processes cost meanwhile.
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { createInterface } from 'node:readline'
import * as z from 'zod'
import { exitOf } from '../support/exec.ts'
import { readMeters, since, type Meters } from './meters.ts'

const SOURCES = path.join(import.meta.dirname, 'loadgen')

const Result = z.object({
  rate: z.number(),
  p50_ms: z.number(),
  p99_ms: z.number(),
  closed: z.number(),
  late: z.number(),
  cpu_seconds: z.number(),
})

export interface Load {
  readonly mode: 'shadow' | 'pass'
  readonly port: number
  readonly devices: number
  readonly seconds: number
  /** Of the ids of its devices; two loads at once need two. */
  readonly prefix?: string
}

export interface Loaded {
  /** Updates a second of which `accepted` came; for `pass` messages a second. */
  readonly rate: number
  readonly p50: number
  readonly p99: number
  /** CPU seconds of each process while it counted. */
  readonly cpu: Readonly<Record<string, number>>
}

/** Builds the generator outside the checkout, once for each state of its sources; the path of the program. */
export function buildLoadgen(): string {
  const hash = createHash('sha256')
  for (const name of readdirSync(SOURCES).toSorted())
    hash.update(readFileSync(path.join(SOURCES, name)))
  const tools = process.env['MUSTER_TOOLS'] ?? tmpdir()
  const folder = path.join(tools, `muster-loadgen-${hash.digest('hex').slice(0, 12)}`)
  const program = path.join(folder, 'loadgen')
  if (existsSync(program)) return program
  mkdirSync(folder, { recursive: true })
  execFileSync('go', ['build', '-trimpath', '-o', program, '.'], {
    cwd: SOURCES,
    env: { ...process.env, CGO_ENABLED: '0' },
    stdio: ['ignore', 'inherit', 'inherit'],
  })
  return program
}

/** Runs the load to its end. A device that lost its connection, or waited 10 s for its answer, makes the run void. */
export async function runLoad(program: string, load: Load, meters: Meters): Promise<Loaded> {
  const { mode, port, devices, seconds, prefix } = load
  const child = spawn(
    program,
    [
      ...['-mode', mode, '-address', `127.0.0.1:${port}`, '-devices', String(devices)],
      ...['-warm', '2s', '-duration', `${seconds}s`],
      ...(prefix === undefined ? [] : ['-prefix', prefix]),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  )
  const exit = exitOf(child)
  let before = readMeters(meters)
  let last = ''
  for await (const line of createInterface({ input: child.stdout })) {
    if (line === 'COUNTING') before = readMeters(meters)
    else last = line
  }
  const cpu = since(before, meters)
  const code = await exit
  if (code !== 0) throw new Error(`the load generator ended with ${code}`)
  const { rate, p50_ms: p50, p99_ms: p99, closed, late, cpu_seconds } = Result.parse(parse(last))
  if (closed > 0 || late > 0 || rate === 0) {
    const faults = `${closed} closed, ${late} waited for 10 s, ${rate}/s`
    throw new Error(`${mode} with ${devices} devices: ${faults}`)
  }
  return { rate, p50, p99, cpu: { ...cpu, 'load generator': cpu_seconds } }
}

const parse = (text: string): unknown => JSON.parse(text)
