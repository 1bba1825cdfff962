// stack.yml by our own schema: faas-cli takes each of these faults without a word.
import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { mkdtemp, readFile, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { stackFaults, stackSchema } from '../../infra/build/stack-file.ts'
import { functionNames } from '../../infra/function/names.ts'
import { run } from '../support/exec.ts'
import { needs } from '../support/needs.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const text = readFileSync(path.join(ROOT, 'stack.yml'), 'utf8')
const dockerfile = readFileSync(path.join(ROOT, 'template/muster-node24/Dockerfile'), 'utf8')

const FAULTS: readonly [name: string, from: string | RegExp, to: string, says: RegExp][] = [
  [
    'a misspelt key',
    'annotations:',
    'annotation:',
    /functions\.enroll: Unrecognized key: "annotation"|annotations: Invalid/,
  ],
  [
    'a misspelt annotation',
    /schedule: '@every 20s'/,
    "shedule: '@every 20s'",
    /annotations: Unrecognized key: "shedule"/,
  ],
  [
    'a misspelt variable',
    'ready_path: /ready',
    'redy_path: /ready',
    /environment: Unrecognized key: "redy_path"|ready_path/,
  ],
  ['a bad schedule', "'@every 20s'", '99x', /functions\.pki: schedule 99x/],
  [
    'a schedule that no clock knows',
    "'*/10 * * * *'",
    "'61 * * * *'",
    /functions\.expiry-scan: .*61/,
  ],
  [
    'bad memory',
    'memory: 96Mi',
    'memory: lots',
    /functions\.enroll\.requests\.memory: no amount of memory/,
  ],
  ['bad CPU', 'cpu: 25m', 'cpu: half', /functions\.enroll\.requests\.cpu: no amount of CPU/],
  ['a bad name', /^ {2}enroll:/m, '  En_roll:', /functions\.En_roll: no name of a function/],
  ['no image', / {4}image: muster\/enroll:0\.1\.0\n/, '', /functions\.enroll\.image: Invalid/],
  [
    'an image without a tag',
    'muster/enroll:0.1.0',
    'muster/enroll',
    /functions\.enroll\.image: no image with a tag/,
  ],
  [
    'an image of another',
    'muster/enroll:0.1.0',
    'muster/est:0.1.0',
    /functions\.enroll: image muster\/est:0\.1\.0 is another/,
  ],
  [
    'an interval of 0',
    'healthcheck_interval: 5s',
    'healthcheck_interval: 0s',
    /healthcheck_interval: no duration/,
  ],
  [
    'a root that can be written',
    'readonly_root_filesystem: true',
    'readonly_root_filesystem: false',
    /readonly_root_filesystem/,
  ],
  [
    'no secret of its own',
    'hop-keys-enroll',
    'hop-keys',
    /functions\.enroll: secret hop-keys-enroll is missing/,
  ],
  [
    'least above most',
    "com.openfaas.scale.min: '2'",
    "com.openfaas.scale.min: '9'",
    /scale\.min is above/,
  ],
  ['another version', 'version: 1.0', 'version: 2.0', /version/],
  ['broken YAML', 'functions:', 'functions: [', /./],
]

for (const [name, from, to, says] of FAULTS)
  test(`fail/${name}`, () => {
    const changed = text.replace(from, to)
    assert.notEqual(changed, text, 'the fault was made')
    assert.match(stackFaults(changed).join('\n'), says)
  })

test('ok/the-stack-file-is-sound-and-its-schema-is-the-committed-one', () => {
  assert.deepEqual(stackFaults(text), [])
  const committed = readFileSync(path.join(ROOT, 'infra/build/stack.schema.json'), 'utf8')
  assert.deepEqual(JSON.parse(committed), JSON.parse(stackSchema()))
})

test('fail/the-command-ends-with-1-and-a-line-a-fault', async () => {
  const { code, stderr } = await run(process.execPath, ['infra/build/stack.ts', 'package.json'], {
    cwd: ROOT,
  })
  assert.equal(code, 1)
  assert.match(stderr, /^stack: /)
})

test('ok/the-template-sets-what-the-watchdog-must-know', () => {
  for (const setting of [
    'mode=http',
    'ready_path=/ready',
    'prefix_logs=false',
    'http_upstream_url=http://127.0.0.1:3000',
  ])
    assert.ok(dockerfile.includes(setting), setting)
  assert.match(dockerfile, /^ARG WATCHDOG=/m)
  assert.match(dockerfile, /^USER 1000:1000$/m)
})

const cli = process.env['FAAS_CLI']

test(
  'ok/faas-cli-builds-and-generates-of-it',
  needs('faas-cli', cli !== undefined && existsSync(cli)),
  async () => {
    const folder = await mkdtemp(path.join(tmpdir(), 'faas-'))
    try {
      for (const name of ['stack.yml', 'template', 'dist'])
        assert.equal((await run('cp', ['-r', path.join(ROOT, name), folder])).code, 0)
      const faas = (...args: string[]) => run(cli ?? '', args, { cwd: folder })
      const built = await faas('build', '--shrinkwrap', '-f', 'stack.yml')
      assert.equal(built.code, 0, built.stderr)
      for (const name of await functionNames())
        assert.ok(existsSync(path.join(folder, 'build', name, 'function/index.mjs')), name)
      const functions = await faas('generate', '-f', 'stack.yml')
      assert.match(functions.stdout, /readOnlyRootFilesystem: true/)
      const knative = await faas('generate', '--api=serving.knative.dev/v1', '-f', 'stack.yml')
      assert.match(knative.stdout, /kind: Service/)
      assert.equal(await readFile(path.join(folder, 'stack.yml'), 'utf8'), text)
    } finally {
      await rm(folder, { recursive: true })
    }
  },
)
