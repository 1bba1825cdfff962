import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { nesting, parseJson, printJson } from './json.ts'

test('ok/integers keep every digit', () => {
  const text =
    '{"a":9007199254740993,"b":[-12345678901234567890],"c":"9007199254740993","d":1.5,"e":9007199254740991}'
  assert.equal(printJson(parseJson(text)), text)
  assert.deepEqual(parseJson('{"a":9007199254740991}'), { a: 9007199254740991 })
})

test('ok/other numbers are doubles, as everywhere', () => {
  assert.equal(
    printJson(parseJson('[0.1234567890123456789,1e30,1e400]')),
    '[0.12345678901234568,1e+30,null]',
  )
})

test('ok/any JSON comes back', () => {
  fc.assert(
    fc.property(fc.json(), (text) => {
      assert.equal(printJson(parseJson(text)), JSON.stringify(JSON.parse(text)))
    }),
  )
})

test('ok/nesting without parsing', () => {
  const cases: [string, number][] = [
    ['1', 0],
    ['{}', 1],
    ['[{"a":[1]}]', 3],
    ['"[[[["', 0],
    ['"\\"[["', 0],
    ['"\\\\",[[1]]', 2],
    ['{"a":"}","b":{"c":1}}', 2],
  ]
  for (const [text, depth] of cases) assert.equal(nesting(text, 100), depth, text)
  assert.equal(nesting('['.repeat(1_000_000), 11), 12)
})

test('ok/nesting is what a walk would find', () => {
  const depth = (value: unknown): number =>
    typeof value === 'object' && value !== null
      ? 1 + Object.values(value).reduce((most: number, each) => Math.max(most, depth(each)), 0)
      : 0
  fc.assert(
    fc.property(fc.jsonValue({ maxDepth: 8 }), (value) => {
      assert.equal(nesting(JSON.stringify(value), 100), depth(value))
    }),
  )
})
