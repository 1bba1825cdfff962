// One function as a process of its own, from its bundle, as the platform runs it.
import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, afterEach, before, test } from 'node:test'
import { bundleFunction } from '../../infra/build/bundle.ts'
import { servesOnMs } from '../../infra/function/serve.ts'
import { hashBody } from '../../shared/hop/canonical.ts'
import { deriveHopKey, formatHopKeys } from '../../shared/hop/keys.ts'
import { signHop } from '../../shared/hop/sign.ts'
import { exitOf } from '../support/exec.ts'
import { freePorts } from '../support/ports.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const root = randomBytes(32)
const folder = mkdtempSync(path.join(tmpdir(), 'function-'))
let database: TestDatabase
let port = 0
let metricsPort = 0
let env: Record<string, string>
const children = new Set<ChildProcess>()

before(async () => {
  await bundleFunction('register')
  database = await cloneDatabase()
  ;[port = 0, metricsPort = 0] = await freePorts(2)
  const keys = ['edge', 'connector'].map((caller) => ({
    kid: 'k1',
    caller,
    key: deriveHopKey(root, caller, 'register'),
  }))
  writeFileSync(path.join(folder, 'hop-keys'), formatHopKeys(keys))
  env = {
    PATH: process.env['PATH'] ?? '',
    PORT: String(port),
    METRICS_PORT: String(metricsPort),
    DATABASE_URL: database.url,
    HOP_KEYS_FILE: path.join(folder, 'hop-keys'),
    healthcheck_interval: '500ms',
  }
})
afterEach(() => {
  for (const child of children) child.kill('SIGKILL')
  children.clear()
})
after(async () => {
  await database[Symbol.asyncDispose]()
  rmSync(folder, { recursive: true })
})

interface Running {
  readonly child: ChildProcess
  readonly exit: Promise<number>
  readonly said: () => string
}

function start(more: Record<string, string> = {}): Running {
  const child = spawn(process.execPath, ['dist/register/index.mjs'], {
    env: { ...env, ...more },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
  children.add(child)
  let text = ''
  const take = (chunk: Buffer) => {
    text += chunk.toString()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  return { child, exit: exitOf(child), said: () => text }
}

const base = () => `http://127.0.0.1:${port}`

async function ready(): Promise<void> {
  await until('the function is ready', () =>
    fetch(`${base()}/ready`).then(
      ({ ok }) => ok,
      () => false,
    ),
  )
}

function tick(): Promise<Response> {
  const target = `/cron?tick=${Date.now()}`
  const key = { kid: 'k1', key: deriveHopKey(root, 'connector', 'register') }
  const body = hashBody('')
  const call = {
    key,
    caller: 'connector',
    callee: 'register',
    now: new Date(),
    method: 'POST',
    target,
  }
  return fetch(base(), { method: 'POST', headers: signHop({ ...call, body }) })
}

test('fail/without-database-or-keys-it-says-so-and-ends', async () => {
  for (const [name, line] of [
    ['DATABASE_URL', /register: DATABASE_URL is missing/],
    ['HOP_KEYS_FILE', /register: HOP_KEYS is missing/],
  ] as const) {
    const { [name]: _, ...rest } = env
    const child = spawn(process.execPath, ['dist/register/index.mjs'], {
      env: rest,
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    let said = ''
    child.stderr.on('data', (chunk: Buffer) => (said += chunk.toString()))
    assert.equal(await exitOf(child), 2)
    assert.match(said, line)
  }
})

test('fail/misspelt-setting', async () => {
  const { exit, said } = start({ LOG_LEVLE: 'info' })
  assert.equal(await exit, 2)
  assert.match(said(), /LOG_LEVLE  unknown; did you mean LOG_LEVEL\?/)
})

test('fail/without-proof-401, and its own port tells metrics', async () => {
  const { child, exit } = start()
  await ready()
  const refused = await fetch(`${base()}/function/register/api/v1/devices`)
  assert.equal(refused.status, 401)
  const text = await (await fetch(`http://127.0.0.1:${metricsPort}/metrics`)).text()
  assert.match(text, /muster_function_calls_total\{function="register",outcome="refused"\} 1/)
  child.kill('SIGTERM')
  assert.equal(await exit, 0)
})

test('ok/a-signed-tick-is-done-and-SIGTERM-serves-on-for-the-interval', async () => {
  const { child, exit, said } = start()
  await ready()
  assert.equal((await tick()).status, 204, said())
  child.kill('SIGTERM')
  await new Promise((resolve) => {
    setTimeout(resolve, 150)
  })
  assert.equal((await tick()).status, 204, 'the watchdog still sends calls')
  assert.equal(await exit, 0)
  assert.match(said(), /"function stopped"/)
})

test('ok/durations-as-go-writes-them', () => {
  assert.equal(servesOnMs('5s'), 5000)
  assert.equal(servesOnMs('1m30s'), 90_000)
  assert.equal(servesOnMs('500ms'), 500)
  assert.equal(servesOnMs(''), 0)
})
