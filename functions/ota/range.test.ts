import assert from 'node:assert/strict'
import { test } from 'node:test'
import { rangeHolds, readRange } from './range.ts'

const SIZE = 1000

for (const [header, wanted] of [
  ['bytes=0-0', { offset: 0, length: 1 }],
  ['bytes=0-', { offset: 0, length: 1000 }],
  ['bytes=500-', { offset: 500, length: 500 }],
  ['bytes=500-599', { offset: 500, length: 100 }],
  ['bytes=500-5000', { offset: 500, length: 500 }],
  ['bytes=-1', { offset: 999, length: 1 }],
  ['bytes=-5000', { offset: 0, length: 1000 }],
  ['bytes = 1 - 2', { offset: 1, length: 2 }],
  ['bytes=1000-', 'none'],
  ['bytes=5000-6000', 'none'],
  ['bytes=-0', 'none'],
  ['bytes=600-500', undefined],
  ['bytes=-', undefined],
  ['bytes=', undefined],
  ['bytes=0-1,5-6', undefined],
  ['lines=0-1', undefined],
  ['bytes=0x1-2', undefined],
  ['bytes=9999999999999999999-', undefined],
] as const) {
  test(`ok/range ${header}`, () => assert.deepEqual(readRange(header, SIZE), wanted))
}

test('ok/no range is the whole', () => assert.equal(readRange(undefined, SIZE), undefined))

test('ok/a range of an empty file lies outside', () =>
  assert.equal(readRange('bytes=0-', 0), 'none'))

test('ok/If-Range holds for our own tag only', () => {
  assert.equal(rangeHolds(undefined, '"a"'), true)
  assert.equal(rangeHolds('"a"', '"a"'), true)
  assert.equal(rangeHolds('W/"a"', '"a"'), false)
  assert.equal(rangeHolds('"b"', '"a"'), false)
  assert.equal(rangeHolds('Tue, 24 Nov 2026 12:00:00 GMT', '"a"'), false)
})
