// Every route gets what it must refuse: the answer is a documented problem, never a failure, and says nothing it must not.
import assert from 'node:assert/strict'
import test, { after } from 'node:test'
import { ROUTES } from '../../shared/http/route-table.ts'
import { readRoute, type Route } from '../../shared/http/route.ts'
import { judge, startAsking, type Sent } from '../support/asking.ts'

const asking = await startAsking()
const { ask } = asking
after(() => asking[Symbol.asyncDispose]())

const BODIES: readonly (string | Buffer)[] = [
  '',
  '{',
  'null',
  '[]',
  '"x"',
  '1',
  '1e999',
  '{"unknown_field":"canary-value"}',
  '{"__proto__":{"scope":["admin"]}}',
  '{"name":"\\u0000","device_id":"\\u0000","q":"\\u0000","match":"\\u0000","value":"\\u0000","filter":"\\u0000"}',
  '{"name":"\\ud800","device_id":"\\ud800","q":"status = \'\\ud800\'","value":"\\ud800"}',
  '{"name":{"a":1},"device_id":[],"q":7,"scope":"admin","expires_at":"yesterday","value":1e400}',
  '{"q":"status = \'active\'","change":{"status":"x"},"dry_run":"maybe","expect":-1}',
  '{"name":"a","version":"\\u0000","hardware_rev":"\\u0000","state":{"desired":{"\\u0000":1}},"config":{"a":"\\u0000"}}',
  `{"state":{"reported":${'{"a":'.repeat(14)}1${'}'.repeat(14)}}}`,
  `${'['.repeat(5000)}${']'.repeat(5000)}`,
  Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d]),
  Buffer.from('\ufeff{"name":"a"}', 'utf16le'),
  `{"name":"${'x'.repeat(20_000)}"}`,
]
const SEGMENTS = [
  '%00',
  '%ff',
  '..%2f..',
  'x'.repeat(300),
  '%F0%9F%92%A9',
  '-1',
  '9'.repeat(30),
  "'",
  '1e3',
  '%20',
  '%7B%7D',
  '0x1',
]
const QUERIES = [
  ...[
    'limit=0',
    'limit=1001',
    'limit=abc',
    'limit=-1',
    'limit=1&limit=2',
    'cursor=xx',
    'cursor=%00',
    'count=maybe',
  ],
  ...[
    'q=',
    'q=%00',
    'q=%FF',
    'q=status',
    "q=status%20=%20'%00'",
    'sort=nope',
    'sort=-',
    'unknown=1',
    'name=%00',
  ],
  ...[
    'device=%00',
    'state=nope',
    'since=yesterday',
    'from=-1',
    `q=${'('.repeat(2000)}`,
    'kind=%00',
    '%=%',
    '&&&=',
  ],
]
const HEADERS: readonly Record<string, string>[] = [
  { 'idempotency-key': 'x'.repeat(5000) },
  { 'idempotency-key': '' },
  { 'if-match': 'garbage' },
  { 'if-match': `"${'9'.repeat(40)}"` },
  { range: 'bytes=9-1' },
  { accept: 'text/event-stream', 'last-event-id': 'nope' },
  { 'content-digest': 'sha-256=:AAAA:' },
  { 'content-type': 'application/json; charset=utf-16' },
  { 'content-type': 'text/plain' },
  { 'content-type': 'multipart/form-data' },
  { authorization: 'Bearer mu_op_canary-value' },
  { authorization: 'Basic Y2FuYXJ5LXZhbHVl' },
  { cookie: '__Host-muster=canary-value' },
]

const filled = ({ template }: Route, segment = '999999') =>
  template.replace(/\{[a-z]+\}/g, segment).replace('*', segment)

async function askAll(all: readonly Sent[]): Promise<void> {
  for (const sent of all) judge(sent, await ask(sent))
}

for (const route of ROUTES.map(readRoute)) {
  const methods = Object.keys(route.methods)
  const writes = methods.filter((method) => method !== 'GET')

  test(`bad/${route.template}: methods`, async () => {
    for (const method of ['GET', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS']) {
      if (methods.includes(method)) continue
      const sent = { method, target: filled(route) }
      const answer = await ask(sent)
      judge(sent, answer)
      assert.equal(answer.status, 405, sent.method)
    }
  })

  if (writes.length > 0)
    test(`bad/${route.template}: bodies`, async () => {
      await askAll(
        writes.flatMap((method) => BODIES.map((body) => ({ method, target: filled(route), body }))),
      )
    })

  test(`bad/${route.template}: paths and queries`, async () => {
    const targets = QUERIES.map((query) => `${filled(route)}?${query}`)
    if (/[{*]/.test(route.template)) targets.push(...SEGMENTS.map((each) => filled(route, each)))
    await askAll(
      methods.flatMap((method) =>
        targets.map((target) => ({ method, target, body: bodyOf(method) })),
      ),
    )
  })

  test(`bad/${route.template}: headers`, async () => {
    await askAll(
      methods.flatMap((method) =>
        HEADERS.map((headers) => ({
          method,
          target: filled(route),
          headers,
          body: bodyOf(method),
        })),
      ),
    )
  })
}

// What is there from the start, what a service keeps about refusals, and what two acts without a needed body make: a link
// to the console, an import without rows.
const WRITTEN = new Set([
  ...['api_tokens', 'settings', 'schema_migrations', 'issuers', 'crls'],
  ...['audit', 'rate_counts_0', 'rate_counts_1', 'console_links', 'operations'],
])

test('nothing of it was stored', async () => {
  const { db } = asking.database
  const tables = await db.unnamed<{ name: string }>(
    'tables',
    `select c.relname as name from pg_class c join pg_namespace n on n.oid = c.relnamespace
      where n.nspname = 'public' and c.relkind in ('r', 'p') and not c.relispartition order by 1`,
    [],
  )
  const filledTables: string[] = []
  for (const { name } of tables) {
    const rows = await db.unnamed('any', `select from ${name} limit 1`, [])
    if (rows.length > 0 && !WRITTEN.has(name)) filledTables.push(name)
  }
  assert.deepEqual(filledTables, [])
})

function bodyOf(method: string): string | undefined {
  return method === 'GET' || method === 'DELETE' ? undefined : '{}'
}
