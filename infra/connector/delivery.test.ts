import assert from 'node:assert/strict'
import test from 'node:test'
import { hold } from './held.ts'
import type { Fate } from './outcome.ts'
import { Publisher, type Outlet } from './publisher.ts'
import { passesAfter } from './restore.ts'
import { laneResults, stepsOf } from './settle.ts'
import { triggersOf, routeOf } from './triggers.ts'
import { sortMessage } from './intake.ts'
import { parseHopRoot } from './hop-root.ts'

const item = (lane: string, packet: number) =>
  hold({ lane, functionName: 'f', topic: 't', payload: Buffer.alloc(0), delivery: '1', packet }, 0)

const frame = (index: number, topic: string) =>
  ({ item: index, qos: 1, retain: false, topic, payload: '' }) as const

test('ok/puback-follows-the-last-frame-of-its-item', () => {
  const fates: Fate[] = [{ kind: 'done' }, { kind: 'done' }, { kind: 'again', delayMs: 1 }]
  const batch = [item('a', 1), item('b', 2), item('c', 3)]
  const frames = [frame(0, 'x'), frame(1, 'y'), frame(0, 'z')]
  const steps = stepsOf(batch, fates, frames, () => undefined)
  const shown = steps.map((step) => ('acknowledge' in step ? step.acknowledge : step.frame.topic))
  assert.deepEqual(shown, ['x', 'y', 2, 'z', 1])
})

test('ok/what-becomes-of-lanes', () => {
  const batch = [item('a', 1), item('a', 2), item('b', 3), item('c', 4)]
  const fates: Fate[] = [
    { kind: 'done' },
    { kind: 'again', delayMs: 100 },
    { kind: 'duplicate' },
    { kind: 'dead', reason: 'x' },
  ]
  const shown = laneResults(batch, fates, false).map((result) => {
    const { lane, again, dead, finished, delayMs, ask } = result
    return { lane, again: again.length, dead: dead.length, finished, delayMs, ask }
  })
  assert.deepEqual(shown, [
    { lane: 'a', again: 1, dead: 0, finished: 1, delayMs: 100, ask: false },
    { lane: 'b', again: 0, dead: 0, finished: 1, delayMs: 0, ask: true },
    { lane: 'c', again: 0, dead: 1, finished: 1, delayMs: 0, ask: false },
  ])
})

const taken = () => undefined

/** A wire in memory: what was written, and the broker's PUBACKs on demand. */
function wire(quota: number) {
  const written: (string | number)[] = []
  const waiting: ((code: number) => void)[] = []
  const state = { writable: true }
  const link: Outlet = {
    quota,
    get writable() {
      return state.writable
    },
    publish: ({ topic, qos }, done) => {
      written.push(topic)
      if (qos === 1) waiting.push(done)
    },
    acknowledge: (packet) => written.push(packet),
  }
  return { link, written, state, take: () => waiting.shift()?.(0) }
}

test('fail/no-more-unacknowledged-than-the-broker-offered', () => {
  const { link, written, take } = wire(2)
  let room = 0
  const publisher = new Publisher(link, () => {
    room += 1
  })
  publisher.push([
    { frame: frame(0, 'a'), done: taken },
    { frame: frame(0, 'b'), done: taken },
    { frame: frame(0, 'c'), done: taken },
    { acknowledge: 1 },
  ])
  assert.deepEqual(written, ['a', 'b'])
  assert.equal(publisher.full, true)
  publisher.push([{ acknowledge: 2 }])
  take()
  assert.deepEqual(written, ['a', 'b', 'c', 1, 2])
  assert.deepEqual([publisher.full, publisher.unacknowledged, room], [false, 2, 1])
})

test('fail/nothing-is-written-to-a-full-socket', () => {
  const { link, written, state } = wire(9)
  let room = 0
  const publisher = new Publisher(link, () => {
    room += 1
  })
  state.writable = false
  publisher.push([{ acknowledge: 1 }])
  assert.deepEqual(written, [])
  state.writable = true
  publisher.flush()
  assert.deepEqual([written, room], [[1], 1])
})

const four = <T>(one: T): T[] => [one, one, one, one]

test('ok/what-a-mark-lets-be-sent-anew', () => {
  const mark = new Date('2026-01-01T00:01:00.000Z')
  const since = '2026-01-01T00:00:00.000Z'
  assert.deepEqual(passesAfter(null, [{ since, after: 'm' }]), [{ since: null, after: '' }])
  assert.deepEqual(passesAfter(mark, []), [{ since, after: '' }])
  const undone = { since: null, after: 'm' }
  assert.deepEqual(passesAfter(mark, [undone]), [undone, { since, after: '' }])
  assert.deepEqual(passesAfter(mark, four({ since, after: 'x' })), [{ since, after: '' }])
  assert.deepEqual(passesAfter(mark, four(undone)), [{ since: null, after: '' }])
})

const STACK = `
functions:
  shadow-update: { annotations: { topic: 'devices/+/shadow/update, devices/+/config/reported' } }
  compute-delta: { annotations: { topic: '$SYS/broker/log/M/subscribe', schedule: '@every 5s' } }
  register: { annotations: { topic: 'devices/+/status,$SYS/broker/log/N' } }
  console: {}
`

test('ok/triggers-of-a-stack-file', () => {
  const { topics, schedules } = triggersOf(STACK)
  assert.deepEqual(topics.shadow.length, 3)
  assert.equal(routeOf(topics.shadow, 'devices/a/shadow/update'), 'shadow-update')
  assert.equal(routeOf(topics.shadow, 'devices/a/shadow/get'), undefined)
  assert.deepEqual(
    schedules.map(({ functionName }) => functionName),
    ['compute-delta'],
  )
})

test('fail/topics-without-a-class', () => {
  assert.throws(
    () => triggersOf(`functions: { ota: { annotations: { topic: 'a/b' } } }`),
    /ota has topics, but no class/,
  )
})

const message = (topic: string, payload = 'x', retain = false) => ({
  topic,
  payload: Buffer.from(payload),
  packet: 1,
  dup: false,
  retain,
})

test('ok/messages-are-sorted', () => {
  const { shadow, presence } = triggersOf(STACK).topics
  const kind = (topic: string, payload?: string, retain?: boolean) =>
    sortMessage(message(topic, payload, retain), [...shadow, ...presence]).kind
  assert.equal(kind('devices/a/shadow/update'), 'item')
  assert.equal(kind('devices/a/shadow/update', 'x', true), 'retained')
  assert.equal(kind('devices/a/shadow/update', '', true), 'ignored')
  assert.equal(kind('devices/a/config/reported', 'x', true), 'item')
  assert.equal(kind('devices/a/status', 'x', true), 'item')
  assert.equal(kind('devices/a\n/status'), 'dead')
  assert.equal(kind('elsewhere'), 'ignored')
  assert.equal(kind('$SYS/broker/log/N', '1: Client a disconnected.'), 'item')
  assert.equal(kind('$SYS/broker/log/N', '1: mosquitto running'), 'ignored')
  assert.equal(kind('$SYS/broker/log/M/subscribe', '1: a 1 devices/a/#'), 'subscribed')
  assert.equal(kind('$SYS/broker/log/M/subscribe', '1: _muster-1 1 devices/+/status'), 'ignored')
})

test('ok/hop-root-with-and-without-kid', () => {
  const root = Buffer.alloc(32, 7)
  const text = root.toString('base64')
  assert.deepEqual(parseHopRoot(Buffer.from(`${text}\n`)), { kid: 'k1', root })
  assert.deepEqual(parseHopRoot(Buffer.from(`k2:${text}`)), { kid: 'k2', root })
  assert.throws(() => parseHopRoot(Buffer.from('short')), /not base64 of 32 bytes/)
})
