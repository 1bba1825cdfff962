// F3: how long a function's process takes from its start to its first answer, from the bundle that is deployed.
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { request } from 'node:http'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { setTimeout as sleep } from 'node:timers/promises'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { functionNames } from '../../infra/function/names.ts'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { deriveHopKey, formatHopKeys } from '../../shared/hop/keys.ts'
import { ceremonyFiles } from '../../shared/pki/ceremony.ts'
import { newHierarchy } from '../support/authority.ts'
import { startCluster } from '../support/cluster.ts'
import { exitOf } from '../support/exec.ts'
import { ROOT } from '../support/muster.ts'
import { freePorts } from '../support/ports.ts'
import { median, type Goal } from './report.ts'
import { benchSetting, say } from './settings.ts'

const ROUNDS = 7
const PATIENCE_MS = 20_000
// Node alone with an HTTP server: what no function can be below.
const BARE = `require('node:http').createServer((_, response) => response.writeHead(401).end()).listen(process.env.PORT)`

const random = () => randomBytes(32).toString('base64')

/** Secrets as an installation has them, each a file, named by a variable. */
function writeSecrets(folder: string, names: readonly string[]): Record<string, string> {
  const root = randomBytes(32)
  const files: Record<string, string> = {
    ...ceremonyFiles(newHierarchy('bench'), undefined).kept,
    'hop-root': root.toString('base64'),
    kek: random(),
    'audit-key': random(),
  }
  for (const name of names) {
    const keys = ['edge', 'connector'].map((caller) => {
      return { kid: 'k1', caller, key: deriveHopKey(root, caller, name) }
    })
    files[`hop-keys-${name}`] = formatHopKeys(keys)
  }
  for (const [name, text] of Object.entries(files)) writeFileSync(path.join(folder, name), text)
  return Object.fromEntries(
    Object.keys(files)
      .filter((name) => !name.startsWith('hop-keys-'))
      .map((name) => [`${name.toUpperCase().replaceAll('-', '_')}_FILE`, path.join(folder, name)]),
  )
}

/** The status of a call without proof; undefined while nobody listens. */
function ask(port: number): Promise<number | undefined> {
  return new Promise((resolve) => {
    const asked = request({ host: '127.0.0.1', port, agent: false }, (response) => {
      response.resume()
      resolve(response.statusCode)
    })
    asked.on('error', () => resolve(undefined))
    asked.end()
  })
}

/** Milliseconds from the start of the process to its first answer: 401 by the function itself, whose dependencies stand. */
async function firstAnswer(args: readonly string[], env: Record<string, string>): Promise<number> {
  const [port = 0, metricsPort = 0] = await freePorts(2)
  const { PATH = '', HOME = '' } = process.env
  const started = performance.now()
  const child = spawn(process.execPath, args, {
    cwd: ROOT,
    env: { PATH, HOME, ...env, PORT: String(port), METRICS_PORT: String(metricsPort) },
    stdio: ['ignore', 'ignore', 'inherit'],
  })
  const exit = exitOf(child)
  try {
    for (;;) {
      const status = await ask(port)
      const took = performance.now() - started
      if (status === 401) return took
      if (status !== undefined || child.exitCode !== null || took > PATIENCE_MS)
        throw new Error(`${args.join(' ')}: no first answer (${status ?? 'silence'})`)
      await sleep(1)
    }
  } finally {
    child.kill('SIGKILL')
    await exit
  }
}

/** Each process in turn, several times over. */
async function measure(
  names: readonly string[],
  envOf: (name: string) => Record<string, string>,
): Promise<Map<string, number[]>> {
  const took = new Map<string, number[]>(['bare Node', ...names].map((name) => [name, []]))
  for (let round = 0; round <= benchSetting('ROUNDS', ROUNDS); round++) {
    for (const [name, samples] of took) {
      const bare = name === 'bare Node'
      const args = bare ? ['-e', BARE] : [`dist/${name}/index.mjs`]
      const ms = await firstAnswer(args, bare ? {} : envOf(name))
      if (round > 0) samples.push(ms) // the first fills the file cache
    }
  }
  return took
}

async function measureAll(names: readonly string[]): Promise<Map<string, number[]>> {
  for (const name of names) await bundleFunction(name)
  await using cluster = await startCluster()
  const url = cluster.url('postgres')
  await using db = openDatabase({ url })
  await migrate(db)
  const folder = mkdtempSync(path.join(tmpdir(), 'bench-secrets-'))
  try {
    const secrets = writeSecrets(folder, names)
    return await measure(names, (name) => ({
      ...secrets,
      HOP_KEYS_FILE: path.join(folder, `hop-keys-${name}`),
      DATABASE_URL: url,
      MUSTER_DATA: path.join(folder, 'data'),
    }))
  } finally {
    rmSync(folder, { recursive: true })
  }
}

export async function firstAnswers(): Promise<Goal> {
  const took = await measureAll(await functionNames())
  const ordered = [...took].toSorted(([, a], [, b]) => median(b) - median(a))
  const medians = ordered.map(([name, samples]) => `${name} ${Math.round(median(samples))}`)
  say(`first answers, ms: ${medians.join(', ')}`)
  const [[slowest, samples] = ['none', []]] = ordered
  return {
    goal: 'F3',
    what: `first answer of the slowest function (${slowest}) after its process starts`,
    value: median(samples),
    floor: 250,
    target: 180,
    unit: 'ms',
    better: 'lower',
    samples,
    notes: medians.join(', '),
  }
}
