import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DECLARED, NOW } from '../../test/support/queries.ts'
import { evaluate, type DeviceValues } from './evaluate.ts'
import { parseQuery } from './parse.ts'
import { versionKey } from './version.ts'

const us = (text: string): number => Date.parse(text) * 1000

const DEVICE: DeviceValues = new Map([
  ['device_id', [{ t: 'gw-17' }]],
  ['status', [{ t: 'active' }]],
  ['firmware_ver', [{ t: '2.4.1+b7', v: versionKey('2.4.1+b7') }]],
  ['group', [{ t: 'eu' }, { t: 'canary' }]],
  ['attribute.ram', [{ t: '512', n: 512 }]],
  ['attribute.site', [{ t: '\u0001' }]],
  ['last_seen', [{ t: '', n: us('2026-11-20T00:00:00Z') }]],
])

for (const [text, expected] of [
  ['firmware_ver <= 2.4.1', true],
  ['firmware_ver = 2.4.1', false],
  ["firmware_ver = '2.4.1+b7'", true],
  ['firmware_ver like 2.4.*', true],
  ['group = eu', true],
  ['group != eu', false],
  ['group not in (us, de)', true],
  ['attribute.ram >= 512', true],
  ['attribute.ram in (1, 512)', true],
  ['attribute.boot != 1', true],
  ['attribute.boot < 1', false],
  ['not (attribute.boot < 1)', true],
  ['attribute.boot not exists', true],
  ['attribute.site exists', true],
  ['attribute.site like ?', false],
  ['attribute.site != x', true],
  ['last_seen < 3d ago', true],
  ['last_seen < 5d ago', false],
  ['connected', false],
  ['connected = false', true],
  ['connected exists', true],
  ['not connected', true],
  ['all', true],
  ['not all', false],
  ['status = suspended or device_id like gw-*', true],
  ['status = suspended and device_id like gw-*', false],
] as const) {
  test(`ok/${text}`, () =>
    assert.equal(evaluate(parseQuery(text, DECLARED), DEVICE, NOW), expected))
}
