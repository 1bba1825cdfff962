import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Counters } from './rollout.ts'
import { judgeGroup } from './threshold.ts'

const rules = { success_percent: 90, error_percent: 5, error_sample: 30 }
const group = (part: Partial<Counters>): Counters => ({
  total: 100,
  released: 100,
  succeeded: 0,
  failed: 0,
  cancelled: 0,
  tolerated: 0,
  ...part,
})

for (const [name, counters, wanted] of [
  ['nothing yet', {}, 'wait'],
  ['89 % is not enough', { succeeded: 89 }, 'wait'],
  ['90 % passes', { succeeded: 90 }, 'passed'],
  ['5 % may fail', { succeeded: 60, failed: 5 }, 'failed'],
  ['5 of 100 is not more than 5 %', { succeeded: 95, failed: 5 }, 'passed'],
  ['below the sample only the whole group counts', { succeeded: 20, failed: 5 }, 'wait'],
  ['6 of 100 is more than 5 % whatever else comes', { failed: 6 }, 'failed'],
  ['30 ended, 2 of them failed: 6.7 %', { succeeded: 28, failed: 2 }, 'failed'],
  ['30 ended, 1 of them failed: 3.3 %', { succeeded: 29, failed: 1 }, 'wait'],
  ['tolerated failures do not count', { succeeded: 28, failed: 2, tolerated: 2 }, 'wait'],
  ['tolerated devices are left out', { succeeded: 82, failed: 9, tolerated: 9 }, 'passed'],
  ['cancelled devices are left out', { succeeded: 45, cancelled: 50 }, 'passed'],
  ['all cancelled', { cancelled: 100 }, 'passed'],
  ['an empty group', { total: 0 }, 'passed'],
  ['a failure drained before its retry is counted back', { failed: -1 }, 'wait'],
] as const) {
  test(`ok/${name}`, () => assert.equal(judgeGroup(group(counters), rules).kind, wanted))
}

test('ok/passed but not ended, then ended', () => {
  assert.deepEqual(judgeGroup(group({ succeeded: 95 }), rules), { kind: 'passed', ended: false })
  assert.deepEqual(judgeGroup(group({ succeeded: 97, failed: 3 }), rules), {
    kind: 'passed',
    ended: true,
  })
})

test('fail/all ended, too few succeeded, although no error limit was passed', () => {
  const lax = { ...rules, error_percent: 100 }
  const judged = judgeGroup(group({ succeeded: 80, failed: 20 }), lax)
  assert.equal(judged.kind, 'failed')
  assert.match(judged.kind === 'failed' ? judged.problem : '', /only 80 of 100 succeeded, 90 %/)
})

test('ok/no failure is allowed: the first one stops', () => {
  const strict = { ...rules, error_percent: 0 }
  assert.equal(judgeGroup(group({ succeeded: 1 }), strict).kind, 'wait')
  assert.equal(judgeGroup(group({ failed: 1 }), strict).kind, 'failed')
})
