import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECLARED, NOW } from '../../test/support/queries.ts'
import { compileCount, compilePage, compileSelect } from './compile.ts'
import { parseQuery } from './parse.ts'

const where = (text: string): string => {
  const compiled = compileCount(parseQuery(text, DECLARED), { now: NOW }).text
  return compiled.replace('select count(*) as count from devices d where ', '')
}

for (const [text, expected] of [
  ['status = active', 'd.status = $1::text'],
  ['status != active', 'd.status <> $1::text'],
  ['status not in (active, suspended)', '(d.status = any($1::text[])) is not true'],
  [
    'not (status = active and connected)',
    '(d.status <> $1::text or not exists (select from device_presence f where f.device_id = d.device_id and f.connected))',
  ],
  ["firmware_ver < '2.5.0'", 'd.firmware_key < $1::text'],
  ["not firmware_ver < '2.5.0'", '(d.firmware_key < $1::text) is not true'],
  ["firmware_ver = ''", 'false'],
  ["firmware_ver != ''", 'true'],
  ["firmware_ver like '*'", "(d.firmware_ver like $1::text and d.firmware_ver <> '')"],
  ['cert_expires > now', "(d.cert_expires > $1::timestamptz and d.cert_expires < 'infinity')"],
  ['cert_expires exists', "d.cert_expires <> 'infinity'"],
  ['provisioned_at not exists', 'd.provisioned_at is null'],
  ['device_id exists', 'true'],
  [
    'attribute.site = x',
    'exists (select from device_facts f where f.device_id = d.device_id and f.field = $1::int and f.t = $2::text)',
  ],
  [
    'group = eu',
    'exists (select from group_members f where f.device_id = d.device_id and f.group_id = (select group_id from groups g where g.name = $1::text))',
  ],
  ['not all', 'false'],
] as const) /* prettier-ignore */ {
  test(`ok/${text}`, () => assert.equal(where(text), expected))
}

test('ok/values-are-parameters-only', () => {
  const text = "device_id = 'x'' or true --' and attribute.site in ('a', 'b')"
  const { text: sql, values } = compileCount(parseQuery(text, DECLARED), { now: NOW })
  assert.ok(!sql.includes('--'))
  assert.deepEqual(values, ["x' or true --", 1, ['a', 'b']])
})

test('ok/key-of-the-page-stands-inside-each-exists', () => {
  const query = parseQuery('attribute.site = x and connected', DECLARED)
  const { text, label } = compileSelect(query, { now: NOW, after: 'gw-9', limit: 50 })
  assert.equal(label, 'fleet_select')
  assert.equal(text.split('f.device_id > $1::text').length, 3)
  assert.match(text, / and d\.device_id > \$1::text order by d\.device_id asc limit \$\d::int$/)
})

test('ok/sorted-page-goes-on-after-value-and-id', () => {
  const query = parseQuery('status = active', DECLARED)
  const after = { deviceId: 'gw-9', sortValue: '2026-11-24 00:00:00+00' }
  const { text, values, label } = compilePage(query, {
    now: NOW,
    limit: 2,
    sort: 'last_seen',
    descending: true,
    after,
  })
  assert.equal(label, 'fleet_page')
  assert.match(text, /\(coalesce\(p\.last_seen, '-infinity'\), d\.device_id\) < \(\$1::timestamptz/)
  assert.deepEqual(values, [after.sortValue, 'gw-9', 'active', 2])
})

test('ok/now-is-the-argument', () => {
  const { values } = compileCount(parseQuery('last_seen < 1d ago', DECLARED), {
    now: NOW,
    cap: 10_001,
  })
  assert.deepEqual(values, ['2026-11-23T00:00:00.000000Z', 10_001])
})
