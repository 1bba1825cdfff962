import assert from 'node:assert/strict'
import { test } from 'node:test'
import { hasPrefix, likePattern, matcher } from './pattern.ts'

for (const [pattern, text, matches] of [
  ['*', '', true],
  ['?', '', false],
  ['?', '😀', true],
  ['a*b', 'ab', true],
  ['a*b', 'axxbxb', true],
  ['a*b', 'axxbx', false],
  ['a\\*b', 'a*b', true],
  ['a\\*b', 'axb', false],
  ['a\\', 'a\\', true],
  ['%', '%', true],
  ['%', 'a', false],
  ['_', 'a', false],
  ['A', 'a', false],
  ['', '', true],
] as const) {
  test(`ok/${pattern}-${matches ? 'matches' : 'refuses'}-${text}`, () =>
    assert.equal(matcher(pattern)(text), matches))
}

test('ok/hard-pattern-ends-soon', () => {
  const started = performance.now()
  assert.equal(matcher(`${'*a'.repeat(120)}b`)('a'.repeat(1024)), false)
  assert.ok(performance.now() - started < 1_000)
})

for (const [pattern, like] of [
  ['eu-*', 'eu-%'],
  ['a?b', 'a_b'],
  ['100%', '100\\%'],
  ['a_b', 'a\\_b'],
  ['a\\*', 'a*'],
  ['a\\', 'a\\\\'],
] as const) {
  test(`ok/like-of-${pattern}`, () => assert.equal(likePattern(pattern), like))
}

test('ok/prefix-or-none', () => {
  assert.deepEqual(['a*', '\\*', '*a', '?', ''].map(hasPrefix), [true, true, false, false, false])
})
