import assert from 'node:assert/strict'
import { test } from 'node:test'
import { readGrants, roleOf } from '../../infra/migrations/grants.ts'
import { cloneDatabase } from '../support/postgres.ts'

interface Granted {
  role: string
  thing: string
  privilege: string
}

const TABLES = `
  select grantee role, table_name thing, lower(privilege_type) privilege from information_schema.role_table_grants
   where grantee like 'muster\\_%' and table_schema = 'public'`

test('ok/each role has exactly what the table of grants says', async () => {
  await using cloned = await cloneDatabase()
  const rows = await cloned.db.unnamed<Granted>('grants', TABLES, [])
  const grants = await readGrants()
  const wanted = Object.entries(grants.tables).flatMap(([table, by]) =>
    Object.entries(by).flatMap(([role, privileges]) =>
      privileges
        .filter((privilege) => !privilege.includes('('))
        .map((privilege) => `${roleOf(role)} ${table} ${privilege}`),
    ),
  )
  const found = rows.map((row) => `${row.role} ${row.thing} ${row.privilege}`)
  assert.deepEqual(found.toSorted(), wanted.toSorted())
})

test('fail/a function cannot write what is not its own', async () => {
  await using cloned = await cloneDatabase()
  const shadow = cloned.as('shadow-update')
  const denied = { code: '42501' }
  await assert.rejects(shadow.unnamed('x', 'delete from devices', []), denied)
  await assert.rejects(shadow.unnamed('x', `update devices set status = 'active'`, []), denied)
  await assert.rejects(
    cloned.as('enroll').unnamed('x', 'insert into certificates default values', []),
    denied,
  )
  await assert.rejects(cloned.as('admin').unnamed('x', 'delete from audit', []), denied)
  await assert.rejects(
    cloned.as('register').unnamed('x', `select partition_drop('audit')`, []),
    denied,
  )
})

test('fail/retention cannot drop what the comment keeps', async () => {
  await using cloned = await cloneDatabase()
  const retention = cloned.as('retention')
  const dropped = await retention.unnamed<{ gone: number }>(
    'drop',
    `select partition_drop('audit') gone`,
    [],
  )
  assert.deepEqual(dropped, [{ gone: 0 }])
})
