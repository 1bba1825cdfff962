import assert from 'node:assert/strict'
import { readFile } from 'node:fs/promises'
import { test } from 'node:test'
import { migrate } from '../../infra/migrations/migrate.ts'
import { openDatabase } from '../../shared/db/database.ts'
import { cloneDatabase } from '../support/postgres.ts'

test('ok/twenty instances migrate an empty database at once, one of them applies', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed('empty', 'drop schema public cascade', [])
  await cloned.db.unnamed('empty', 'create schema public', [])
  const instances = Array.from({ length: 20 }, () => openDatabase({ url: cloned.url }))
  const results = await Promise.all(instances.map((db) => migrate(db)))
  await Promise.all(instances.map((db) => db.close()))
  const total = results[0]?.total ?? 0
  assert.ok(total > 0)
  assert.deepEqual(
    results.map((result) => result.applied).toSorted((a, b) => a - b),
    [...Array.from({ length: 19 }, () => 0), total],
  )
})

test('ok/every table keeps the rules of the data model', async () => {
  await using cloned = await cloneDatabase()
  const view = await readFile(new URL('../support/schema-faults.sql', import.meta.url), 'utf8')
  await cloned.db.unnamed('view', view, [])
  assert.deepEqual(
    await cloned.db.unnamed('faults', 'select rule, thing from schema_faults', []),
    [],
  )
})

test('fail/a database of a newer version is left alone', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed(
    'newer',
    `insert into schema_migrations (number, name, sha256) values (999999, '999999-later.sql', '\\x00')`,
    [],
  )
  await assert.rejects(migrate(cloned.db), { name: 'Error', message: /999999/ })
})

test('fail/a changed migration is named', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed(
    'changed',
    `update schema_migrations set sha256 = '\\x00' where number = 1`,
    [],
  )
  await assert.rejects(migrate(cloned.db), /000001-versions\.sql was changed/)
})
