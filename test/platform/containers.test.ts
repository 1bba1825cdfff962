// The images as containers, under Debian's containerd and runc: what they are built of, and how they run.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { buildImages } from '../../infra/image/build.ts'
import { ContainedInstallation, FUNCTIONS } from '../support/containers/installation.ts'
import { ContainerMachine, hasContainers } from '../support/containers/machine.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { until } from '../support/until.ts'

const stack = new AsyncDisposableStack()
const there = needs('containerd', hasContainers)
let database: TestDatabase
let machine: ContainerMachine
let muster: ContainedInstallation

before(async () => {
  if (!hasContainers) return
  database = stack.use(await cloneDatabase())
  machine = stack.use(await ContainerMachine.start())
  muster = new ContainedInstallation(machine, database)
  await muster.prepare()
})
after(() => stack.disposeAsync())

test('ok/the same input gives the same images', there, async () => {
  const digests = async () =>
    (await buildImages(['pki', 'broker'])).map(({ image }) => image.manifest.digest)
  assert.deepEqual(await digests(), await digests())
})

test(
  'ok/each function gets ready behind its watchdog, each in its own memory',
  there,
  async (t) => {
    for (const name of FUNCTIONS) {
      const ms = await muster.startFunction(name)
      t.diagnostic(`${name}: start to ready ${Math.round(ms)} ms`)
    }
  },
)

test('ok/an ordinary user, no capability, a root that nothing writes to', there, async () => {
  const status = readFileSync(`/proc/${await machine.pid('enroll')}/status`, 'utf8')
  assert.match(status, /^Uid:\t1000\t1000\t1000\t1000$/m)
  assert.match(status, /^CapEff:\t0{16}$/m)
  assert.match(status, /^NoNewPrivs:\t1$/m)
  const write = `require('fs').writeFileSync(process.argv[1], 'x')`
  const tried = (file: string) =>
    machine.ctr('tasks', 'exec', '--exec-id', 'w', 'enroll', '/usr/bin/node', '-e', write, file)
  for (const file of ['/opt/muster/x', '/var/openfaas/secrets/hop-keys', '/etc/passwd']) {
    const { code, stderr } = await tried(file)
    assert.notEqual(code, 0, file)
    assert.match(stderr, /EROFS|EACCES/)
  }
  assert.equal((await tried('/tmp/x')).code, 0)
})

test('ok/killed by its memory limit, a function is started again and serves', there, async () => {
  const first = await machine.pid('shadow-update')
  const children = readFileSync(`/proc/${first}/task/${first}/children`, 'utf8')
  const [served = ''] = children.trim().split(' ')
  // The kernel takes the function, not what eats its memory beside it.
  writeFileSync(`/proc/${served}/oom_score_adj`, '1000')
  const eat = 'const all = []; for (;;) all.push(Buffer.alloc(4e6, 1))'
  const { code } = await machine.ctr(
    ...['tasks', 'exec', '--exec-id', 'eat', 'shadow-update', '/usr/bin/node', '-e', eat],
  )
  assert.notEqual(code, 0)
  const second = await until(
    'another process',
    async () => {
      const pid = await machine.pid('shadow-update')
      return pid !== 0 && pid !== first && pid
    },
    30,
  )
  assert.notEqual(second, first)
  await until('it is ready again', () => muster.isReady('shadow-update'), 30)
  assert.match(machine.log('shadow-update'), /the function ended with SIGKILL/)
})

test('fail/without its secrets a function says what is missing and ends', there, async () => {
  const ran = await machine.ctr(
    'run',
    '--rm',
    '--read-only',
    'docker.io/muster/pki:0.1.0',
    'bare',
    '/usr/bin/node',
    'index.mjs',
  )
  assert.equal(ran.code, 2)
  assert.equal(ran.stderr, 'pki: HOP_KEYS is missing\n')
})
