import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Item } from '../../shared/mqtt/delivery.ts'
import { readItem } from './read-item.ts'

const item = (topic: string, payload: Uint8Array, over?: 413 | 429): Item => ({
  index: 0,
  topic,
  payload: Buffer.from(payload),
  id: '1',
  slot: 1,
  epoch: '1',
  packet: 1,
  dup: false,
  ...(over !== undefined && { over }),
})

const level = fc.oneof(
  fc.constantFrom(
    'devices',
    'd1',
    'shadow',
    'name',
    'update',
    'get',
    'delete',
    'config',
    'reported',
    'muster',
    'bell',
    '',
  ),
  fc.string({ unit: 'grapheme', maxLength: 70 }),
)
const topic = fc.oneof(
  fc.array(level, { minLength: 1, maxLength: 8 }).map((levels) => levels.join('/')),
  fc.tuple(fc.constantFrom('', 'name/net/', 'name/a b/'), fc.constantFrom('update', 'get', 'delete')).map(([name, verb]) => `devices/d1/shadow/${name}${verb}`),
  fc.constant('devices/d1/config/reported'),
) // prettier-ignore
const envelope = fc.record(
  {
    state: fc.oneof(
      fc.jsonValue(),
      fc.record({ desired: fc.jsonValue(), reported: fc.jsonValue() }),
    ),
    version: fc.jsonValue(),
    clientToken: fc.jsonValue(),
  },
  { requiredKeys: [] },
)
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.json().map((text) => Buffer.from(text)),
  fc.string({ unit: 'binary', maxLength: 100 }).map((text) => Buffer.from(text)),
  envelope.map((value) => Buffer.from(JSON.stringify(value))),
)

test('ok/whatever comes is a change, a refusal with its place, or dead', () => {
  fc.assert(
    fc.property(topic, payload, (to, bytes) => {
      const read = readItem(item(to, bytes))
      if ('dead' in read || 'nothing' in read) return
      assert.equal(read.place.deviceId, to.split('/')[1])
      if ('error' in read) {
        assert.match(read.error.code, /^(shadow\.(invalid|encoding)|rate\.limited)$/)
      } else assert.equal(read.change.shadow, read.place.shadow)
    }),
    { numRuns: 3000 },
  )
})

test('ok/what is over a bound is refused unread', () => {
  const read = readItem(item('devices/d1/shadow/update', Buffer.from('{'), 429))
  assert.ok('error' in read && read.error.code === 'rate.limited')
  const large = readItem(item('devices/d1/shadow/update', Buffer.alloc(0), 413))
  assert.ok('error' in large && large.error.code === 'shadow.too_large')
})
