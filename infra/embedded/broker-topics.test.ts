import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  covers,
  isRequest,
  matches,
  mayPublish,
  mayReceive,
  mayRetain,
  maySubscribe,
  type BrokerIdentity,
  type OperatorTopic,
} from './broker-topics.ts'

const device: BrokerIdentity = { kind: 'device', id: 'd1' }
const service: BrokerIdentity = { kind: 'service', id: 'app' }
const connector: BrokerIdentity = { kind: 'connector', id: '_muster' }
const TOPICS: readonly OperatorTopic[] = [
  { filter: 'telemetry/{id}/#', device: 'publish' },
  { filter: 'command/{id}/+', device: 'subscribe' },
  { filter: 'chat/{id}', device: 'both' },
  // A row that should never have come to be.
  { filter: 'devices/{id}/#', device: 'both' },
]

const REQUESTS = [
  'devices/d1/shadow/update',
  'devices/d1/shadow/get',
  'devices/d1/shadow/delete',
  'devices/d1/shadow/name/net/update',
  'devices/d1/ota/status',
  'devices/d1/ota/chunk/get',
  'devices/d1/config/reported',
  'devices/d1/status',
  '$aws/things/d1/shadow/update',
  '$aws/things/d1/shadow/name/net/get',
  '$aws/things/d1/jobs/get',
  '$aws/things/d1/jobs/start-next',
  '$aws/things/d1/jobs/7/update',
]
const ANSWERS = [
  'devices/d1/shadow/update/accepted',
  'devices/d1/shadow/delta',
  'devices/d1/shadow/name/net/delta',
  'devices/d1/config/desired',
  'devices/d1/ota/notify',
  'devices/d1/ota/status/rejected',
  'devices/d1/ota/chunk',
  'devices/d1/cert/renew',
  '$aws/things/d1/shadow/update/delta',
  '$aws/things/d1/jobs/notify',
]

test('fail/answers-are-not-published-requests-not-received', () => {
  for (const topic of ANSWERS) assert.equal(mayPublish(device, topic, TOPICS), false, topic)
  for (const topic of REQUESTS) assert.equal(mayReceive(device, topic, TOPICS), false, topic)
})

test('fail/topics-of-another-device', () => {
  for (const topic of [...REQUESTS, ...ANSWERS].map((each) => each.replace('/d1/', '/d2/'))) {
    assert.equal(mayPublish(device, topic, TOPICS), false, topic)
    assert.equal(mayReceive(device, topic, TOPICS), false, topic)
    assert.equal(maySubscribe(device, topic, TOPICS), false, topic)
  }
})

test('fail/filters-that-reach-further', () => {
  const filters = ['#', '+/#', 'devices/#', 'devices/+/shadow/delta', '$aws/#', '$aws/things/+/#']
  filters.push('$SYS/#', '$share/g/devices/d1/#', 'muster/#', 'devices/d1', 'telemetry/#', 'chat/+')
  for (const filter of filters) assert.equal(maySubscribe(device, filter, TOPICS), false, filter)
})

test('fail/service-account-outside-the-operators-topics', () => {
  for (const topic of [...REQUESTS, ...ANSWERS, '$SYS/x', 'muster/1/mark', 'other/d1']) {
    assert.equal(mayPublish(service, topic, TOPICS), false, topic)
    assert.equal(mayReceive(service, topic, TOPICS), false, topic)
    assert.equal(maySubscribe(service, topic, TOPICS), false, topic)
  }
})

test('fail/retain-elsewhere', () => {
  for (const topic of [
    'devices/d1/shadow/update',
    'devices/d1/shadow/name/x/get',
    'telemetry/d1/t',
  ])
    assert.equal(mayRetain(device, topic), false, topic)
  assert.equal(mayRetain(device, 'muster/1/mark'), false)
})

test('ok/requests-published-answers-received', () => {
  for (const topic of REQUESTS) {
    assert.ok(isRequest(topic), topic)
    assert.ok(mayPublish(device, topic, []), topic)
  }
  for (const topic of ANSWERS) {
    assert.ok(mayReceive(device, topic, []), topic)
    assert.ok(maySubscribe(device, topic, []), topic)
  }
  assert.ok(maySubscribe(device, 'devices/d1/#', []))
})

test('ok/operators-topics', () => {
  assert.ok(mayPublish(device, 'telemetry/d1/cpu/load', TOPICS))
  assert.equal(mayPublish(device, 'telemetry/d2/cpu', TOPICS), false)
  assert.equal(maySubscribe(device, 'telemetry/d1/#', TOPICS), false)
  assert.ok(maySubscribe(device, 'command/d1/reboot', TOPICS))
  assert.equal(mayPublish(device, 'command/d1/reboot', TOPICS), false)
  assert.ok(mayPublish(device, 'chat/d1', TOPICS) && mayReceive(device, 'chat/d1', TOPICS))
  assert.ok(maySubscribe(service, 'telemetry/+/#', TOPICS))
  assert.ok(maySubscribe(service, 'telemetry/d7/cpu', TOPICS))
  assert.ok(mayReceive(service, 'telemetry/d7/cpu', TOPICS))
  assert.ok(mayPublish(service, 'command/d7/reboot', TOPICS))
})

test('ok/connector-everywhere', () => {
  assert.ok(maySubscribe(connector, 'devices/+/shadow/update', []))
  assert.ok(mayPublish(connector, 'devices/d1/shadow/delta', []))
  assert.ok(mayRetain(connector, 'devices/d1/config/desired'))
  assert.ok(mayRetain(connector, 'muster/1/mark'))
})

const MATCHES: readonly [filter: string, topic: string, expected: boolean][] = [
  ['a/b', 'a/b', true],
  ['a/+', 'a/b', true],
  ['a/+', 'a/b/c', false],
  ['a/#', 'a/b/c', true],
  ['a/#', 'a', true],
  ['#', '$SYS/x', false],
  ['+/x', '$SYS/x', false],
  ['$SYS/#', '$SYS/x', true],
  ['a/+/c', 'a//c', true],
]
for (const [filter, topic, expected] of MATCHES) {
  test(`ok/match ${filter} ${topic}`, () => assert.equal(matches(filter, topic), expected))
}

const COVERS: readonly [outer: string, inner: string, expected: boolean][] = [
  ['a/+/#', 'a/b/#', true],
  ['a/+/#', 'a/#', false],
  ['a/+', 'a/+', true],
  ['a/b', 'a/+', false],
  ['a/+/c', 'a/b/c', true],
  ['a/+/c', 'a/b', false],
  ['a/b', 'a/b/c', false],
]
for (const [outer, inner, expected] of COVERS) {
  test(`ok/cover ${outer} ${inner}`, () => assert.equal(covers(outer, inner), expected))
}
