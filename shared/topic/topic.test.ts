import assert from 'node:assert/strict'
import { test } from 'node:test'
import { topicFault } from './topic.ts'

test('fail/topics that are not the operators to give', () => {
  const bad = [
    'devices/{id}/x',
    'muster/{id}',
    '$SYS/{id}',
    '+/{id}',
    '#',
    '{id}/x',
    'a/b',
    'a/{id}/{id}',
    'a/x{id}',
    'a/#/{id}',
    'a/{id}/b+',
    '/{id}',
    'a/{id}/\u0000',
    // Mosquitto's ACL file skips spaces before a topic, and puts names in for these two.
    ' devices/+/{id}/#',
    '\u00a0devices/{id}',
    '%u/{id}',
    '%c/+/shadow/{id}',
    'a/%c/{id}',
  ]
  for (const filter of bad) assert.notEqual(topicFault(filter), undefined, filter)
  for (const filter of ['telemetry/{id}/#', 'a/+/{id}', 'x/{id}'])
    assert.equal(topicFault(filter), undefined)
})
