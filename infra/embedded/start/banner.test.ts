import assert from 'node:assert/strict'
import path from 'node:path'
import { test } from 'node:test'
import { ago, headline } from './banner.ts'
import { compareVersions, type DataDirectory } from './data-directory.ts'
import { asText } from './log.ts'
import { shownPath } from './shown-path.ts'

const now = new Date('2026-03-01T12:00:00Z')
const before = (seconds: number) => new Date(now.getTime() - seconds * 1000)

const AGO: readonly [seconds: number, text: string][] = [
  [0, '0 s ago'],
  [59, '59 s ago'],
  [61, '1 min ago'],
  [3 * 3600 + 5, '3 h ago'],
  [90_000, '1 d ago'],
  [-5, '0 s ago'],
]
for (const [seconds, text] of AGO) {
  test(`ok/${text}`, () => assert.equal(ago(before(seconds), now), text))
}

function directory(more: Partial<DataDirectory>): DataDirectory {
  return {
    folder: path.resolve('.muster'),
    isNew: false,
    recovered: false,
    stoppedAt: undefined,
    file: (...names) => path.join('.muster', ...names),
    noteStart: () => Promise.resolve(),
    release: () => Promise.resolve(),
    ...more,
  }
}

const line = (more: Partial<DataDirectory>, devices?: bigint): string =>
  headline('0.1.0', directory(more), devices, now)

test('ok/headlines', () => {
  assert.equal(line({ isNew: true }), 'Muster 0.1.0, data in ./.muster (new)')
  assert.equal(
    line({ stoppedAt: before(10_800) }, 24n),
    'Muster 0.1.0, data in ./.muster (24 devices, stopped 3 h ago)',
  )
  assert.equal(
    line({ recovered: true }, 24n),
    'Muster 0.1.0, data in ./.muster (24 devices, recovered)',
  )
  assert.equal(line({}, 1n), 'Muster 0.1.0, data in ./.muster (1 device)')
})

test('ok/versions', () => {
  assert.ok(compareVersions('0.10.0', '0.9.9') > 0)
  assert.ok(compareVersions('0.1.0', '0.1.1') < 0)
  assert.equal(compareVersions('1.2.3', '1.2.3'), 0)
})

test('ok/paths as a person writes them', () => {
  assert.equal(shownPath('/a/b/.muster', '/a/b'), './.muster')
  assert.equal(shownPath('/c/.muster', '/a/b'), '/c/.muster')
})

test('ok/log lines as text', () => {
  const written = JSON.stringify({
    level: 'warn',
    time: '2026-03-01T12:00:01.500Z',
    part: 'broker',
    err: { message: 'no answer', stack: '…' },
    msg: 'not refreshed',
  })
  assert.equal(asText(written), '12:00:01 warn not refreshed (no answer) part=broker\n')
  const blanks =
    '{"level":"warn","time":"2026-11-24T12:00:01.000Z","actor":"token ops 1","msg":"call"}'
  assert.equal(asText(blanks), '12:00:01 warn call actor="token ops 1"\n')
})
