import assert from 'node:assert/strict'
import { test } from 'node:test'
import { csvRow } from './csv.ts'
import { details } from './details.ts'
import { duration, parseDuration, relative } from './moment.ts'
import { startProgress } from './progress.ts'
import { table } from './table.ts'
import { bytes, grouped, plain, truncate, width } from './text.ts'

const NOW = new Date('2026-11-24T12:00:00Z')

test('ok/control-characters-reach-no-terminal', () => {
  assert.equal(
    plain('a\u001b[31mb\u0007\u009bc\u202ed\n'),
    'a\ufffd[31mb\ufffd\ufffdc\ufffdd\ufffd',
  )
})

test('ok/width-counts-cells', () => {
  assert.deepEqual(['abc', '温度', '😀', 'e\u0301'].map(width), [3, 4, 2, 1])
  assert.equal(truncate('abcdef', 4), 'abc…')
  assert.equal(truncate('温度計', 4), '温…')
})

test('ok/table-lines-up', () => {
  const text = table(
    ['DEVICE', 'STATUS'],
    [
      ['gw-1', 'active'],
      ['温度計-12', 'x'],
    ],
  )
  assert.equal(text, 'DEVICE     STATUS\ngw-1       active\n温度計-12  x\n')
})

test('ok/table-fits-the-terminal', () => {
  const text = table(['A', 'B'], [['x'.repeat(10), 'y'.repeat(60)]], { cells: 40 })
  for (const line of text.trimEnd().split('\n')) assert.ok(width(line) <= 40, line)
})

test('ok/csv-quotes-and-defuses-formulas', () => {
  assert.equal(
    csvRow(['a', 'b,c', 'd"e', '=1+1', '@x', '-5', '-x']),
    'a,"b,c","d""e",\'=1+1,\'@x,-5,\'-x\r\n',
  )
})

for (const [at, text] of [
  ['2026-11-24T11:59:48Z', '12 s ago'],
  ['2026-11-24T11:58:30Z', '90 s ago'],
  ['2026-11-24T11:57:00Z', '3 min ago'],
  ['2026-11-23T12:00:00Z', '24 h ago'],
  ['2027-01-24T12:00:00Z', 'in 61 d'],
  ['2026-11-24T12:00:00Z', 'now'],
  ['never', 'never'],
] as const) {
  test(`ok/${at} is ${text}`, () => assert.equal(relative(at, NOW), text))
}

test('ok/durations', () => {
  assert.deepEqual(['24h', '1d12h', '2w', '5', '', '1x'].map(parseDuration), [
    86_400,
    129_600,
    1_209_600,
    undefined,
    undefined,
    undefined,
  ])
  assert.equal(duration(0), '0 s')
})

test('ok/numbers-for-people', () => {
  assert.equal(grouped(1_204_000), '1,204,000')
  assert.deepEqual([12, 1536, 67_108_864].map(bytes), ['12 B', '1.5 KiB', '64 MiB'])
})

test('ok/progress-off-a-terminal-is-a-line-each-tenth', () => {
  const lines: string[] = []
  const progress = startProgress({ write: (text) => lines.push(text) }, 'rows', 1_000)
  for (let done = 0; done <= 1_000; done += 25) progress.set(done)
  progress.end()
  assert.equal(lines.length, 11)
  assert.equal(lines[0], 'rows 0 %  0/1,000\n')
  assert.equal(lines[10], 'rows 100 %  1,000/1,000\n')
})

test('ok/details-nest', () => {
  const item = {
    id: 'a',
    none: null,
    tags: ['x', 'y'],
    rules: { groups: [{ percent: 5, on: true }] },
    pem: 'a\nb\n',
  }
  assert.equal(
    details(item),
    'id     a\ntags   x, y\nrules\n  groups\n    - percent  5\n      on       true\npem\n  a\n  b\n',
  )
})
