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

const long = { answer_seconds: 100_000, progress_seconds: 9_000, verify_seconds: 1_800 }

function again(part: Partial<Silent>, seconds: number): boolean {
  const look = judgeSilence(silent(part), long, after(seconds))
  return look.kind === 'wait' && look.offerAgain
}

test('ok/looks at a device that is away come less often, to the shortest limit', () => {
  let at = 30
  const looks: number[] = []
  for (let look = 0; look < 9; look++) {
    looks.push(at)
    const { next } = judgeSilence(silent(), long, after(at)) as { next: Date }
    at = (next.getTime() - start) / 1000
  }
  assert.deepEqual(looks, [30, 60, 120, 240, 480, 960, 1920, 3720, 5520])
})

test('ok/a device that is at it is looked at when its silence ends', () => {
  const look = judgeSilence(
    silent({ state: 'downloading', stateAt: after(50) }),
    timeouts,
    after(60),
  )
  assert.deepEqual(look, { kind: 'wait', next: after(160), offerAgain: false })
})

test('ok/told again when it came back after the last look', () => {
  assert.equal(again({ connectedAt: after(-10) }, 30), false)
  assert.equal(again({ connectedAt: after(20) }, 30), true)
  assert.equal(again({ dueAt: after(240), connectedAt: after(100) }, 240), false)
  assert.equal(again({ dueAt: after(240), connectedAt: after(130) }, 240), true)
  assert.equal(again({ state: 'downloading', connectedAt: after(20) }, 30), false)
  assert.equal(again({ dueAt: after(240), connectedAt: null }, 240), false)
})

test('ok/told again at each look after ten minutes while it is connected', () => {
  const connectedAt = after(-10)
  assert.equal(again({ dueAt: after(480), connectedAt }, 480), false)
  assert.equal(again({ dueAt: after(960), connectedAt }, 960), true)
  assert.equal(again({ dueAt: after(1920), connectedAt }, 1920), true)
})
