import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Times, Value } from './document.ts'
import { metadataText } from './metadata.ts'

const leaf = (timestamp: number) => ({ timestamp })
const cases: [name: string, value: Value, times: Times, told: unknown][] = [
  ['leaves', { a: 1, b: 'x' }, { a: 5, b: 6 }, { a: leaf(5), b: leaf(6) }],
  ['nested', { o: { a: true } }, { o: { a: 5 } }, { o: { a: leaf(5) } }],
  ['empty object', { o: {} }, { o: {} }, { o: {} }],
  ['arrays element by element', { a: [1, [2], { x: 3 }] }, { a: 7 }, { a: [leaf(7), [leaf(7)], { x: leaf(7) }] }],
  ['a key called timestamp', { timestamp: 9 }, { timestamp: 5 }, { timestamp: leaf(5) }],
  ['an echo: one time for all, nulls too', { a: null, o: { b: null } }, 5, { a: leaf(5), o: { b: leaf(5) } }],
  ['null itself', null, 5, leaf(5)],
  ['keys that need quoting', { 'a"b\n': 1, 'ü': 2 }, { 'a"b\n': 5, 'ü': 6 }, { 'a"b\n': leaf(5), 'ü': leaf(6) }],
] // prettier-ignore

for (const [name, value, times, told] of cases) {
  test(`ok/metadata: ${name}`, () => {
    assert.deepEqual(JSON.parse(metadataText(value, times)), told)
  })
}
