// npm run e2e -- --gateway URL: a device's whole life with the functions on an OpenFaaS gateway. Without --gateway, behind the stand-ins.
// The edge, the connector and a Mosquitto run here; database and store must be reached by the functions too.
import { spawn } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { parseArgs } from 'node:util'
import { exitOf } from '../support/exec.ts'

const USAGE = 2
const TEST = 'test/platform/faas-life.test.ts'

/** What is wrong with the call, in a line. */
class UsageFault extends Error {}

function password(env: NodeJS.ProcessEnv): string {
  const { OPENFAAS_PASSWORD_FILE: file, OPENFAAS_PASSWORD: text } = env
  if (file !== undefined) return readFileSync(file, 'utf8').trim()
  if (text === undefined)
    throw new UsageFault('OPENFAAS_PASSWORD_FILE or OPENFAAS_PASSWORD is missing')
  return text
}

/** Variables of the suite. */
function environment(url: string | undefined, env: NodeJS.ProcessEnv): Record<string, string> {
  if (url === undefined) return {}
  const parsed = URL.parse(url)
  if (parsed?.protocol !== 'http:' && parsed?.protocol !== 'https:')
    throw new UsageFault(`--gateway ${url} is no URL, such as http://127.0.0.1:8080`)
  for (const name of ['DATABASE_URL', 'S3_ENDPOINT', 'S3_ACCESS_KEY', 'S3_SECRET_KEY'])
    if (!env[name]) throw new UsageFault(`${name} is missing: functions must reach it too`)
  return {
    OPENFAAS_URL: url,
    OPENFAAS_PASSWORD: password(env),
    E2E_DATABASE_URL: env['DATABASE_URL'] ?? '',
  }
}

async function main(): Promise<number> {
  const { values } = parseArgs({
    options: { gateway: { type: 'string', default: process.env['OPENFAAS_URL'] ?? '' } },
  })
  const url = values.gateway === '' ? undefined : values.gateway
  const env = { ...process.env, ...environment(url, process.env) }
  return exitOf(spawn(process.execPath, ['--test', TEST], { env, stdio: 'inherit' }))
}

try {
  process.exitCode = await main()
} catch (error) {
  const parse = error instanceof Error && 'code' in error && String(error.code).startsWith('ERR_')
  if (!(error instanceof UsageFault) && !parse) throw error
  process.stderr.write(`e2e: ${error.message}\n`)
  process.exitCode = USAGE
}
