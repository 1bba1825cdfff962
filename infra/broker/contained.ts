// Mosquitto and its agent in one container: the agent signals the broker, so both share a process tree. Writes the broker's files, starts it,
// keeps it, and ends when either ends: whoever runs the container starts both again.
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import { CONFIGURATION } from './prepare.ts'

// Beside this file, as source and as bundle alike.
const AGENT = fileURLToPath(new URL(`main${path.extname(import.meta.url)}`, import.meta.url))
const BROKER = 'mosquitto'
// The database may be under way, or not set up yet.
const PREPARE_TRIES = 60
const PREPARE_WAIT_MS = 1000
const USAGE = 2

const running = new Set<ChildProcess>()
let stopping = false

function start(program: string, args: readonly string[]): Promise<number> {
  const child = spawn(program, args, { stdio: ['ignore', 'inherit', 'inherit'] })
  running.add(child)
  const ended = Promise.withResolvers<number>()
  child.once('error', (error) => {
    process.stderr.write(`${program}: ${error.message}\n`)
    ended.resolve(1)
  })
  void once(child, 'exit').then(
    ([code]) => ended.resolve(typeof code === 'number' ? code : 1),
    () => undefined,
  )
  return ended.promise.finally(() => running.delete(child))
}

function stop(): void {
  stopping = true
  for (const child of running) child.kill('SIGTERM')
}

async function prepare(): Promise<number> {
  for (let attempt = 1; ; attempt++) {
    const code = await start(process.execPath, [AGENT, 'prepare'])
    if (code === 0 || code === USAGE || stopping || attempt === PREPARE_TRIES) return code
    await sleep(PREPARE_WAIT_MS)
  }
}

async function main(folder: string): Promise<number> {
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, stop)
  const prepared = await prepare()
  if (prepared !== 0 || stopping) return stopping ? 0 : prepared
  const parts = [
    start(BROKER, ['-c', path.join(folder, CONFIGURATION)]),
    start(process.execPath, [AGENT]),
  ]
  const first = await Promise.race(parts)
  const asked = stopping
  stop()
  await Promise.all(parts)
  return asked ? 0 : Math.max(first, 1)
}

const folder = process.env['BROKER_FOLDER']
if (folder === undefined) {
  process.stderr.write('broker: BROKER_FOLDER is missing\n')
  process.exitCode = USAGE
} else process.exitCode = await main(folder)
