import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CATALOGUE } from '../../test/support/queries.ts'
import { completeQuery } from './complete.ts'

const at = (text: string): readonly string[] =>
  completeQuery(text, text.length, CATALOGUE).candidates

for (const [text, candidates] of [
  ['sta', ['status']],
  ['not sta', ['status']],
  ['(hard', ['hardware_rev']],
  ['status = a', ["'active'"]],
  ["status = 'a", ["'active'"]],
  ['status = active a', ['and']],
  ['status in (active, sus', ["'suspended'"]],
  ['attribute.r', ['attribute.ram']],
  ['shadow.r', ['shadow.reported.temp', 'shadow.reported.at', 'shadow.reported.']],
  ['connected = ', ['true', 'false']],
  ['nope = a', []],
  ['status = active or nope = 1 and s', []],
] as const) {
  test(`ok/${text}`, () => assert.deepEqual(at(text), candidates))
}

test('ok/operators-after-a-field', () => {
  assert.deepEqual(at('status '), ['=', '!=', 'in', 'not in', 'exists', 'not exists'])
  assert.deepEqual(at('last_seen '), ['<', '<=', '>', '>=', 'exists', 'not exists'])
  assert.deepEqual(at('connected a'), ['and'])
})

test('ok/fields-at-the-beginning', () => {
  assert.ok(at('').includes('device_id'))
  assert.ok(at('status = active and ').includes('firmware_ver'))
})

test('ok/place-counts-code-points', () => {
  const text = "hardware_rev = '😀' and sta"
  const { at: from, end } = completeQuery(text, text.length, CATALOGUE)
  assert.deepEqual([from, end], [23, 26])
})
