import assert from 'node:assert/strict'
import test from 'node:test'
import { encodeBell, parseBell } from './bell.ts'
import { hearsState, parsePresence, parseSubscription } from './broker-log.ts'

test('ok/presence-of-devices', () => {
  for (const [line, kind] of [
    ['1700000000: New client connected from 127.0.0.1:5000 as gw-1 (p5, c0, k60).', 'connected'],
    ["1700000000: New client connected from ::1 as gw-1 (p2, c1, k60, u'gw-1').", 'connected'],
    ['1700000000: Client gw-1 disconnected.', 'disconnected'],
    ['1700000000: Client gw-1 [10.0.0.1:33] disconnected: not authorised.', 'disconnected'],
    ['1700000000: Client gw-1 disconnected due to malformed packet.', 'disconnected'],
    ['1700000000: Client gw-1 closed its connection.', 'disconnected'],
    ['1700000000: Client gw-1 has exceeded timeout, disconnecting.', 'disconnected'],
  ] as const)
    assert.deepEqual(parsePresence(Buffer.from(line)), {
      kind,
      deviceId: 'gw-1',
      at: 1_700_000_000,
    })
})

test('fail/what-is-no-presence', () => {
  for (const line of [
    '',
    '1700000000: New connection from 127.0.0.1:5000 on port 8883.',
    '1700000000: New client connected from 127.0.0.1:5000 as _muster-1 (p5, c0, k10).',
    '1700000000: Client gw-1 already connected, closing old connection.',
    '1700000000: Client <unknown> closed its connection.',
    '1700000000: mosquitto version 2.0.11 running',
  ])
    assert.equal(parsePresence(line), undefined, line)
})

test('ok/subscriptions', () => {
  assert.deepEqual(parseSubscription('1700000000: gw-1 1 devices/gw-1/shadow/delta'), {
    deviceId: 'gw-1',
    filter: 'devices/gw-1/shadow/delta',
  })
  assert.equal(parseSubscription('1700000000: _muster-1 1 devices/+/status'), undefined)
  assert.equal(parseSubscription('nonsense'), undefined)
})

const hears = (filter: string) => hearsState(parseSubscription(`gw-1 0 ${filter}`) ?? never())

test('ok/which-subscriptions-hear-state', () => {
  for (const filter of [
    'devices/gw-1/shadow/delta',
    'devices/gw-1/shadow/name/+/delta',
    'devices/gw-1/shadow/name/net/delta',
    'devices/gw-1/config/desired',
    'devices/gw-1/ota/notify',
    'devices/gw-1/#',
    '$aws/things/gw-1/shadow/update/delta',
    '#',
  ])
    assert.ok(hears(filter), filter)
  for (const filter of [
    'devices/gw-1/shadow/update/accepted',
    'devices/gw-2/#',
    'devices/gw-1/ota/chunk',
  ])
    assert.ok(!hears(filter), filter)
})

function never(): never {
  throw new Error('not parsed')
}

test('ok/bell-arrives-as-sent', () => {
  const bell = { why: 'subscribe', outbox: ['4711'], filters: ['devices/a/#'] } as const
  assert.deepEqual(parseBell(encodeBell(bell)), bell)
  assert.deepEqual(parseBell(encodeBell({ why: 'mark', outbox: [] })), {
    why: 'mark',
    outbox: [],
    filters: [],
  })
})

test('fail/no-bell', () => {
  for (const text of ['', '[]', '{}', '{"why":"x","outbox":[]}', '{"why":"mark","outbox":["-1"]}'])
    assert.equal(parseBell(Buffer.from(text)), undefined, text)
})
