import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { DECLARED } from '../../test/support/queries.ts'
import { parseQuery } from './parse.ts'
import { printQuery } from './print.ts'

test('ok/examples-of-the-documentation-parse', async () => {
  const page = await readFile(new URL('../../docs/query.md', import.meta.url), 'utf8')
  const [, block = ''] = /```\n([^`]*)```/.exec(page) ?? []
  const examples = block.trim().split('\n')
  assert.ok(examples.length > 5)
  for (const example of examples) {
    const text = printQuery(parseQuery(example, DECLARED))
    assert.equal(printQuery(parseQuery(text, DECLARED)), text)
  }
})
