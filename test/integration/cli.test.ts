// The command against a running Muster: what it prints, how it ends, what it asks.
import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { once } from 'node:events'
import { chmod, mkdir, readFile, stat, writeFile } from 'node:fs/promises'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { TREE } from '../../infra/cli/tree.ts'
import { run, runOk, type Ran } from '../support/exec.ts'
import { Muster, ROOT } from '../support/muster.ts'
import { until } from '../support/until.ts'

let muster: Muster
before(async () => {
  muster = await Muster.create()
  await muster.start()
})
after(() => muster[Symbol.asyncDispose]())

const cli = (...args: string[]): Promise<Ran> => muster.muster(...args)

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await cli(...args)
  assert.equal(code, 0, `${args.join(' ')}: exit ${code}\n${stdout}${stderr}`)
  return stdout
}

/** The command as a user in a directory, with no variable set. */
const inFolder = (cwd: string, env: Record<string, string>, ...args: string[]): Promise<Ran> =>
  run(path.join(ROOT, 'muster'), args, { cwd, env: { NO_COLOR: '1', ...env } })

const CSV = 'match,value,device_id,hardware_rev,credentials,expires_at,max_uses'
const file = async (name: string, text: string | Buffer): Promise<string> => {
  const at = path.join(muster.data, name)
  await writeFile(at, text)
  return at
}

test('fail/exit-codes', async () => {
  for (const [code, ...args] of [
    [1, 'device', 'list', '-q', 'firmware_version < 2'],
    [2, 'device', 'lsit'],
    [2, 'device', 'list', '--nope'],
    [2, 'allowlist', 'remove', 'gw-404'],
    [3, 'device', 'show', 'gw-404'],
    [3, 'rollout', 'start', 'no-such'],
  ] as const) {
    const ran = await cli(...args)
    assert.equal(ran.code, code, `${args.join(' ')}: ${ran.stderr}`)
    assert.match(ran.stderr, /^muster: /)
    assert.doesNotMatch(ran.stderr, /\n {4}at /)
  }
})

test('fail/error-is-one-line-with-code-and-call', async () => {
  const { stderr } = await cli('device', 'list', '-q', 'firmware_version < 2')
  assert.match(
    stderr,
    /^muster: unknown field firmware_version at column 1; did you mean firmware_ver\? \(query\.unknown_field, call [^)]+\)\n$/,
  )
})

test('fail/unreachable-is-6', async () => {
  const { code, stderr } = await run(path.join(ROOT, 'muster'), ['device', 'list'], {
    env: { MUSTER_SERVER: 'https://127.0.0.1:9', MUSTER_TOKEN: 'x' },
  })
  assert.equal(code, 6)
  assert.match(stderr, /^muster: https:\/\/127\.0\.0\.1:9: nothing listens there\n$/)
})

test('fail/another-ca-is-not-trusted', async () => {
  const { code, stderr } = await run(path.join(ROOT, 'muster'), ['device', 'list'], {
    env: { MUSTER_SERVER: muster.url, MUSTER_TOKEN: muster.token },
  })
  assert.equal(code, 6)
  assert.match(stderr, /its certificate is not trusted; give --ca/)
})

test('fail/no-token-is-4', async () => {
  const { code } = await run(path.join(ROOT, 'muster'), ['device', 'list'], {
    env: { MUSTER_SERVER: muster.url, MUSTER_CA: muster.caFile },
  })
  assert.equal(code, 4)
})

test('fail/data-directory-open-to-others', async () => {
  const data = path.join(muster.data, 'muster')
  await chmod(path.join(data, 'cli.json'), 0o644)
  const { code, stderr } = await inFolder(
    '/',
    { MUSTER_DATA: data, HOME: muster.data },
    'device',
    'list',
  )
  await chmod(path.join(data, 'cli.json'), 0o600)
  assert.equal(code, 2)
  assert.match(stderr, /open to others \(0644\)/)
})

test('ok/server-from-the-data-directory', async () => {
  const env = { MUSTER_DATA: path.join(muster.data, 'muster'), HOME: muster.data }
  const { code, stdout } = await inFolder('/', env, 'device', 'list')
  assert.equal(code, 0)
  assert.match(stdout, /^DEVICE +HARDWARE +FIRMWARE +STATUS +CONN +LAST-SEEN +CERT-EXPIRES\n/)
})

test('ok/login-remembers-and-logout-forgets', async () => {
  const home = path.join(muster.data, 'home')
  await mkdir(home)
  const token = await file('token', `${muster.token}\n`)
  const env = { HOME: home, XDG_CONFIG_HOME: path.join(home, '.config') }
  const login = [
    'login',
    muster.url,
    '--ca',
    muster.caFile,
    '--token-file',
    token,
    '--name',
    'here',
  ]
  const ran = await inFolder('/', env, ...login)
  assert.equal(ran.code, 0, ran.stderr)
  const { mode } = await stat(path.join(home, '.config', 'muster', 'config.json'))
  assert.equal(mode & 0o777, 0o600)
  assert.equal((await inFolder('/', env, 'device', 'list', '-o', 'id')).code, 0)
  assert.match((await inFolder('/', env, 'context', 'list')).stdout, /here +https:.* +current/)
  assert.equal((await inFolder('/', env, 'logout')).code, 0)
  assert.equal((await inFolder('/', env, 'device', 'list')).code, 2)
})

test('ok/devices-in-every-format', async () => {
  await ok('group', 'create', 'canary')
  await ok(
    'device',
    'create',
    'f-1',
    '--hardware',
    'B',
    '--group',
    'canary',
    '--attribute',
    'site==1+1',
  )
  const table = await ok('device', 'list', '-q', 'device_id = f-1')
  assert.match(table, /^f-1 +B +active +no/m)
  const page: unknown = JSON.parse(await ok('device', 'list', '-q', 'device_id = f-1', '--json'))
  assert.ok(typeof page === 'object' && page !== null && 'items' in page && 'next' in page)
  const [line = ''] = (await ok('device', 'list', '-q', 'device_id = f-1', '-o', 'ndjson')).split(
    '\n',
  )
  assert.match(line, /^\{"device_id":"f-1"/)
  assert.equal(await ok('device', 'list', '-q', 'device_id = f-1', '-o', 'id'), 'f-1\n')
  const csv = await ok('device', 'export', '-q', 'device_id = f-1')
  assert.match(csv, /^device,hardware,.*\r\nf-1,B,/)
  assert.match(await ok('device', 'show', 'f-1'), /^ {2}site {2}=1\+1$/m)
  assert.match(await ok('fleet', 'summary', '-o', 'csv'), /^devices,active,.*\r\n\d+,\d+,/)
})

test('fail/taken-name-is-5', async () => {
  await ok('device', 'create', 'e-1')
  assert.equal((await cli('device', 'create', 'e-1')).code, 5)
})

test('ok/bulk-is-counted-confirmed-and-watched', async () => {
  for (const id of ['b-1', 'b-2', 'b-3']) await ok('device', 'create', id, '--hardware', 'bulk')
  const query = ['-q', 'hardware_rev = bulk']
  const unconfirmed = await cli('device', 'suspend', ...query)
  assert.equal(unconfirmed.code, 2)
  assert.match(unconfirmed.stderr, /3 devices .*add --yes --expect 3/)
  assert.equal((await cli('device', 'suspend', ...query, '--yes', '--expect', '2')).code, 5)
  const done = await ok('device', 'suspend', ...query, '--yes', '--expect', '3')
  assert.match(done, /^operation [0-9]+: succeeded, 3 done, 0 failed$/m)
  const suspended = await ok(
    'device',
    'list',
    '-q',
    'status = suspended and hardware_rev = bulk',
    '-o',
    'id',
  )
  assert.equal(suspended, 'b-1\nb-2\nb-3\n')
})

test('ok/pages-beyond-the-limit', async () => {
  const rows = Array.from(
    { length: 1_205 },
    (_, i) => `device_id,p-${String(i).padStart(5, '0')},,,,,`,
  )
  await ok('allowlist', 'import', await file('pages.csv', `${CSV}\n${rows.join('\n')}\n`))
  const all = await ok('allowlist', 'list', '--all', '-o', 'id')
  assert.ok(all.split('\n').length > 1_205)
  const some = await ok('allowlist', 'list', '--limit', '1100', '-o', 'id')
  assert.equal(some.trimEnd().split('\n').length, 1_100)
  assert.match(await ok('allowlist', 'export'), /^device_id,p-01204,/m)
})

test('fail/import-names-bad-lines-and-takes-nothing', async () => {
  const bad = await file(
    'bad.csv',
    `${CSV}\ndevice_id,q-1,,,,,\ndevice_id,q 2,,,,,\ndevice_id,q-1,,,,,\n`,
  )
  const { code, stderr } = await cli('allowlist', 'import', bad)
  assert.equal(code, 1)
  assert.match(stderr, /line 3: /)
  assert.match(stderr, /line 4: /)
  assert.match(stderr, /nothing was imported\n$/)
  assert.equal((await cli('allowlist', 'show', 'q-1')).code, 3)
})

test('ok/secret-goes-to-a-private-file-once', async () => {
  const out = path.join(muster.data, 'claim.key')
  await ok('credential', 'create', 'claim', '--name', 'line-1', '--uses', '10', '--out', out)
  assert.match(await readFile(out, 'utf8'), /PRIVATE KEY/)
  assert.equal((await stat(out)).mode & 0o777, 0o600)
  assert.match(await readFile(`${out}.pem`, 'utf8'), /BEGIN CERTIFICATE/)
  assert.doesNotMatch(await ok('credential', 'show', 'line-1', '--json'), /PRIVATE/)
  await ok('credential', 'disable', 'line-1')
  await ok('credential', 'delete', 'line-1', '--yes')
})

test('ok/shadow-keeps-every-digit', async () => {
  await ok('device', 'create', 's-1')
  await ok('shadow', 'set', 's-1', 'interval=30', 'net.big=12345678901234567890', 'name=eu')
  assert.match(await ok('shadow', 'get', 's-1', '--json'), /"big":12345678901234567890/)
  assert.match(await ok('shadow', 'diff', 's-1'), /^net\.big +– +12345678901234567890$/m)
  assert.equal((await cli('shadow', 'set', 's-1', 'interval=31', '--if-version', '7')).code, 5)
  await ok('shadow', 'set', 's-1', 'interval=31', '--if-version', '1')
  assert.match(await ok('shadow', 'history', 's-1'), /^2 +.* update +/m)
})

test('ok/settings-under-their-revision', async () => {
  assert.equal((await cli('settings', 'set', 'rollout.approval', 'perhaps')).code, 1)
  await ok('settings', 'set', 'rollout.approval', 'true')
  assert.match(await ok('settings', 'show', 'rollout.approval', '--json'), /"value":true/)
  await ok('settings', 'reset', 'rollout.approval')
})

test('ok/query-is-explained-and-completed', async () => {
  const explained = await cli('fleet', 'explain', '-q', "attribute.none != 'x' and status=active")
  assert.equal(explained.code, 0)
  assert.match(explained.stdout, /^attribute\.none != 'x' and status = 'active'\n/)
  assert.match(explained.stderr, /query\.undeclared/)
  assert.equal(await ok('complete', '--', 'device', 'su'), 'suspend\n')
  assert.match(await ok('complete', '--', 'device', 'list', '-q', 'firm'), /^(firmware_ver\n)?$/)
})

test('ok/bash-completes', async () => {
  const script =
    'eval "$(./muster completion bash)"; COMP_WORDS=(./muster device su); COMP_CWORD=2; _muster; echo "${COMPREPLY[@]}"'
  const { stdout, stderr } = await run('bash', ['-c', script], { cwd: ROOT })
  assert.equal(stdout, 'suspend\n', stderr)
})

test('ok/firmware-from-file-to-rollout', async () => {
  const image = await file('gw.img', randomBytes(9 * 2 ** 20 + 17))
  const key = path.join(muster.data, 'release.key')
  const at = (name: string): string => path.join(muster.data, name)
  await runOk('openssl', [
    'genpkey',
    '-algorithm',
    'EC',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-out',
    key,
  ])
  await runOk('openssl', ['pkey', '-in', key, '-pubout', '-out', at('release.pub')])
  await runOk('openssl', ['dgst', '-sha256', '-sign', key, '-out', at('gw.sig'), image])
  const upload = [
    'artifact',
    'upload',
    image,
    '--version',
    '2.5.0',
    '--signature',
    at('gw.sig'),
    '--json',
  ]
  const untrusted = await cli(...upload)
  assert.equal(untrusted.code, 1)
  assert.match(untrusted.stderr, /artifact\.signature_untrusted/)
  await ok('key', 'add', at('release.pub'), '--name', 'release-key')
  const made: unknown = JSON.parse(await ok(...upload))
  assert.ok(typeof made === 'object' && made !== null && 'artifact_id' in made)
  const id = String(made.artifact_id)
  await ok('release', 'create', 'gw-2.5.0', '--version', '2.5.0', '--artifact', `fw=${id}`)
  await ok('artifact', 'download', id, at('got.img'))
  assert.deepEqual(await readFile(at('got.img')), await readFile(image))
  assert.equal((await cli('artifact', 'delete', id, '--yes')).code, 5)
  await ok('device', 'create', 'r-1', '--hardware', 'fw')
  const plan = ['--release', 'gw-2.5.0', '-q', 'hardware_rev = fw', '--groups', '50,50']
  assert.equal(await ok('rollout', 'create', 'winter', ...plan), 'rollout winter: ready\n')
  assert.match(await ok('rollout', 'plan', 'winter'), /^1 device selected, 1 would be updated$/m)
  await ok('rollout', 'start', 'winter')
  await ok('rollout', 'stop', 'winter', '--yes')
  assert.equal((await cli('rollout', 'watch', 'winter')).code, 7)
  assert.equal((await cli('rollout', 'resume', 'winter')).code, 5)
})

test('ok/events-are-listed-and-followed', async () => {
  await ok('device', 'create', 'w-first')
  const listed = await ok('event', 'list', '--kind', 'device', '--limit', '3')
  assert.match(listed, /^TIME +KIND +DEVICE +DATA\n.* device\./)
  const env = { MUSTER_SERVER: muster.url, MUSTER_CA: muster.caFile, MUSTER_TOKEN: muster.token }
  const child = spawn(path.join(ROOT, 'muster'), ['event', 'watch', '--kind', 'device'], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  let seen = ''
  child.stdout.on('data', (chunk: Buffer) => (seen += chunk.toString()))
  let made = 0
  await until('an event that is followed', async () => {
    await ok('device', 'create', `w-${made}`)
    made += 1
    return /device\.registered {2}w-[0-9]+/.test(seen)
  })
  child.kill('SIGINT')
  const [code] = await once(child, 'exit')
  assert.equal(code, 130)
})

// What is listed works: each command that takes nothing, but those that start something or are for shells and people.
const APART = new Set([
  'status',
  'doctor',
  'start',
  'demo',
  'open',
  'completion',
  'logout',
  'ca init',
  'ca show',
  'ca check',
  'ca rollover',
  'event watch',
  'fleet explain',
  'login',
])
for (const { path: words, arguments: wanted = [], hidden } of TREE.commands) {
  if (hidden || wanted.length > 0 || APART.has(words.join(' '))) continue
  test(`ok/${words.join(' ')} answers`, async () => {
    const text = await ok(...words, '--json')
    if (words[1] !== 'export') assert.doesNotThrow(() => JSON.parse(text), text)
  })
}

test('ok/status-and-doctor', async () => {
  // Just started, a part may not have been heard of.
  await until('health', async () => (await cli('status')).code === 0, 60)
  assert.match(await ok('status'), /^database +ok/m)
  assert.match(await ok('status', '--json'), /"fleet":\{"devices":/)
  const found = await ok('doctor')
  assert.match(found, /^reached +ok/m)
  assert.match(found, /^token +ok/m)
})
