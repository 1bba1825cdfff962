// What of-watchdog reads of its environment, by its own names; values as Go writes durations (`1m30s`), or whole seconds.

export interface WatchdogSettings {
  readonly port: number
  /** Of this stand-in alone (`metrics_port`): of-watchdog always takes 8081, which several on one machine could not. */
  readonly metricsPort: number
  readonly command: readonly [string, ...string[]]
  readonly upstream: URL
  readonly readyPath: string | undefined
  readonly healthcheckMs: number
  readonly execMs: number
  readonly readMs: number
  readonly writeMs: number
  /** 0: no limit. */
  readonly maxInflight: number
  readonly prefixLogs: boolean
}

type Environment = Readonly<Record<string, string | undefined>>

const PORT = 8080
const METRICS_PORT = 8081
const TIMEOUT_MS = 30_000
const UNITS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/** A setting that cannot be used. */
export class SettingFault extends Error {}

function durationMs(env: Environment, name: string, fallback: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (/^\d+$/.test(text)) return Number(text) * 1000
  if (!/^(?:\d+(?:\.\d+)?(?:ms|s|m|h))+$/.test(text))
    throw new SettingFault(`${name}=${text} is no duration, such as 30s`)
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ms|s|m|h)/g)]
  return parts.reduce((sum, [, count, unit = '']) => sum + Number(count) * (UNITS[unit] ?? 0), 0)
}

/** A client's `X-Timeout`, where it is a duration. */
export function givenTimeoutMs(text: string | undefined): number | undefined {
  if (text === undefined) return undefined
  try {
    return durationMs({ given: text }, 'given', 0)
  } catch {
    return undefined
  }
}

function whole(env: Environment, name: string, fallback: number): number {
  const text = env[name]
  if (text === undefined || text === '') return fallback
  if (!/^\d+$/.test(text)) throw new SettingFault(`${name}=${text} is no whole number`)
  return Number(text)
}

function commandOf(env: Environment): readonly [string, ...string[]] {
  const [program = '', ...args] = (env['fprocess'] ?? env['function_process'] ?? '').split(' ')
  if (program === '') throw new SettingFault('fprocess is missing: the program to run')
  return [program, ...args]
}

function upstreamOf(env: Environment): URL {
  const text = env['http_upstream_url'] ?? env['upstream_url'] ?? ''
  const url = URL.parse(text)
  if (url?.protocol !== 'http:')
    throw new SettingFault(`http_upstream_url=${text} is no URL, such as http://127.0.0.1:3000`)
  return url
}

/** @throws {SettingFault} */
export function readSettings(env: Environment): WatchdogSettings {
  const { mode = '' } = env
  if (mode !== 'http') throw new SettingFault(`mode=${mode}: this stand-in serves mode=http only`)
  const writeMs = durationMs(env, 'write_timeout', TIMEOUT_MS)
  const path = env['ready_path'] ?? ''
  return {
    port: whole(env, 'port', PORT),
    metricsPort: whole(env, 'metrics_port', METRICS_PORT),
    command: commandOf(env),
    upstream: upstreamOf(env),
    readyPath: path === '' ? undefined : path,
    healthcheckMs: durationMs(env, 'healthcheck_interval', writeMs),
    execMs: durationMs(env, 'exec_timeout', TIMEOUT_MS),
    readMs: durationMs(env, 'read_timeout', TIMEOUT_MS),
    writeMs,
    maxInflight: whole(env, 'max_inflight', 0),
    prefixLogs: env['prefix_logs'] !== 'false',
  }
}
