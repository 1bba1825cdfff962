import assert from 'node:assert/strict'
import { globSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { pathToFileURL } from 'node:url'
import { statements } from '../../shared/db/statement.ts'
import { cloneDatabase } from '../support/postgres.ts'

const ROOT = path.resolve(import.meta.dirname, '../..')
const NAME = /^[a-z0-9]+(_[a-z0-9]+)+$/

test('ok/every statement of the product prepares on the migrated schema', async () => {
  const files = globSync('{shared,functions,infra}/**/*queries.ts', { cwd: ROOT })
  for (const file of files) await import(pathToFileURL(path.join(ROOT, file)).href)
  assert.ok(statements().length > 0)
  await using cloned = await cloneDatabase()
  const faults: string[] = []
  for (const { name, text } of statements()) {
    if (!NAME.test(name)) faults.push(`${name}: not noun_verb`)
    if (/select \*|returning \*/.test(text)) faults.push(`${name}: lists no columns`)
    const prepared = cloned.db.unnamed('prepare', `prepare ${name} as ${text}`, [])
    await prepared.catch((error: unknown) => faults.push(`${name}: ${String(error)}`))
  }
  assert.deepEqual(faults, [])
})
