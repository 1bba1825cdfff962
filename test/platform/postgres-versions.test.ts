// What matters, on the oldest PostgreSQL that is supported: the suites' own files, over Debian's 15. All suites run on the embedded 18.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { test } from 'node:test'
import { startCluster } from '../support/cluster.ts'
import { run } from '../support/exec.ts'
import { needs } from '../support/needs.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { DEBIAN_15 } from '../support/postgres-server.ts'

// The others only where time is no matter (npm run test:full).
const MORE = ['shadow-concurrency', 'renewal', 'ota', 'query', 'connector-cron', 'connector-outbox']
const FILES = [
  'migrations',
  'grants',
  'statements',
  'shadow',
  'compute-delta',
  'outbox-enqueue',
  'enrollment',
  'rollout',
  ...(process.env['MUSTER_TEST_FULL'] === '1' ? MORE : []),
].map((name) => `test/integration/${name}.test.ts`)
const FLAGS = ['--test-concurrency=2', '--test-reporter=tap']
// Seals wait for every transaction of the cluster: alone.
const ALONE = ['test/integration/retention.test.ts']

test(
  'ok/migrations, shadows, enrolment, rollouts and retention hold on PostgreSQL 15',
  {
    ...needs('PostgreSQL 15', existsSync(`${DEBIAN_15}/postgres`)),
    timeout: 240_000,
  },
  async (t) => {
    await using cluster = await startCluster({ binaries: DEBIAN_15 })
    const { NODE_TEST_CONTEXT: _context, ...inherited } = process.env
    const env = { ...inherited, MUSTER_TEST_CLUSTER: cluster.url('%s') }
    let passed = 0
    for (const files of [FILES, ALONE]) {
      const args = ['-u', 'NODE_TEST_CONTEXT', process.execPath, '--test', ...FLAGS, ...files]
      const { code, stdout, stderr } = await run('/usr/bin/env', args, { env, seconds: 220 })
      const failed = stdout.split('\n').filter((line) => /^\s*not ok /.test(line))
      assert.equal(code, 0, `${failed.join('\n')}\n${stderr}`)
      passed += Number(/^# pass (\d+)$/m.exec(stdout)?.[1] ?? 0)
    }
    t.diagnostic(`${passed} tests on PostgreSQL 15`)
    assert.ok(passed > 50, String(passed))
  },
)

test('ok/the cluster of all other suites is PostgreSQL 18', async () => {
  await using cloned = await cloneDatabase()
  const [row] = await cloned.db.unnamed<{ version: number }>(
    'version',
    `select current_setting('server_version_num')::int as version`,
    [],
  )
  assert.equal(Math.floor((row?.version ?? 0) / 10_000), 18)
})
