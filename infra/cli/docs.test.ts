import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { parseCommandLine } from './command/parse.ts'
import { TREE } from './tree.ts'
import { DOCS, docsText } from './write-docs.ts'

test('ok/docs-are-what-the-table-says', async () => {
  const hint = 'run node infra/cli/write-docs.ts'
  assert.equal(await readFile(DOCS, 'utf8'), await docsText(), hint)
})

test('ok/each-noun-has-commands-and-each-command-its-noun', () => {
  const nouns = new Set(TREE.nouns.map(({ name }) => name))
  for (const { path, hidden } of TREE.commands) {
    if (path.length > 1 && !hidden) assert.ok(nouns.has(path[0] ?? ''), path.join(' '))
  }
  for (const name of nouns)
    assert.ok(
      TREE.commands.some(({ path }) => path[0] === name),
      name,
    )
})

test('ok/each-option-is-told-once', () => {
  for (const { path, options = [], raw } of TREE.commands) {
    const all = [...options, ...(raw ? [] : TREE.globals)]
    const names = all.map(({ name }) => name)
    assert.equal(new Set(names).size, names.length, path.join(' '))
    const shorts = all.flatMap(({ short }) => short ?? [])
    assert.equal(new Set(shorts).size, shorts.length, path.join(' '))
  }
})

test('ok/each-path-is-one-command', () => {
  const paths = TREE.commands.map(({ path }) => path.join(' '))
  assert.equal(new Set(paths).size, paths.length)
})

test('ok/examples-parse', () => {
  for (const { name, examples = [] } of TREE.nouns) {
    for (const example of examples) {
      const [line = ''] = example.split(/ {2,}| < /)
      // Words as a shell would cut them.
      const words = [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(
        ([, a, b, c]) => a ?? b ?? c ?? '',
      )
      assert.equal(parseCommandLine(TREE, words.slice(1)).kind, 'run', `${name}: ${example}`)
    }
  }
})
