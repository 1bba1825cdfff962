import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ACTION_STATES, ACTION_TRANSITIONS, mayAct, phaseOf, type ActionState } from './action.ts'
import { apply, judgeVersion, sameVersion } from './report.ts'
import { mayBecome, ROLLOUT_STATES, statesBefore } from './rollout.ts'

const at = (state: ActionState, agentVerdict: string | null = null) => ({
  state,
  agentVerdict,
  version: '2.5.0',
})

function outcome(from: ActionState, said: Parameters<typeof apply>[1], verdict?: string): string {
  const result = apply(at(from, verdict ?? null), said, sameVersion)
  return result.kind === 'moved' ? result.state : result.kind
}

for (const [from, said, wanted] of [
  ['offered', { state: 'retrieved' }, 'retrieved'],
  ['offered', { state: 'installing' }, 'installing'],
  ['downloading', { state: 'downloading' }, 'downloading'],
  ['installing', { state: 'downloading' }, 'downloading'],
  ['downloaded', { state: 'rejected' }, 'rejected'],
  ['installing', { state: 'rebooting', firmwareVer: '2.4.0' }, 'rebooting'],
  ['rebooting', { state: 'rebooting', firmwareVer: '2.4.0' }, 'rebooting'],
  ['rebooting', { state: 'downloading' }, 'refused'],
  ['rebooting', { state: 'rejected' }, 'refused'],
  ['rebooting', { state: 'failed' }, 'failed'],
  ['installing', { state: 'succeeded' }, 'verifying'],
  ['installing', { state: 'succeeded', firmwareVer: '2.5.0' }, 'succeeded'],
  ['installing', { state: 'succeeded', firmwareVer: '2.4.0' }, 'failed'],
  ['verifying', { state: 'succeeded' }, 'verifying'],
  ['verifying', { state: 'succeeded', firmwareVer: 'v2.5' }, 'succeeded'],
  ['verifying', { state: 'installing' }, 'refused'],
  ['scheduled', { state: 'retrieved' }, 'refused'],
  ['failed', { state: 'failed' }, 'same'],
  ['failed', { state: 'succeeded' }, 'refused'],
  ['cancelled', { state: 'downloading' }, 'refused'],
  ['timed_out', { state: 'succeeded', firmwareVer: '2.5.0' }, 'refused'],
] as const) {
  test(`ok/${from}, then ${JSON.stringify(said)}: ${wanted}`, () =>
    assert.equal(outcome(from, said), wanted))
}

test('ok/a report said twice changes nothing', () => {
  assert.equal(outcome('succeeded', { state: 'succeeded' }, 'succeeded'), 'same')
  assert.equal(outcome('failed', { state: 'succeeded' }, 'succeeded'), 'same')
})

for (const [state, version, wanted] of [
  ['rebooting', '2.5.0', 'succeeded'],
  ['verifying', '2.5', 'succeeded'],
  ['rebooting', '2.4.0', 'failed'],
  ['verifying', '2.6.0', 'failed'],
  ['installing', '2.5.0', undefined],
  ['offered', '2.4.0', undefined],
  ['succeeded', '2.4.0', undefined],
] as const) {
  test(`ok/${state} and it says ${version}: ${wanted ?? 'nothing'}`, () =>
    assert.equal(judgeVersion(at(state), version, sameVersion), wanted))
}

test('ok/versions are the same by value, with a build to the letter', () => {
  assert.equal(sameVersion('v2.5.0', '2.5'), true)
  assert.equal(sameVersion('2.5.0+b1', '2.5.0'), true)
  assert.equal(sameVersion('2.5.0+b1', '2.5.0+b2'), false)
  assert.equal(sameVersion('2.5.0', '2.5.0+b2'), false)
  assert.equal(sameVersion('2.5.0-rc.1', '2.5.0'), false)
})

test('ok/what has ended does not move; nothing goes back to scheduled', () => {
  for (const state of ACTION_STATES) {
    if (phaseOf(state) === 'ended') assert.deepEqual(ACTION_TRANSITIONS[state], [])
    assert.equal(mayAct(state, 'scheduled'), false)
  }
})

test('ok/the rollout table: ends, pauses, ways back', () => {
  assert.deepEqual(statesBefore('stopped'), ['stopping'])
  assert.deepEqual(statesBefore('running'), ['starting', 'paused', 'finished'])
  assert.equal(mayBecome('stopped', 'running'), false)
  assert.equal(mayBecome('waiting_for_approval', 'starting'), false)
  for (const state of ROLLOUT_STATES) assert.equal(mayBecome(state, state), false)
})
