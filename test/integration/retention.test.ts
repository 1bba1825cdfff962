import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/retention/deps.ts'
import { handler } from '../../functions/retention/handler.ts'
import { audit } from '../../shared/audit/record.ts'
import { readAuditKey, sealAudit } from '../../shared/audit/seal.ts'
import { verifyAudit } from '../../shared/audit/verify.ts'
import { systemClock } from '../../shared/clock.ts'
import { expireRows } from '../../shared/retention/expire.ts'
import { readSettings } from '../../shared/setting/read.ts'
import { signedRequest } from '../support/call.ts'
import { functionHost } from '../support/function-host.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'
import { settled } from '../support/settled.ts'

const SEED = Buffer.from(Buffer.alloc(32, 5).toString('base64'))
const KEY = readAuditKey(SEED)
const DAY_MS = 86_400_000

async function startRetention(
  cloned: TestDatabase,
  secrets: Record<string, Buffer> = { 'audit-key': SEED },
) {
  const deps = await createDeps(functionHost('retention', cloned, { secrets }))
  return async () => {
    const request = signedRequest('retention', '/cron?tick=1', {
      caller: 'connector',
      method: 'POST',
    })
    assert.equal((await handler(request, deps)).status, 204)
    const [mark] = await cloned.db.unnamed<{ problem: string | null }>(
      'x',
      `select problem from health_marks where name = 'retention'`,
      [],
    )
    return mark?.problem
  }
}

const write = (cloned: TestDatabase, target: string) =>
  audit(cloned.as('register'), { actor: 'token a', verb: 'device.suspend', target })

const faultsOf = async (harm: string) => {
  await using cloned = await cloneDatabase()
  const deps = { db: cloned.as('retention'), clock: systemClock }
  for (const round of ['a', 'b', 'c']) {
    await write(cloned, `${round}1`)
    await write(cloned, `${round}2`)
    await settled(cloned.db)
    await sealAudit(deps, KEY)
  }
  await cloned.db.unnamed('x', harm, [])
  const { faults } = await verifyAudit(cloned.as('admin'), { now: new Date() })
  return faults.map(({ seal_id: id, fault }) => `${id} ${fault}`)
}

test('attack 45: a record changed, removed or added, a seal removed or forged, is found', async () => {
  assert.deepEqual(await faultsOf(`update audit set target = 'x' where target = 'b1'`), [
    '2 records',
  ])
  assert.deepEqual(await faultsOf(`delete from audit where target = 'a2'`), ['1 records'])
  const added = `insert into audit (actor, verb, xid) select 'eve', 'x', xid from audit where target = 'c1'`
  assert.deepEqual(await faultsOf(added), ['3 records'])
  assert.deepEqual(await faultsOf('delete from audit_seals where seal_id = 2'), ['3 previous'])
  assert.deepEqual(await faultsOf(`update audit_seals set root = '\\x00' where seal_id = 3`), [
    '3 signature',
  ])
  assert.deepEqual(await faultsOf('select 1'), [])
})

test('ok/no record of an open transaction is missed', async () => {
  await using cloned = await cloneDatabase()
  const deps = { db: cloned.as('retention'), clock: systemClock }
  const open = await cloned.db.connect()
  await open.run('begin')
  await audit(open, { actor: 'slow', verb: 'x.y', target: 'slow' })
  await write(cloned, 'quick')
  assert.equal((await sealAudit(deps, KEY))?.rows, undefined)
  await open.run('commit')
  open.release(false)
  await settled(cloned.db)
  assert.equal((await sealAudit(deps, KEY))?.rows, 2)
  assert.equal(await sealAudit(deps, KEY), undefined)
  assert.deepEqual(await verifyAudit(cloned.as('admin'), { now: new Date() }), {
    seals: 1,
    records: 2,
    aged: 0,
    faults: [],
    next: null,
  })
})

test('ok/a long log is verified call after call, each going on where the one before ended', async () => {
  await using cloned = await cloneDatabase()
  const deps = { db: cloned.as('retention'), clock: systemClock }
  for (const target of ['a', 'b', 'c', 'd']) {
    await write(cloned, target)
    await settled(cloned.db)
    await sealAudit(deps, KEY)
  }
  await cloned.db.unnamed('x', `update audit set actor = 'eve' where target = 'c'`, [])
  const db = cloned.as('admin')
  const seen: string[] = []
  let after = 0n
  for (let calls = 0; calls < 10; calls++) {
    const { faults, next, seals } = await verifyAudit(db, { now: new Date(), after, budgetMs: 0 })
    seen.push(...faults.map((fault) => `${fault.seal_id} ${fault.fault}`))
    if (next === null) break
    assert.equal(seals, 1)
    after = BigInt(next)
  }
  assert.deepEqual([seen, after], [['3 records'], 4n])
})

test('ok/two instances at once make one seal', async () => {
  await using cloned = await cloneDatabase()
  await write(cloned, 'a')
  const deps = { db: cloned.as('retention'), clock: systemClock }
  const made = await Promise.all(Array.from({ length: 4 }, () => sealAudit(deps, KEY)))
  assert.equal(made.filter((seal) => seal !== undefined).length, 1)
})

test('fail/without a key the log is not sealed, and health says so', async () => {
  await using cloned = await cloneDatabase()
  const tick = await startRetention(cloned, {})
  assert.match((await tick()) ?? '', /no audit key/)
})

test('ok/a tick seals, makes partitions ahead, drops none that is kept, and says that all is well', async () => {
  await using cloned = await cloneDatabase()
  await write(cloned, 'a')
  await cloned.db.unnamed(
    'x',
    `insert into seen_once (key, expires_at) select sha256(i::text::bytea), now() - interval '1 s' from generate_series(1, 12000) i`,
    [],
  )
  await cloned.db.unnamed('x', `select partition_make('events', now() - interval '60 days')`, [])
  const partitions = async () =>
    (
      await cloned.db.unnamed<{ n: number }>(
        'x',
        `select count(*)::int n from pg_inherits where inhparent = 'events'::regclass`,
        [],
      )
    )[0]?.n
  const before = (await partitions()) ?? 0
  const tick = await startRetention(cloned)
  assert.equal(await tick(), null)
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from seen_once', []), [])
  assert.equal(before - ((await partitions()) ?? 0), 15)
  const kinds = await cloned.db.unnamed<{ kind: string }>('x', 'select kind from events', [])
  assert.deepEqual(kinds, [{ kind: 'audit.sealed' }])
  assert.equal(await tick(), null)
})

test('ok/above its cap the shadow history gives its oldest day, never the one that is written', async () => {
  await using cloned = await cloneDatabase()
  await cloned.db.unnamed(
    'x',
    `select partition_make('shadow_history', now() - interval '2 days')`,
    [],
  )
  const cap = async () =>
    (
      await cloned
        .as('retention')
        .unnamed<{ done: boolean }>('x', `select partition_cap('shadow_history', 1) done`, [])
    )[0]?.done
  assert.deepEqual([await cap(), await cap(), await cap()], [true, true, false])
  await assert.rejects(
    cloned.as('retention').unnamed('x', `select partition_cap('audit', 1)`, []),
    { code: '22023' },
  )
})

// 365 days of a small fleet, by the same statements; the partition functions get the day that the database's clock would have.
test('ok/the size stays flat in a simulated year', async () => {
  await using cloned = await cloneDatabase()
  const { db } = cloned
  const settings = await readSettings(db)
  const start = Date.UTC(2030, 0, 1)
  const sizes: number[] = []
  for (let day = 0; day < 365; day++) {
    const now = new Date(start + day * DAY_MS)
    for (const table of ['events', 'shadow_history']) {
      await db.unnamed('x', 'select partition_make($1, $2)', [table, now])
      const kept = table === 'events' ? 30 : 7
      await db.unnamed('x', 'select partition_remove($1, $2)', [
        table,
        new Date(now.getTime() - kept * DAY_MS),
      ])
    }
    await writeDay(cloned, now)
    await expireRows(db, now, settings, 10_000)
    if (day % 7 === 0)
      await db.unnamed(
        'x',
        'vacuum enrollments, seen_once, idempotency_keys, operations, operation_results, actions',
        [],
      )
    const [size] = await db.unnamed<{ bytes: bigint }>(
      'x',
      `select sum(pg_total_relation_size(oid))::bigint bytes from pg_class where relkind = 'r' and relnamespace = 'public'::regnamespace`,
      [],
    )
    sizes.push(Number(size?.bytes ?? 0))
  }
  const [early, late] = [sizes[120] ?? 0, sizes[364] ?? 0]
  assert.ok(late < early * 1.1, `day 120: ${early} bytes, day 364: ${late}`)
})

async function writeDay({ db }: TestDatabase, now: Date): Promise<void> {
  await db.unnamed(
    'x',
    `insert into events (at, kind, payload) select $1::timestamptz, 'device.connected', repeat('x', 200) from generate_series(1, 100)`,
    [now],
  )
  await db.unnamed(
    'x',
    `insert into shadow_history (device_id, shadow, version, at, actor, request)
     select 'gw-' || i, '', extract(epoch from $1::timestamptz)::bigint, $1, 'x', repeat('x', 200) from generate_series(1, 100) i`,
    [now],
  )
  await db.unnamed(
    'x',
    `with e as (insert into enrollments (device_id, request, protocol, state, expires_at)
                select 'gw-' || i, sha256(($1::timestamptz)::text::bytea), 'json', 'issued', $1::timestamptz + interval '7 days' from generate_series(1, 50) i),
          s as (insert into seen_once (key, expires_at) select sha256((i || ($1::timestamptz)::text)::bytea), $1::timestamptz + interval '1 day' from generate_series(1, 50) i),
          k as (insert into idempotency_keys (owner, key, request_sha256, expires_at)
                select 'o', i || ($1::timestamptz)::text, '', $1::timestamptz + interval '1 day' from generate_series(1, 50) i),
          o as (insert into operations (kind, actor, owner, state, finished_at) values ('x', 'x', 'x', 'succeeded', $1::timestamptz) returning operation_id)
     insert into operation_results (device_id, operation_id, state, at) select 'gw-' || i, operation_id, 'succeeded', $1::timestamptz from o, generate_series(1, 50) i`,
    [now],
  )
}
