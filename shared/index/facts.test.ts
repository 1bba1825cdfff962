import assert from 'node:assert/strict'
import { test } from 'node:test'
import { versionKey } from '../query/version.ts'
import { factsOf, isFirmwareVersion, SEALED, type FieldType } from './facts.ts'

const none = { n: null, v: null }
const sealed = { t: SEALED, ...none }
const at = 1_700_000_000_000_000

const cases: [type: FieldType, value: unknown, facts: object[]][] = [
  ['text', undefined, []],
  ['text', null, []],
  ['text', [], []],
  ['text', 'a', [{ t: 'a', ...none }]],
  ['text', '', [{ t: '', ...none }]],
  ['text', ['a', 'b', 'a'], [{ t: 'a', ...none }, { t: 'b', ...none }]],
  ['text', 5, [sealed]],
  ['text', { a: 1 }, [sealed]],
  ['text', ['a', {}, 7], [{ t: 'a', ...none }, sealed]],
  ['text', 'x'.repeat(1024), [{ t: 'x'.repeat(1024), ...none }]],
  ['text', 'ä'.repeat(513), [sealed]],
  ['text', 'a\0b', [sealed]],
  ['text', '\ud800', [sealed]],
  ['number', 1.5, [{ t: '1.5', n: 1.5, v: null }]],
  ['number', -0, [{ t: '0', n: -0, v: null }]],
  ['number', '7', [sealed]],
  ['number', 12345678901234567890n, [{ t: '12345678901234567000', n: 12345678901234567000, v: null }]],
  ['number', 10n ** 400n, [sealed]],
  ['boolean', false, [{ t: 'false', ...none }]],
  ['boolean', 'true', [sealed]],
  ['version', '2.5.0', [{ t: '2.5.0', n: null, v: versionKey('2.5.0') }]],
  ['version', '', [sealed]],
  ['version', '1'.repeat(129), [sealed]],
  ['version', 2.5, [sealed]],
  ['time', '2023-11-14T22:13:20Z', [{ t: '2023-11-14T22:13:20.000000Z', n: at, v: null }]],
  ['time', '2023-11-14T23:13:20+01:00', [{ t: '2023-11-14T22:13:20.000000Z', n: at, v: null }]],
  ['time', '2023-02-30', [sealed]],
  ['time', 1_700_000_000, [sealed]],
] // prettier-ignore

for (const [index, [type, value, facts]] of cases.entries()) {
  test(`ok/facts ${index}: ${type}`, () => assert.deepEqual(factsOf(type, value), facts))
}

test('ok/what can be a version that a device runs', () => {
  const good = ['1.0.0', 'v2', '2024.04-rc1']
  const bad = ['', 5, null, undefined, 'x'.repeat(129), 'a\0', '\ud800', ['1']]
  assert.ok(good.every(isFirmwareVersion))
  assert.ok(!bad.some(isFirmwareVersion))
})
