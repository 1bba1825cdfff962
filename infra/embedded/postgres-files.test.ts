import assert from 'node:assert/strict'
import { test } from 'node:test'
import { explain } from './postgres-files.ts'

test('ok/the reason is what the server ended of, not what it told those who asked meanwhile', () => {
  const said = [
    '2026-11-24 14:00:00.000 UTC [7] LOG:  starting PostgreSQL 18.4',
    '2026-11-24 14:00:00.010 UTC [9] FATAL:  the database system is starting up',
    '2026-11-24 14:00:00.020 UTC [8] LOG:  invalid checkpoint record',
    '2026-11-24 14:00:00.021 UTC [8] PANIC:  could not locate a valid checkpoint record at 0/1',
    '2026-11-24 14:00:00.030 UTC [9] FATAL:  the database system is starting up',
  ].join('\n')
  assert.equal(explain(said), 'invalid checkpoint record')
})

test('fail/nothing said', () => {
  assert.equal(explain(''), 'no reason given')
})
