import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { ConfigError, loadConfig } from '../../shared/config.ts'
import type { Host } from '../../shared/host.ts'
import { createLogger } from '../../shared/log.ts'
import { openTraces } from '../../shared/open-traces.ts'
import { MissingSetting, openFunctionHost } from './host.ts'
import { closeServer, openFunction, openMetrics } from './listen.ts'

/** A function's two files, `handler.ts` and `deps.ts`. */
export interface FunctionModule<Deps> {
  readonly handler: (request: Request, deps: Deps) => Promise<Response>
  readonly createDeps: (host: Host) => Promise<Deps>
  /** Connections of its pool. */
  readonly connections?: number
}

const PORT = 3000
const POOL = 2
const USAGE = 2
// The watchdog's interval began a moment before this process heard of it, and the last call may need one to come here.
const AFTER_MS = 200

function portOf(): number {
  const port = Number(process.env['PORT'] ?? PORT)
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw new MissingSetting('PORT is not a port (1 to 65535)')
  return port
}

/**
 * How long to serve on after SIGTERM: of-watchdog passes the signal on at once, and goes on taking calls for its
 * `healthcheck_interval` (a duration of Go, such as `5s`).
 */
export function servesOnMs(interval = process.env['healthcheck_interval']): number {
  const units: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }
  const parts = [...(interval ?? '').matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (units[unit ?? ''] ?? 0), 0)
}

async function run<Deps>(name: string, module: FunctionModule<Deps>): Promise<void> {
  const config = loadConfig({ env: process.env, functionName: name })
  const port = portOf()
  const log = createLogger(config.logLevel).child({ function: name })
  const traces = await openTraces(config, log)
  const opened = openFunctionHost(name, config, log, module.connections ?? POOL)
  const deps = await module.createDeps(opened.host)
  const asked = Promise.race([once(process, 'SIGTERM'), once(process, 'SIGINT')])
  const server = await openFunction(port, (request) => module.handler(request, deps), log)
  await openMetrics(config.metricsPort)
  log.info({ port, metricsPort: config.metricsPort }, 'function ready')
  await asked
  await sleep(servesOnMs() + AFTER_MS)
  await closeServer(server, config.stopSeconds * 1000)
  await opened.close()
  await traces.close()
  log.info({}, 'function stopped')
}

/** Runs one function as this process, until SIGTERM; then ends the process. */
export async function serveFunction<Deps>(
  name: string,
  module: FunctionModule<Deps>,
): Promise<never> {
  try {
    await run(name, module)
    return process.exit(0)
  } catch (error) {
    if (!(error instanceof ConfigError || error instanceof MissingSetting)) throw error
    process.stderr.write(`${name}: ${error.message}\n`)
    return process.exit(USAGE)
  }
}
