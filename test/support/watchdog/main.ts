// A stand-in for of-watchdog 0.11 with mode=http, as measured (docs/openfaas.md): `npm run build` bundles it into
// dist/watchdog/index.mjs, the entry point of images where of-watchdog itself is not to be had. It runs `fprocess` beside it
// and passes calls from `port` to `http_upstream_url`.
import { spawn, type ChildProcess } from 'node:child_process'
import { createServer } from 'node:http'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import { setTimeout as sleep } from 'node:timers/promises'
import { createFront, type Front } from './front.ts'
import { readSettings, SettingFault, type WatchdogSettings } from './settings.ts'

function passLines(from: Readable | null, name: 'stdout' | 'stderr', prefix: boolean): void {
  if (from === null) return
  if (!prefix) return void from.pipe(process[name], { end: false })
  createInterface(from).on('line', (line) => {
    process[name].write(`${new Date().toISOString()} ${name}: ${line}\n`)
  })
}

function startFunction({ command, prefixLogs }: WatchdogSettings): ChildProcess {
  const [program, ...args] = command
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
  passLines(child.stdout, 'stdout', prefixLogs)
  passLines(child.stderr, 'stderr', prefixLogs)
  child.once('error', (error) => {
    process.stderr.write(`watchdog: ${error.message}\n`)
    process.exit(1)
  })
  child.once('exit', (code, signal) => {
    if (code === 0) return
    process.stderr.write(`watchdog: the function ended with ${code ?? signal}\n`)
    // The call that ended it is still answered 500.
    setTimeout(() => process.exit(1), 20)
  })
  // The end of a container ends everything in it.
  process.once('exit', () => child.kill('SIGKILL'))
  return child
}

/** Serves on for the interval, then waits for the calls under way; not for the function. */
async function leave({ healthcheckMs, writeMs }: WatchdogSettings, front: Front): Promise<never> {
  front.leave()
  // As of-watchdog with an interval of 0: it waits for a tick that never comes.
  if (healthcheckMs === 0) await new Promise<never>(() => undefined)
  await sleep(healthcheckMs)
  setTimeout(() => process.exit(0), writeMs)
  front.server.close(() => process.exit(0))
  // One that is kept after its answer would hold the process; Go looks again and again, too.
  setInterval(() => front.server.closeIdleConnections(), 100)
  return new Promise<never>(() => undefined)
}

function main(): void {
  const settings = readSettings(process.env)
  const child = startFunction(settings)
  const front = createFront(settings)
  front.server.listen(settings.port)
  createServer((_request, response) => {
    response.setHeader('Content-Type', 'text/plain; version=0.0.4').end(front.meters.text())
  }).listen(settings.metricsPort)
  process.once('SIGTERM', () => {
    child.kill('SIGTERM')
    void leave(settings, front)
  })
}

try {
  main()
} catch (error) {
  if (!(error instanceof SettingFault)) throw error
  process.stderr.write(`watchdog: ${error.message}\n`)
  process.exit(2)
}
