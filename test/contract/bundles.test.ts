// What a bundle holds is what its function's process reads before its first answer.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { bundleFunction, packagesAtStart } from '../../infra/build/bundle.ts'
import { functionNames } from '../../infra/function/names.ts'

const HTTP = [
  'hono',
  '@hono/zod-openapi',
  '@hono/zod-validator',
  '@asteasolutions/zod-to-openapi',
  'openapi3-ts',
  'zod',
]
const LOG = [
  'pino',
  'pino-std-serializers',
  'sonic-boom',
  'thread-stream',
  'safe-stable-stringify',
  '@pinojs/redact',
]
const LOG_INNER = [
  'quick-format-unescaped',
  'on-exit-leak-free',
  'atomic-sleep',
  'process-warning',
  'real-require',
]
const ACCESS = ['jose']
const METRICS = ['prom-client', '@opentelemetry/api', 'tdigest', 'bintrees']
const POSTGRES = [
  'pg',
  'pg-pool',
  'pg-protocol',
  'pg-types',
  'pg-connection-string',
  'pgpass',
  'split2',
]
const POSTGRES_INNER = [
  'postgres-array',
  'postgres-bytea',
  'postgres-date',
  'postgres-interval',
  'pg-int8',
  'pg-cloudflare',
  'xtend',
]
const EVERYWHERE = new Set([
  ...HTTP,
  ...ACCESS,
  ...LOG,
  ...LOG_INNER,
  ...METRICS,
  ...POSTGRES,
  ...POSTGRES_INNER,
])

/** What a function needs at its start beside that; all else is loaded on first use, or not at all. */
const MORE: Readonly<Record<string, readonly string[]>> = {}

for (const name of await functionNames()) {
  test(`ok/${name} reads at its start what it needs, and no more`, async () => {
    const packages = packagesAtStart(await bundleFunction(name, false))
    const allowed = new Set([...EVERYWHERE, ...(MORE[name] ?? [])])
    assert.deepEqual(
      [...packages.keys()].filter((each) => !allowed.has(each)),
      [],
    )
    assert.ok(packages.has('pg'), 'the test sees what is there')
  })
}

test('ok/the store of S3 is loaded on first use', async () => {
  const metafile = await bundleFunction('ota', false)
  const all = Object.values(metafile.outputs).flatMap(({ inputs }) => Object.keys(inputs))
  assert.ok(
    all.some((input) => input.includes('node_modules/minio/')),
    'it is in the bundle',
  )
  assert.equal(packagesAtStart(metafile).has('minio'), false)
})
