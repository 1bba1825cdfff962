import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { DeviceId } from '../device-id.ts'
import { matchesFilter, overlaps } from './filter.ts'
import { classOfTopic, deviceOfTopic, parseTopic, shadowTopic } from './topics.ts'

const a = DeviceId.parse('a')

test('fail/what-is-no-native-topic', () => {
  for (const topic of [
    '',
    'devices',
    'devices/a',
    'devices//status',
    'devices/_muster-1/status',
    'devices/a b/status',
    'devices/a/shadow',
    'devices/a/shadow/update/accepted',
    'devices/a/shadow/delta',
    'devices/a/shadow/name/update',
    'devices/a/shadow/name//update',
    'devices/a/shadow/name/x/delta',
    'devices/a/config/desired',
    'devices/a/status/x',
    'devices/a/ota/chunk',
    'x/devices/a/status',
    'muster/bell',
    'muster/bell/a/b',
    '$aws/things/a/shadow/update',
  ])
    assert.equal(parseTopic(topic), undefined, topic)
})

test('ok/native-topics-by-position', () => {
  const table: [string, object][] = [
    ['devices/a/shadow/update', { kind: 'shadow', shadow: '', verb: 'update' }],
    ['devices/a/shadow/get', { kind: 'shadow', shadow: '', verb: 'get' }],
    ['devices/a/shadow/name/update/delete', { kind: 'shadow', shadow: 'update', verb: 'delete' }],
    ['devices/a/shadow/name/name/update', { kind: 'shadow', shadow: 'name', verb: 'update' }],
    ['devices/a/config/reported', { kind: 'config_reported' }],
    ['devices/a/status', { kind: 'status' }],
    ['devices/a/ota/status', { kind: 'ota_status' }],
    ['devices/a/ota/chunk/get', { kind: 'ota_chunk' }],
    ['muster/bell/a', { kind: 'bell' }],
  ]
  for (const [topic, expected] of table)
    assert.deepEqual(parseTopic(topic), { deviceId: 'a', ...expected }, topic)
})

test('ok/answers-go-beside-the-request', () => {
  assert.equal(shadowTopic(a, '', 'update/accepted'), 'devices/a/shadow/update/accepted')
  assert.equal(shadowTopic(a, 'net', 'delta'), 'devices/a/shadow/name/net/delta')
})

test('ok/lane-and-class', () => {
  assert.equal(deviceOfTopic('devices/a/anything/at/all'), 'a')
  assert.equal(deviceOfTopic('$aws/things/a/shadow/update'), 'a')
  assert.equal(deviceOfTopic('muster/bell/a'), 'a')
  assert.equal(deviceOfTopic('$SYS/broker/log/N'), undefined)
  assert.equal(classOfTopic('devices/a/shadow/name/x/get'), 'shadow')
  assert.equal(classOfTopic('devices/a/ota/chunk/get'), 'ota')
  assert.equal(classOfTopic('devices/a/status'), 'presence')
  assert.equal(classOfTopic('elsewhere'), undefined)
})

test('ok/filters', () => {
  const table: [string, string, boolean][] = [
    ['a/b', 'a/b', true],
    ['a/+', 'a/b', true],
    ['a/+', 'a', false],
    ['a/+', 'a/', true],
    ['a/#', 'a', true],
    ['a/#', 'a/b/c', true],
    ['#', 'a/b', true],
    ['#', '$SYS/x', false],
    ['+/x', '$SYS/x', false],
    ['$SYS/#', '$SYS/x', true],
    ['a/+/c', 'a/b/d', false],
    ['a', 'a/b', false],
  ]
  for (const [filter, topic, expected] of table)
    assert.equal(matchesFilter(filter, topic), expected, `${filter} ${topic}`)
  assert.ok(overlaps('devices/a/#', 'devices/+/shadow/name/+/delta'))
  assert.ok(overlaps('devices/a/shadow/name/x/delta', 'devices/a/shadow/name/+/delta'))
  assert.ok(!overlaps('devices/a/shadow/+', 'devices/a/shadow/name/+/delta'))
  assert.ok(!overlaps('devices/b/#', 'devices/a/#'))
})

test('fuzz/any-text-is-read-without-throwing', () => {
  const level = fc.oneof(
    fc.constantFrom('devices', 'shadow', 'name', 'update', 'a', '', '+', '#', '$aws', 'things'),
    fc.string({ unit: 'binary', maxLength: 4 }),
  )
  fc.assert(
    fc.property(fc.array(level, { maxLength: 9 }), (levels) => {
      const topic = levels.join('/')
      const parsed = parseTopic(topic)
      assert.equal(matchesFilter(topic, topic), true)
      if (parsed !== undefined) assert.equal(deviceOfTopic(topic), parsed.deviceId)
    }),
    { numRuns: 2000 },
  )
})
