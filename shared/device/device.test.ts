import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mergedAttributes, statusesBefore, toDevice } from './device.ts'

test('fail/nothing leads out of decommissioned', () => {
  assert.deepEqual(statusesBefore('active'), ['suspended'])
  assert.deepEqual(statusesBefore('suspended'), ['active'])
  assert.deepEqual(statusesBefore('decommissioned'), ['active', 'suspended'])
})

test('ok/of an attribute that several sources tell the last one counts', () => {
  assert.deepEqual(mergedAttributes([]), {})
  assert.deepEqual(mergedAttributes(['{"a":1,"b":2}', '{"b":3}', '[]']), { a: 1, b: 3 })
  const odd = mergedAttributes(['{"__proto__":{"x":1}}'])
  assert.equal(Object.getPrototypeOf(odd), Object.prototype)
})

test('ok/what is unknown is null', () => {
  const at = new Date('2026-01-02T03:04:05.006Z')
  const device = toDevice({
    device_id: 'gw-1',
    hardware_rev: '',
    firmware_ver: '',
    cert_serial: '',
    cert_expires: 'infinity',
    provisioned_at: null,
    broker_endpoint: '',
    status: 'active',
    revision: 1n,
    updated_at: at,
    last_seen: null,
    connected: false,
    groups: [],
    attributes: [],
  })
  assert.deepEqual(
    [device.hardware_rev, device.firmware_ver, device.cert_serial, device.cert_expires],
    [null, null, null, null],
  )
  assert.equal(device.updated_at, '2026-01-02T03:04:05.006Z')
})
