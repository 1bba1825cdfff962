// The same on HAProxy 3.0 with AWS-LC: built under npm run test:full, else run where an earlier build left it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'
import { run } from '../support/exec.ts'

const { MUSTER_TOOLS = '', MUSTER_TEST_FULL } = process.env
const full = MUSTER_TEST_FULL === '1'
const binary = path.join(MUSTER_TOOLS, 'haproxy-3.0.11-awslc', 'haproxy')
const skip = full || existsSync(binary) ? false : 'HAProxy on AWS-LC is built by npm run test:full'

test('the production edge on AWS-LC', { skip, timeout: 1_500_000 }, async () => {
  if (full) {
    const built = await run('bash', ['infra/edge/build-haproxy.sh'], { seconds: 1200 })
    assert.equal(built.code, 0, built.stderr)
  }
  const files = ['edge-haproxy', 'edge-operation'].map((name) => `test/platform/${name}.test.ts`)
  const clean = ['-u', 'NODE_TEST_CONTEXT', `MUSTER_HAPROXY=${binary}`, process.execPath]
  const ran = await run('env', [...clean, '--test', '--test-concurrency=1', ...files], {
    seconds: 200,
  })
  assert.equal(ran.code, 0, ran.stdout)
  assert.match(ran.stdout, /HAProxy version 3\..*AWS-LC/)
})
