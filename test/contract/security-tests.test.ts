// docs/security-tests.md names a test for each known attack, or says why none is needed; the tests are there.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import test from 'node:test'

const ROOT = path.resolve(import.meta.dirname, '../..')
const ATTACKS = 48
const INSIDE = 'test/platform/attack-inside.test.ts'
const text = readFileSync(path.join(ROOT, 'docs/security-tests.md'), 'utf8')
const [known = '', inside = ''] = text.split('\n## From within\n')

/** Cells of a table's rows, its head left out. */
const rowsOf = (section: string): string[][] =>
  section
    .split('\n')
    .filter((line) => /^\| (?!#|attack \|)/.test(line))
    .map((line) => line.split('|').map((cell) => cell.trim()))

test('ok/each of the 48 attacks has a test, or a reason', () => {
  const numbers = new Set<number>()
  for (const [, number, attack, file = '', name = ''] of rowsOf(known)) {
    numbers.add(Number(number))
    assert.ok(name !== '', attack)
    if (file === '–') continue
    const source = readFileSync(path.join(ROOT, file.replaceAll('`', '')), 'utf8')
    assert.ok(source.includes(name.replaceAll('\\', '')), `${number}: ${file} has no "${name}"`)
  }
  assert.deepEqual(
    [...numbers],
    Array.from({ length: ATTACKS }, (_, at) => at + 1),
  )
})

test('ok/the attacks from within are tests', () => {
  const source = readFileSync(path.join(ROOT, INSIDE), 'utf8')
  const rows = rowsOf(inside)
  for (const [, attack, name = ''] of rows) assert.ok(source.includes(name), attack)
  assert.equal(rows.length, source.match(/^test\(/gm)?.length)
})
