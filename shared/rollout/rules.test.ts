import assert from 'node:assert/strict'
import { test } from 'node:test'
import { groupSizes } from './plan.ts'
import { groupBounds } from './rollout.ts'
import { SaidRules, toRules } from './rules.ts'

test('ok/nothing said: one group and the defaults', () => {
  const rules = toRules(SaidRules.parse({}))
  assert.deepEqual(rules.groups, [{ percent: 100 }])
  assert.equal(rules.error_percent, 5)
  assert.equal(rules.timeouts.verify_seconds, 1800)
})

test('ok/a number of groups is groups of one size', () => {
  const { groups } = toRules(SaidRules.parse({ groups: 3 }))
  assert.equal(groups.length, 3)
  assert.deepEqual(groupSizes(10, groupBounds(groups)), [4, 3, 3])
})

for (const said of [
  { groups: 0 },
  { groups: 101 },
  { groups: [] },
  { groups: [{ percent: 50 }] },
  { groups: [{ percent: 60 }, { percent: 60 }] },
  { groups: [{ percent: 0 }, { percent: 100 }] },
  { error_percent: 101 },
  { success_percent: 0 },
  { error_sample: 0 },
  { timeouts: { answer_seconds: 0 } },
  { surprise: 1 },
]) {
  test(`fail/${JSON.stringify(said)}`, () => assert.equal(SaidRules.safeParse(said).success, false))
}

for (const [count, percents, sizes] of [
  [10, [20, 80], [2, 8]],
  [10, [5, 95], [1, 9]],
  [1, [5, 95], [1, 0]],
  [0, [5, 95], [0, 0]],
  [1000, [1, 9, 90], [10, 90, 900]],
  [7, [33.3, 33.3, 33.4], [3, 2, 2]],
] as const) {
  test(`ok/${count} devices in groups of ${percents.join(', ')} %`, () =>
    assert.deepEqual(
      groupSizes(count, groupBounds(percents.map((percent) => ({ percent })))),
      sizes,
    ))
}
