import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeSilence, type Silent } from './silence.ts'

const timeouts = { answer_seconds: 1_000, progress_seconds: 500, verify_seconds: 100 }
const start = Date.parse('2026-11-24T12:00:00Z')
const after = (seconds: number) => new Date(start + seconds * 1000)
const silent = (part: Partial<Silent> = {}): Silent => ({
  state: 'offered',
  stateAt: after(0),
  dueAt: after(30),
  version: '2.5.0',
  fromVersion: '2.4.0',
  firmwareVer: '2.4.0',
  connectedAt: null,
  gone: false,
  ...part,
})

const kind = (part: Partial<Silent>, seconds: number): string => {
  const look = judgeSilence(silent(part), timeouts, after(seconds))
  return look.kind === 'end' ? look.state : 'wait'
}

for (const [state, limit] of [
  ['offered', 1_000],
  ['retrieved', 500],
  ['installing', 500],
  ['rebooting', 100],
  ['verifying', 100],
] as const) {
  test(`ok/${state} may be silent for ${limit} s`, () => {
    assert.equal(kind({ state }, limit - 1), 'wait')
    assert.equal(kind({ state }, limit), 'timed_out')
  })
}

test('ok/the registry shows the new version, which it did not before', () => {
  assert.equal(kind({ state: 'verifying', firmwareVer: '2.5.0' }, 100), 'succeeded')
  assert.equal(
    kind({ state: 'verifying', firmwareVer: '2.5.0', fromVersion: '2.5' }, 100),
    'timed_out',
  )
  assert.equal(kind({ state: 'installing', firmwareVer: '2.5.0' }, 500), 'timed_out')
  assert.equal(kind({ state: 'verifying', firmwareVer: null }, 100), 'timed_out')
})

test('ok/a device that is gone is not waited for', () =>
  assert.equal(kind({ state: 'installing', gone: true }, 1), 'cancelled'))

test('ok/the next look is no later than the limit', () => {
  const look = judgeSilence(silent({ state: 'rebooting' }), timeouts, after(80))
  assert.deepEqual(look, { kind: 'wait', next: after(100), offerAgain: false })
})

function again(part: Partial<Silent>, seconds: number): boolean {
  const look = judgeSilence(silent(part), { ...timeouts, answer_seconds: 10_000 }, after(seconds))
  return look.kind === 'wait' && look.offerAgain
}

test('ok/told again when it came back after the last look', () => {
  assert.equal(again({ connectedAt: after(-10) }, 30), false)
  assert.equal(again({ connectedAt: after(20) }, 30), true)
  assert.equal(again({ dueAt: after(300), connectedAt: after(20) }, 300), false)
  assert.equal(again({ dueAt: after(300), connectedAt: after(280) }, 300), true)
  assert.equal(again({ state: 'downloading', connectedAt: after(20) }, 30), false)
})

test('ok/told again every ten minutes while it is connected', () => {
  const connectedAt = after(-10)
  assert.equal(again({ dueAt: after(570), connectedAt }, 570), false)
  assert.equal(again({ dueAt: after(600), connectedAt }, 600), true)
  assert.equal(again({ dueAt: after(630), connectedAt }, 630), false)
  assert.equal(again({ dueAt: after(600), connectedAt: null }, 600), false)
})
