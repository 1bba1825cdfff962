import assert from 'node:assert/strict'
import { test } from 'node:test'
import { nearest, nearestField } from './suggest.ts'

const NAMES = ['device_id', 'hardware_rev', 'firmware_ver', 'status', 'connected', 'group']

for (const [word, name] of [
  ['firmware_version', 'firmware_ver'],
  ['statsu', 'status'],
  ['Status', 'status'],
  ['thingName', 'device_id'],
  ['online', 'connected'],
  ['hw', 'hardware_rev'],
  ['gruop', 'group'],
  ['constructor', undefined],
  ['zzzz', undefined],
  ['x'.repeat(5_000), undefined],
] as const) {
  test(`ok/${word.slice(0, 20)}`, () => assert.equal(nearestField(word, NAMES), name))
}

test('ok/nearest-of-choices', () => {
  assert.equal(nearest('activ', ['active', 'suspended']), 'active')
  assert.equal(nearest('b', []), undefined)
})
