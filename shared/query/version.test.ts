import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import { compareText, versionKey } from './version.ts'

const ORDER =
  '1.0.0-alpha 1.0.0-alpha.1 1.0.0-alpha.beta 1.0.0-beta 1.0.0-beta.2 1.0.0-beta.11 1.0.0-rc.1 1.0.0 1.0.1 v1.2-rc1+build 1.2 1.2.0.1 1.2a 1.10 R9.1 R12.3 R12.3b'.split(
    ' ',
  )

const sign = (a: string, b: string): number => Math.sign(compareText(versionKey(a), versionKey(b)))

test('ok/semver-chain-and-vendor-strings', () => {
  for (const [i, a] of ORDER.entries()) {
    for (const [j, b] of ORDER.entries()) assert.equal(sign(a, b), Math.sign(i - j), `${a} ? ${b}`)
  }
})

for (const [a, b] of [
  ['v2.5+a', '2.5.0+b'],
  ['1', '1.0.0'],
  ['01.2', '1.2'],
  ['1.0+b7', '1.0'],
] as const) {
  test(`ok/equal-${a}-and-${b}`, () => assert.equal(versionKey(a), versionKey(b)))
}

test('ok/rc10-before-rc2-as-semver-says', () => assert.equal(sign('1.0-rc10', '1.0-rc2'), -1))

test('ok/text-sorts-by-code-point', () => {
  // U+FFEE is before U+1F600, though its UTF-16 unit is greater.
  assert.ok(compareText('\uffee', '😀') < 0)
  assert.ok(compareText('a', 'ab') < 0)
  assert.equal(compareText('ab', 'ab'), 0)
})

test('ok/sorting-is-a-total-order', () => {
  const version = fc.string({ unit: fc.constantFrom(...Array.from('0019.--+vRab')), maxLength: 10 })
  fc.assert(
    fc.property(version, version, version, (a, b, c) => {
      assert.equal(sign(a, b), -sign(b, a) + 0)
      if (sign(a, b) <= 0 && sign(b, c) <= 0) assert.ok(sign(a, c) <= 0)
    }),
    { numRuns: 3_000 },
  )
})
