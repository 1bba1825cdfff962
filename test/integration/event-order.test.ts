// Events and audit records are read in the order of their transactions, which are numbers, not texts.
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { listAudit } from '../../shared/audit/read-queries.ts'
import { readSealable } from '../../shared/audit/seal-queries.ts'
import { followEvents, pageEvents } from '../../shared/event/read.ts'
import { cloneDatabase } from '../support/postgres.ts'

const KINDS = ['order.first', 'order.second', 'order.third']
const XIDS = ['9', '10', '100']

test('ok/transaction-10-comes-after-9', async () => {
  await using clone = await cloneDatabase()
  const { db } = clone
  await db.unnamed(
    'test_events',
    `insert into events (xid, kind, payload) select x::xid8, k, '{}' from unnest($1::text[], $2::text[]) as u(x, k)`,
    [XIDS, KINDS],
  )
  const now = new Date()
  const page = { limit: 10, now }
  const listed = await pageEvents(db, { kind: 'order' }, { ...page, before: undefined })
  assert.deepEqual(
    listed.map(({ kind }) => kind),
    KINDS.toReversed(),
  )
  const older = await pageEvents(db, { kind: 'order' }, { ...page, before: { xid: '10', id: 0n } })
  assert.deepEqual(
    older.map(({ kind }) => kind),
    KINDS.slice(0, 1),
  )
  const followed = await followEvents(db, { xid: '0', id: 0n }, page)
  const order = followed.filter(({ kind }) => kind.startsWith('order.'))
  assert.deepEqual(
    order.map(({ kind }) => kind),
    KINDS,
  )
})

test('ok/audit-records-likewise', async () => {
  await using clone = await cloneDatabase()
  const { db } = clone
  await db.unnamed(
    'test_audit',
    `insert into audit (xid, actor, verb) select x::xid8, 'test', k from unnest($1::text[], $2::text[]) as u(x, k)`,
    [XIDS, KINDS],
  )
  const sealed = await db.rows(readSealable, ['1', '1000', null, 10])
  assert.deepEqual(
    sealed.map(({ xid }) => xid),
    XIDS,
  )
  const from = new Date(Date.now() - 60_000)
  const until = new Date(Date.now() + 60_000)
  const listed = await db.rows(listAudit, [from, until, 'test', null, null, null, null, 10])
  assert.deepEqual(
    listed.map(({ verb }) => verb),
    KINDS.toReversed(),
  )
})
