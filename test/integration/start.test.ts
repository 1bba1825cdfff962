// npm start, as a user meets it: what it prints, how it ends, what it says when it cannot.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import {
  chmodSync,
  chownSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { createServer } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { exitOf, run, type Ran } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const START = path.join(ROOT, 'infra', 'start.mjs')

const dataOf = (muster: Muster) => muster.env['MUSTER_DATA'] ?? ''

async function refused(
  muster: Muster,
  env: Record<string, string> = {},
  args: readonly string[] = [],
): Promise<Ran> {
  return run(process.execPath, [START, ...args], {
    cwd: muster.data,
    env: { ...muster.env, ...env },
    seconds: 40,
  })
}

const secretOf = (muster: Muster, name: string) =>
  readFileSync(path.join(dataOf(muster), 'secrets', name), 'utf8')

function postgresPid(muster: Muster): number {
  const text = readFileSync(path.join(dataOf(muster), 'postgres', 'postmaster.pid'), 'utf8')
  return Number(text.split('\n')[0])
}

function socketFolder(muster: Muster): string {
  const text = readFileSync(path.join(dataOf(muster), 'postgres', 'postmaster.pid'), 'utf8')
  return text.split('\n')[4] ?? ''
}

function alive(pid: number): boolean {
  try {
    return !/^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch {
    return false
  }
}

const plain = (output: string) =>
  output
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('{'))
    .map((line) => line.replaceAll(/\d+\.\d s/g, 'N s'))

test('fail/misspelt-and-malformed-settings-are-told-together, exit 2', async () => {
  await using muster = await Muster.create()
  const { code, stdout, stderr } = await refused(muster, { EDGE_PORT: '84433', EDGE_HOTS: '::' })
  assert.equal(code, 2)
  assert.equal(stdout, '')
  assert.deepEqual(stderr.split('\n'), [
    'muster: 2 faults in the configuration, nothing was started',
    '  EDGE_PORT=84433  not a port (1 to 65535); e.g. EDGE_PORT=8443',
    '  EDGE_HOTS        unknown; did you mean EDGE_HOST?',
    '',
  ])
  assert.ok(!existsSync(dataOf(muster)), 'nothing was made')
})

test('fail/unknown-option, exit 2', async () => {
  await using muster = await Muster.create()
  const { code, stderr } = await refused(muster, {}, ['--edge-prot', '1'])
  assert.equal(code, 2)
  assert.equal(
    stderr,
    'muster: unknown option --edge-prot; did you mean --edge-port? (see muster start --help)\n',
  )
})

test('fail/ports-in-use, exit 10', async () => {
  await using muster = await Muster.create()
  const servers = [muster.edgePort, muster.mqttsPort].map((port) =>
    createServer().listen(port, '127.0.0.1'),
  )
  const { code, stderr } = await refused(muster)
  for (const server of servers) server.close()
  assert.equal(code, 10)
  const [edge, mqtts] = [muster.edgePort, muster.mqttsPort]
  assert.equal(
    stderr,
    `muster: ports in use: ${edge} (EDGE_PORT), ${mqtts} (MQTTS_PORT); e.g. EDGE_PORT=${edge + 1} MQTTS_PORT=${mqtts + 1} npm start\n`,
  )
})

test('fail/data-of-a-newer-version, exit 11, nothing changed', async () => {
  await using muster = await Muster.create()
  mkdirSync(dataOf(muster), { mode: 0o700 })
  const state = path.join(dataOf(muster), 'muster.json')
  writeFileSync(state, '{"version":"99.0.0","stopped_at":null}', { mode: 0o600 })
  const { code, stderr } = await refused(muster)
  assert.equal(code, 11)
  assert.match(
    stderr,
    /^muster: \.\/muster is from Muster 99\.0\.0, this is \d+\.\d+\.\d+; start 99\.0\.0 or newer; nothing changed\n$/,
  )
  assert.deepEqual(readdirSync(dataOf(muster)), ['muster.json'])
})

test('fail/a damaged state and a folder that cannot be made are a line each, exit 2', async () => {
  await using muster = await Muster.create()
  mkdirSync(dataOf(muster), { mode: 0o700 })
  writeFileSync(path.join(dataOf(muster), 'muster.json'), '{"ver', { mode: 0o600 })
  const { code, stderr } = await refused(muster)
  assert.equal(code, 2)
  assert.match(
    stderr,
    /^muster: \.\/muster\/muster\.json is damaged; restore it, or remove it: .*\n$/,
  )
  const nowhere = await refused(muster, { MUSTER_DATA: '/proc/nowhere' })
  assert.equal(nowhere.code, 2)
  assert.match(nowhere.stderr, /^muster: \/proc\/nowhere cannot be used: .*\n$/)
})

test('fail/disk-full, exit 12', async () => {
  await using muster = await Muster.create()
  const { code, stderr } = await refused(muster, { DISK_FREE_MIN_BYTES: '900000 GiB' })
  assert.equal(code, 12)
  assert.match(stderr, /^muster: \d+ MiB free for \.\/muster, 921600000 MiB needed\n$/)
})

test('fail/data-directory-open-to-others, exit 2', async () => {
  await using muster = await Muster.create()
  mkdirSync(dataOf(muster))
  chmodSync(dataOf(muster), 0o755)
  const { code, stderr } = await refused(muster)
  assert.equal(code, 2)
  assert.equal(stderr, 'muster: ./muster is open to others (0755); chmod 0700 ./muster\n')
})

test('fail/database-that-refuses, exit 15', async () => {
  await using muster = await Muster.create()
  const { code, stderr } = await refused(muster, {
    DATABASE_URL: 'postgres://u:hidden@127.0.0.1:9/m',
  })
  assert.equal(code, 15)
  assert.equal(stderr, 'muster: DATABASE_URL: 127.0.0.1:9 refused the connection for 10 s\n')
})

test('fail/an-old-node-is-one-line', async (t) => {
  if (!existsSync('/usr/bin/node')) return t.skip('no other Node here')
  const { stdout } = await run('/usr/bin/node', ['--version'])
  if (Number(/\d+/.exec(stdout)?.[0]) >= 24)
    return t.skip('the system has a Node that is new enough')
  const { code, stderr } = await run('/usr/bin/node', [START])
  assert.equal(code, 2)
  assert.match(stderr, /^muster: Node 24 or newer is needed, this is \d+.*\n$/)
})

test('ok/cold, warm, in use, refused by PostgreSQL', async () => {
  await using muster = await Muster.create({ LOG_LEVEL: 'fatal' })
  await muster.start()
  assert.deepEqual(plain(muster.output).slice(1), [
    `  database created N s, ${readdirSync(path.join(ROOT, 'infra/migrations')).filter((name) => name.endsWith('.sql') && /^\d{6}/.test(name)).length} migrations N s, CA made`,
    'Ready in N s',
    `  Console  ${muster.url}/  browsers warn until ${dataOf(muster)}/ca.pem is trusted`,
    `  API      ${muster.url}/api/v1`,
    `  MQTT     mqtts://localhost:${muster.mqttsPort}`,
    `  Token    ${dataOf(muster)}/operator.token`,
    'Next  ./muster demo   ./muster open   ./muster credential create token',
  ])
  assert.match(muster.output, /^Muster \d+\.\d+\.\d+, data in .* \(new\)$/m)
  assert.equal((await muster.api('GET', '/api/v1/devices')).status, 200)
  assert.equal((await muster.api('GET', '/api/v1/devices', { token: null })).status, 401)

  for (const file of ['operator.token', 'cli.json', 'muster.json', 'secrets/kek'])
    assert.equal(statSync(path.join(dataOf(muster), file)).mode & 0o777, 0o600, file)
  assert.equal(statSync(dataOf(muster)).mode & 0o777, 0o700)

  const second = await refused(muster)
  assert.equal(second.code, 14)
  assert.equal(second.stderr, `muster: ./muster is in use by process ${muster.pid}\n`)

  const postgres = postgresPid(muster)
  const began = performance.now()
  assert.equal(await muster.end('SIGTERM'), 0)
  assert.ok(performance.now() - began < 5000, 'stopped within five seconds')
  assert.ok(!alive(postgres), 'PostgreSQL ended too')

  const token = muster.token
  await muster.start()
  assert.match(muster.output, /^Muster .* \(0 devices, stopped \d+ s ago\)$/m)
  assert.match(muster.output, /^ {2}database started \d+\.\d s, CA until \d{4}$/m)
  assert.equal(muster.token, token)
  assert.equal((await muster.api('GET', '/api/v1/devices')).status, 200)
  await muster.end('SIGTERM')

  const wal = path.join(dataOf(muster), 'postgres', 'pg_wal')
  for (const name of readdirSync(wal).filter((each) => /^[0-9A-F]{24}$/.test(each)))
    writeFileSync(path.join(wal, name), Buffer.alloc(16 * 2 ** 20))
  const broken = await refused(muster)
  assert.equal(broken.code, 13)
  assert.equal(
    broken.stderr,
    'muster: PostgreSQL refuses ./muster/postgres: "invalid checkpoint record"; see docs/recovery.md\n',
  )
})

test('ok/Ctrl-C-twice-at-once-is-one, and-leaves-nothing-behind', async () => {
  await using muster = await Muster.create()
  await muster.start()
  const postgres = postgresPid(muster)
  const sockets = socketFolder(muster)
  process.kill(muster.pid, 'SIGINT')
  await sleep(30)
  assert.equal(await muster.end('SIGINT'), 0)
  assert.ok(!alive(postgres))
  assert.ok(!existsSync(sockets))
  assert.ok(!existsSync(path.join(dataOf(muster), 'lock')))
})

test('ok/killed, it leaves no orphan and recovers', async () => {
  await using muster = await Muster.create()
  await muster.start()
  const created = await muster.api('POST', '/api/v1/groups', { body: { name: 'kept' } })
  assert.equal(created.status, 201, created.text)
  const postgres = postgresPid(muster)
  const sockets = socketFolder(muster)
  await muster.end('SIGKILL')
  await until('PostgreSQL ended', () => !alive(postgres))
  await muster.start()
  assert.ok(!existsSync(sockets), 'not even a folder')
  assert.match(muster.output, /^Muster .* \(0 devices, recovered\)$/m)
  assert.equal((await muster.api('GET', '/api/v1/groups/kept')).status, 200)
})

test('ok/PostgreSQL killed, Muster ends and the next start recovers', async () => {
  await using muster = await Muster.create()
  await muster.start()
  assert.equal((await muster.api('POST', '/api/v1/groups', { body: { name: 'kept' } })).status, 201)
  const ended = muster.end('SIGCONT')
  process.kill(postgresPid(muster), 'SIGKILL')
  assert.equal(await ended, 13)
  assert.match(muster.output, /PostgreSQL: SIGKILL/)
  await muster.start()
  assert.equal((await muster.api('GET', '/api/v1/groups/kept')).status, 200)
})

test('ok/started again at once after a kill', async () => {
  await using muster = await Muster.create()
  await muster.start()
  for (let round = 0; round < 2; round++) await muster.restart('SIGKILL')
  assert.match(muster.output, /recovered/)
})

test('ok/killed while it makes secrets and database, the next start makes them', async () => {
  await using muster = await Muster.create()
  for (const sign of ['root-offline', 'postgres.new-']) {
    const started = muster.start()
    await until(sign, () =>
      existsSync(dataOf(muster))
        ? readdirSync(dataOf(muster)).some((name) => name.startsWith(sign))
        : false,
    )
    await Promise.all([assert.rejects(started), muster.end('SIGKILL')])
  }
  await muster.start()
  assert.match(muster.output, /\(new\)$/m)
  assert.ok(!readdirSync(dataOf(muster)).some((name) => name.includes('.new')))
})

test('ok/two side by side share nothing', async () => {
  await using one = await Muster.create()
  await using two = await Muster.create()
  await Promise.all([one.start(), two.start()])
  assert.notEqual(one.token, two.token)
  assert.equal((await one.api('GET', '/api/v1/devices', { token: two.token })).status, 401)
  for (const name of readdirSync(path.join(dataOf(one), 'secrets')))
    assert.notEqual(secretOf(one, name), secretOf(two, name), name)
})

test('ok/options before the environment', async () => {
  await using muster = await Muster.create()
  const env = { ...process.env, ...muster.env, EDGE_PORT: '1', LOG_LEVEL: 'fatal' }
  const args = [START, '--edge-port', String(muster.edgePort)]
  const child = spawn(process.execPath, args, { cwd: muster.data, env })
  let said = ''
  child.stdout.on('data', (chunk: Buffer) => (said += chunk.toString()))
  await until('ready', () => /^Ready in /m.test(said), 60)
  assert.match(said, new RegExp(`https://localhost:${muster.edgePort}/`))
  child.kill('SIGTERM')
  assert.equal(await exitOf(child), 0)
})

test('ok/a database of the operator', async () => {
  await using database = await cloneDatabase()
  await using muster = await Muster.create({ DATABASE_URL: database.url })
  await muster.start()
  assert.match(muster.output, /^ {2}database reached \d+\.\d s/m)
  assert.ok(!existsSync(path.join(dataOf(muster), 'postgres')))
  assert.equal((await muster.api('GET', '/api/v1/devices')).status, 200)
})

test('ok/as an ordinary user', async (t) => {
  if (process.getuid?.() !== 0) return t.skip('this is one already')
  const folder = mkdtempSync(path.join(tmpdir(), 'nobody-'))
  chownSync(folder, 65534, 65534)
  await using muster = await Muster.create({
    MUSTER_DATA: path.join(folder, 'muster'),
    LOG_LEVEL: 'fatal',
  })
  const user = ['--reuid=65534', '--regid=65534', '--clear-groups', process.execPath, START]
  const child = spawn('setpriv', user, {
    cwd: folder,
    env: { ...process.env, ...muster.env, HOME: folder },
  })
  let said = ''
  const take = (chunk: Buffer) => {
    said += chunk.toString()
  }
  child.stdout.on('data', take)
  child.stderr.on('data', take)
  const exit = exitOf(child)
  try {
    await until('ready', () => /^Ready in /m.test(said), 60)
  } catch (error) {
    throw new Error(said, { cause: error })
  } finally {
    child.kill('SIGTERM')
    await exit
    rmSync(folder, { recursive: true, force: true })
  }
  assert.equal(await exit, 0)
})
