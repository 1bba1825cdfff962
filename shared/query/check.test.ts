import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECLARED } from '../../test/support/queries.ts'
import { checkQuery } from './check.ts'
import { printQuery } from './print.ts'

const codes = (text: string): string[] =>
  checkQuery(text, DECLARED).warnings.map(({ code, field }) => `${code} ${field}`)

for (const [text, expected] of [
  ['status = active', []],
  ["firmware_ver < '2.5.0' and status = active", []],
  ["firmware_ver < '2.5.0'", ['query.too_slow firmware_ver']],
  ['status = active and device_id like *9', []],
  ['status = active or device_id like *9', ['query.too_slow device_id']],
  ['not (status = active and group = eu)', ['query.too_slow status', 'query.too_slow group']],
  ['not (status != active or group = eu)', []],
  ['not (cert_expires > now)', []],
  ['attribute.site = x', []],
  ['attribute.site like *x', ['query.too_slow attribute.site']],
  ['attribute.ram exists', ['query.too_slow attribute.ram']],
  ['rollout.w != failed and rollout.w exists', []],
  ['attribute.loose = x', ['query.undeclared attribute.loose', 'query.too_slow attribute.loose']],
  ['connected', ['query.too_slow connected']],
  ['all', []],
] as const) {
  test(`ok/${text}`, () => assert.deepEqual(codes(text), expected))
}

test('fail/refused-as-parsing-does', () => {
  assert.throws(() => checkQuery('statsu = active', DECLARED), { code: 'query.unknown_field' })
})

test('ok/warning-has-its-place', () => {
  const [warning] = checkQuery('status = active or attribute.loose = 1', DECLARED).warnings
  assert.equal(warning?.at, 19)
  assert.equal(warning?.end, 38)
  assert.equal(warning?.hint, 'muster index add attribute.loose --type text')
})

test('ok/negative-terms-select-what-lacks-the-field', () => {
  const { absent, text } = checkQuery("status != active and attribute.site != 'x'", DECLARED)
  assert.equal(text, "status != 'active' and attribute.site != 'x'")
  const [first] = absent
  assert.equal(absent.length, 1)
  assert.ok(first)
  assert.equal(printQuery(first.lacking), `(${text}) and attribute.site not exists`)
  assert.equal(first.warning(4n, false).detail, '4 of the matches have no `attribute.site`')
})

test('ok/double-negation-is-no-negative-term', () => {
  assert.equal(checkQuery('not attribute.site != x', DECLARED).absent.length, 0)
  assert.equal(checkQuery('not attribute.ram > 5', DECLARED).absent.length, 1)
})
