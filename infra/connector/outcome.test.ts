import assert from 'node:assert/strict'
import test from 'node:test'
import type { Answer } from '../../shared/mqtt/delivery.ts'
import { backOff } from './back-off.ts'
import { hold, type Held } from './held.ts'
import { outcomeOf } from './invoke.ts'
import { judge, type Circumstances, type Outcome } from './outcome.ts'

const item = (lane: string): Held =>
  hold(
    {
      lane,
      functionName: 'f',
      topic: `devices/${lane}/shadow/update`,
      payload: Buffer.from('x'),
      delivery: '1',
      packet: 1,
    },
    0,
  )

const batchOf = (count: number) => Array.from({ length: count }, (_, n) => item(`d${n}`))
const at = (now: number, succeededAt = 0): Circumstances => ({ now, succeededAt, random: () => 1 })
const unknown: Outcome = { kind: 'unknown', why: 'test' }
const answer = (verdicts: Answer['verdicts']): Outcome => ({
  kind: 'answer',
  answer: { verdicts, outbox: [], more: false, frames: [] },
})

test('ok/verdicts', () => {
  const fates = judge(batchOf(4), answer(['done', 'duplicate', 'retry:x', 'dead:topic']), at(0))
  assert.deepEqual(fates, [
    { kind: 'done' },
    { kind: 'duplicate' },
    { kind: 'again', delayMs: 100 },
    { kind: 'dead', reason: 'topic' },
  ])
})

test('fail/back-off-doubles-to-five-seconds', () => {
  const delays = Array.from({ length: 8 }, (_, n) => backOff(n + 1, () => 1))
  assert.deepEqual(delays, [100, 200, 400, 800, 1600, 3200, 5000, 5000])
  assert.equal(
    backOff(1, () => 0),
    50,
  )
})

test('fail/429-blames-nobody', () => {
  const batch = batchOf(3)
  for (let n = 0; n < 9; n++) judge(batch, { kind: 'busy' }, at(n))
  assert.ok(batch.every(({ failures, limit }) => failures === 0 && limit === 200))
  assert.deepEqual(judge(batch, { kind: 'busy' }, at(9))[0], { kind: 'again', delayMs: 5000 })
})

test('fail/refused-is-halved-and-a-dead-letter-when-alone', () => {
  const batch = batchOf(5)
  const refused: Outcome = { kind: 'refused', status: 413 }
  assert.deepEqual(judge(batch, refused, at(0))[0], { kind: 'again', delayMs: 0 })
  assert.ok(batch.every(({ limit }) => limit === 3))
  assert.deepEqual(judge(batch.slice(0, 1), refused, at(0)), [{ kind: 'dead', reason: 'http_413' }])
})

test('fail/third-failure-halves', () => {
  const batch = batchOf(10)
  judge(batch, unknown, at(0))
  judge(batch, unknown, at(0))
  assert.ok(batch.every(({ limit }) => limit === 200))
  judge(batch, unknown, at(0))
  assert.ok(batch.every(({ limit, failures }) => limit === 5 && failures === 0))
})

test('fail/poison-needs-five-failures-alone-a-minute-and-success-of-others', () => {
  const cases: [number, number, number, boolean][] = [
    [5, 60_000, 1, true],
    [4, 60_000, 1, false],
    [5, 59_999, 1, false],
    [5, 60_000, 0, false],
  ]
  for (const [failures, span, success, dead] of cases) {
    const batch = [item('d')]
    for (let n = 1; n < failures; n++) judge(batch, unknown, at(1000))
    const [fate] = judge(batch, unknown, at(1000 + span, success === 1 ? 1001 : 999))
    assert.equal(fate?.kind === 'dead', dead, `${failures} ${span} ${success}`)
  }
})

test('fail/answered-retry-clears-suspicion', () => {
  const [only] = [item('d')]
  for (let n = 0; n < 4; n++) judge([only], unknown, at(0))
  assert.equal(only.limit, 1)
  judge([only], answer(['retry:conflict']), at(0))
  assert.deepEqual([only.limit, only.alone, only.failures], [200, 0, 0])
})

const kind = (status: number) =>
  outcomeOf({ status, type: 'text/plain', body: Buffer.alloc(0) }, 1).kind

test('ok/what-statuses-mean', () => {
  assert.deepEqual([200, 204, 301, 500, 502, 503, 504].map(kind), Array(7).fill('unknown'))
  assert.deepEqual([400, 409, 413, 415, 422].map(kind), Array(5).fill('refused'))
  // A wrong key or a missing function says nothing about the items.
  assert.deepEqual([401, 403, 404, 405, 408].map(kind), Array(5).fill('unknown'))
  assert.equal(kind(429), 'busy')
})
