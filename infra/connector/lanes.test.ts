import assert from 'node:assert/strict'
import test from 'node:test'
import fc from 'fast-check'
import { Bells } from './bells.ts'
import { hold, type Held } from './held.ts'
import { Lanes } from './lanes.ts'
import { CallWindow } from './window.ts'

let count = 0
const item = (lane: string, functionName = 'f', bytes = 1): Held => {
  count += 1
  return hold(
    {
      lane,
      functionName,
      topic: `devices/${lane}/shadow/update`,
      payload: Buffer.alloc(bytes),
      delivery: String(count),
      packet: count,
    },
    0,
  )
}

test('ok/several-items-of-a-lane-share-a-batch-in-order', () => {
  const lanes = new Lanes()
  const items = [item('a'), item('b'), item('a')]
  for (const each of items) lanes.add(each)
  assert.deepEqual(lanes.take('f'), [items[0], items[2], items[1]])
  assert.equal(lanes.isReady('f'), false)
})

test('ok/busy-lane-waits-for-its-release', () => {
  const lanes = new Lanes()
  lanes.add(item('a'))
  lanes.take('f')
  const second = item('a')
  lanes.add(second)
  assert.equal(lanes.isReady('f'), false)
  lanes.release('a', [], 1)
  assert.deepEqual(lanes.take('f'), [second])
  lanes.release('a', [], 1)
  assert.deepEqual([lanes.items, lanes.size], [0, 0])
})

test('ok/another-function-ends-the-run-of-a-lane', () => {
  const lanes = new Lanes()
  const [first, other, last] = [item('a'), item('a', 'g'), item('a')]
  for (const each of [first, other, last]) lanes.add(each)
  assert.deepEqual(lanes.take('f'), [first])
  lanes.release('a', [], 1)
  assert.equal(lanes.isReady('f'), false)
  assert.deepEqual(lanes.take('g'), [other])
})

test('fail/failed-items-travel-among-themselves', () => {
  const lanes = new Lanes()
  const suspects = ['a', 'b', 'c'].map((lane) => Object.assign(item(lane), { limit: 2 }))
  const good = item('d')
  for (const each of [...suspects, good]) lanes.add(each)
  assert.deepEqual(lanes.take('f'), suspects.slice(0, 2))
  assert.deepEqual(lanes.take('f'), [suspects[2]])
  assert.deepEqual(lanes.take('f'), [good])
})

test('fail/batch-is-bounded', () => {
  const lanes = new Lanes()
  for (let n = 0; n < 250; n++) lanes.add(item(`d${n}`))
  assert.equal(lanes.take('f').length, 200)
  assert.equal(lanes.take('f').length, 50)
  for (let n = 0; n < 8; n++) lanes.add(item(`l${n}`, 'f', 300_000))
  assert.equal(lanes.take('f').length, 2)
})

test('fuzz/nothing-is-lost-nothing-overtakes', () => {
  const step = fc.oneof(
    fc.record({ add: fc.constantFrom('a', 'b', 'c'), to: fc.constantFrom('f', 'g') }),
    fc.record({ take: fc.constantFrom('f', 'g'), keep: fc.nat(3) }),
  )
  fc.assert(
    fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
      const lanes = new Lanes()
      const sent: Held[] = []
      const done: Held[] = []
      const finish = (functionName: string, keep: number) => {
        for (const [lane, mine] of Map.groupBy(lanes.take(functionName), (each) => each.lane)) {
          const through = mine.slice(0, Math.max(0, mine.length - keep))
          done.push(...through)
          lanes.release(lane, mine.slice(through.length), through.length)
        }
      }
      for (const each of steps) {
        if ('add' in each) {
          const added = item(each.add, each.to)
          sent.push(added)
          lanes.add(added)
        } else finish(each.take, each.keep)
        assert.equal(lanes.items, sent.length - done.length)
      }
      while (lanes.items > 0) for (const name of ['f', 'g']) finish(name, 0)
      for (const lane of ['a', 'b', 'c']) {
        const of = (list: Held[]) => list.filter((each) => each.lane === lane)
        assert.deepEqual(of(done), of(sent))
      }
    }),
  )
})

function bellsOver(lanes: Lanes) {
  const timers: (() => void)[] = []
  const bells = new Bells({
    lanes,
    nextDelivery: () => '1',
    now: () => 0,
    later: (work) => timers.push(work),
    wake: () => undefined,
  })
  return { bells, tick: () => timers.splice(0).forEach((work) => work()) }
}

test('ok/bells-of-a-lane-are-one', () => {
  const lanes = new Lanes()
  const { bells } = bellsOver(lanes)
  bells.ringFor('a', '1', false)
  bells.ringFor('a', '2', false)
  bells.ringForMark('a')
  const [bell, ...others] = lanes.take('compute-delta')
  assert.equal(others.length, 0)
  assert.deepEqual([...(bell?.ring?.outbox ?? [])], ['1', '2'])
  assert.equal(bell?.ring?.why, 'mark')
})

test('ok/bell-after-a-lost-answer-goes-before-what-waits', () => {
  const lanes = new Lanes()
  const { bells } = bellsOver(lanes)
  const lost = item('a')
  lanes.add(lost)
  assert.deepEqual(lanes.take('f'), [lost])
  lanes.add(item('a'))
  bells.ringFor('a', '1', true)
  lanes.release('a', [lost], 0)
  assert.equal(lanes.take('compute-delta').length, 1)
  lanes.release('a', [], 1)
  assert.equal(lanes.take('f')[0], lost)
})

test('ok/subscriptions-of-a-second-are-one-bell-with-all-their-pubacks', () => {
  const lanes = new Lanes()
  const { bells, tick } = bellsOver(lanes)
  bells.ringForSubscription('a', 'x', 1)
  const [first] = lanes.take('compute-delta')
  lanes.release('a', [], 1)
  bells.ringForSubscription('a', 'y', 2)
  bells.ringForSubscription('a', 'z', 3)
  assert.equal(lanes.isReady('compute-delta'), false)
  tick()
  const [second] = lanes.take('compute-delta')
  assert.deepEqual([first?.acks, second?.acks], [[1], [2, 3]])
  assert.deepEqual([...(second?.ring?.filters ?? [])], ['y', 'z'])
})

test('fail/name-that-is-no-device-rings-nothing', () => {
  const lanes = new Lanes()
  bellsOver(lanes).bells.ringFor('_muster-1', '1', false)
  assert.equal(lanes.items, 0)
})

test('ok/window-opens-while-full-closes-again-and-halves-at-429', () => {
  const window = new CallWindow()
  assert.deepEqual([window.enter(), window.enter(), window.enter()], [true, true, false])
  window.leave('answered', true)
  assert.equal(window.limit, 3)
  window.leave('answered', false)
  assert.equal(window.limit, 2)
  for (let n = 0; n < 100; n++) {
    while (window.enter());
    window.leave('answered', true)
  }
  assert.equal(window.limit, 16)
  window.leave('busy', true)
  assert.equal(window.limit, 8)
})
