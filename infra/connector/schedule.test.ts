import assert from 'node:assert/strict'
import test from 'node:test'
import { parseSchedule } from './schedule.ts'

const at = (text: string) => Date.parse(text)
const iso = (instant: number) => new Date(instant).toISOString()

test('fail/schedules-that-cannot-be-read', () => {
  for (const text of [
    '',
    '@every 0s',
    '@every 5m',
    '@hourly',
    '* * * *',
    '60 * * * *',
    '* 24 * * *',
    '* * 0 * *',
    '* * * 13 *',
    '* * * * 8',
    '5-1 * * * *',
    '*/0 * * * *',
    'a * * * *',
  ])
    assert.throws(() => parseSchedule(text), text)
})

test('fail/day-that-never-comes', () => {
  assert.throws(() => parseSchedule('0 0 31 2 *').last(at('2026-05-01T00:00:00Z')), /never/)
})

test('ok/spans-are-multiples-since-1970', () => {
  const every = parseSchedule('@every 5s')
  assert.equal(every.last(1_700_000_003_999), 1_700_000_000_000)
  assert.equal(every.last(1_700_000_000_000), 1_700_000_000_000)
  assert.equal(every.next(1_700_000_000_000), 1_700_000_005_000)
})

test('ok/five-fields-in-utc', () => {
  for (const [text, now, last, next] of [
    [
      '*/10 * * * *',
      '2026-05-01T10:25:30Z',
      '2026-05-01T10:20:00.000Z',
      '2026-05-01T10:30:00.000Z',
    ],
    ['0 3 * * *', '2026-05-01T02:59:59Z', '2026-04-30T03:00:00.000Z', '2026-05-01T03:00:00.000Z'],
    ['30 1 1 * *', '2026-03-15T00:00:00Z', '2026-03-01T01:30:00.000Z', '2026-04-01T01:30:00.000Z'],
    ['0 0 29 2 *', '2026-03-01T00:00:00Z', '2024-02-29T00:00:00.000Z', '2028-02-29T00:00:00.000Z'],
    ['0 12 * * 7', '2026-11-24T00:00:00Z', '2026-11-22T12:00:00.000Z', '2026-11-29T12:00:00.000Z'],
    ['0 0 13 * 5', '2026-11-24T00:00:00Z', '2026-11-20T00:00:00.000Z', '2026-11-27T00:00:00.000Z'],
    [
      '5,50-52 8-9/1 * * *',
      '2026-05-01T08:51:10Z',
      '2026-05-01T08:51:00.000Z',
      '2026-05-01T08:52:00.000Z',
    ],
  ] as const) {
    const schedule = parseSchedule(text)
    assert.equal(iso(schedule.last(at(now))), last, `${text} last`)
    assert.equal(iso(schedule.next(at(now))), next, `${text} next`)
  }
})
