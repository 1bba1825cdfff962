import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/shadow-update/deps.ts'
import { handler } from '../../functions/shadow-update/handler.ts'
import { testHost } from '../support/host.ts'
import { createSender, told, type TestMessage } from '../support/messages.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const SLOT = 1

async function start(db: TestDatabase, env: Record<string, string> = {}) {
  await db.db.unnamed(
    'test',
    `insert into connector_slots (broker, class, holder, epoch, lease_until) values ('local', 'shadow', 'c1', 5, now() + interval '1 hour')`,
    [],
  )
  const deps = await createDeps(testHost('shadow-update', db, env))
  const sender = createSender(SLOT)
  const send = (...messages: TestMessage[]) => sender.send('shadow-update', handler, deps, messages)
  return { deps, sender, send }
}

const row = async (db: TestDatabase, device: string, shadow = '') =>
  (
    await db.db.unnamed<Record<string, unknown>>(
      'test',
      'select version, desired, reported, metadata, slot, retained from shadows where device_id = $1 and shadow = $2',
      [device, shadow],
    )
  )[0]

const count = async (db: TestDatabase, table: string): Promise<number> =>
  Number(
    (await db.db.unnamed<{ n: bigint }>('test', `select count(*) n from ${table}`, []))[0]?.n ?? 0n,
  )

const UPDATE = 'devices/d1/shadow/update'
const reported = (state: object, more: object = {}) => ({ state: { reported: state }, ...more })

test('ok/first-update-then-delta-documents-accepted', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const first = await send({
    topic: UPDATE,
    payload: reported({ on: true }, { clientToken: 'a-1' }),
  })
  assert.deepEqual(first.verdicts, ['done'])
  assert.deepEqual(
    told(first).map(([topic]) => topic),
    ['devices/d1/shadow/documents', 'devices/d1/shadow/update/accepted'],
  )
  const [[, documents], [, accepted]] = told(first) as [[string, never], [string, never]]
  const { timestamp } = accepted as { timestamp: number }
  assert.ok(Math.abs(timestamp - Date.now() / 1000) < 5)
  assert.deepEqual(accepted, {
    state: { reported: { on: true } },
    metadata: { reported: { on: { timestamp } } },
    version: 1,
    timestamp,
    clientToken: 'a-1',
  })
  assert.deepEqual(documents, {
    previous: null,
    current: {
      state: { reported: { on: true } },
      metadata: { reported: { on: { timestamp } } },
      version: 1,
    },
    timestamp,
    clientToken: 'a-1',
  })
  const second = await send({
    topic: UPDATE,
    payload: { state: { desired: { on: false, x: [1] } } },
  })
  assert.deepEqual(
    told(second).map(([topic]) => topic),
    ['devices/d1/shadow/delta', 'devices/d1/shadow/documents', 'devices/d1/shadow/update/accepted'],
  )
  assert.equal(second.outbox.length, 1)
  assert.equal(await count(db, 'shadow_history'), 2)
  const outbox = await db.db.unnamed(
    'test',
    'select slot, epoch, device_ids, shadows, versions from outbox order by id',
    [],
  )
  assert.deepEqual(outbox, [
    { slot: SLOT, epoch: 5n, device_ids: ['d1'], shadows: [''], versions: ['1'] },
    { slot: SLOT, epoch: 5n, device_ids: ['d1'], shadows: [''], versions: ['2'] },
  ])
})

test('ok/several-items-of-one-shadow-one-history-row-each', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const answer = await send(
    { topic: UPDATE, payload: reported({ a: 1 }) },
    { topic: 'devices/d1/shadow/get', payload: { clientToken: 'g' } },
    { topic: UPDATE, payload: reported({ b: 2 }) },
    { topic: 'devices/d2/shadow/name/net/update', payload: reported({ c: 3 }) },
    { topic: 'devices/d1/shadow/get' },
  )
  assert.deepEqual(answer.verdicts, ['done', 'done', 'done', 'done', 'done'])
  const gets = told(answer).filter(([topic]) => topic.endsWith('get/accepted'))
  assert.deepEqual(
    gets.map(([, body]) => [
      (body as { version: number }).version,
      (body as { state: unknown }).state,
    ]),
    [
      [1, { reported: { a: 1 } }],
      [2, { reported: { a: 1, b: 2 } }],
    ],
  )
  assert.deepEqual((await row(db, 'd1'))?.['version'], 2n)
  assert.deepEqual((await row(db, 'd2', 'net'))?.['reported'], '{"c":3}')
  const history = await db.db.unnamed(
    'test',
    'select device_id, shadow, version, actor, slot, packet from shadow_history order by 1, 2, 3',
    [],
  )
  assert.deepEqual(history, [
    { device_id: 'd1', shadow: '', version: 1n, actor: 'device', slot: SLOT, packet: 1 },
    { device_id: 'd1', shadow: '', version: 2n, actor: 'device', slot: SLOT, packet: 3 },
    { device_id: 'd2', shadow: 'net', version: 1n, actor: 'device', slot: SLOT, packet: 4 },
  ])
  assert.equal(await count(db, 'outbox'), 1)
})

test('ok/delete-takes-a-version-and-a-new-one-goes-on', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  await send({ topic: UPDATE, payload: reported({ a: 1 }) })
  const gone = await send({ topic: 'devices/d1/shadow/delete', payload: { clientToken: 't' } })
  const [[topic, body]] = told(gone) as [[string, Record<string, unknown>]]
  assert.equal(topic, 'devices/d1/shadow/delete/accepted')
  assert.deepEqual([body['version'], body['clientToken']], [1, 't'])
  const again = await send(
    { topic: 'devices/d1/shadow/get' },
    { topic: 'devices/d1/shadow/delete' },
    { topic: UPDATE, payload: reported({ b: 1 }) },
  )
  assert.deepEqual(
    told(again).map(([t, b]) => [
      t,
      (b as { code?: number }).code,
      (b as { version?: number }).version,
    ]),
    [
      ['devices/d1/shadow/get/rejected', 404, undefined],
      ['devices/d1/shadow/delete/rejected', 404, undefined],
      ['devices/d1/shadow/documents', undefined, undefined],
      ['devices/d1/shadow/update/accepted', undefined, 3],
    ],
  )
})

const deep = (levels: number): string => `${'{"a":'.repeat(levels)}1${'}'.repeat(levels)}`

test('fail/rejected-with-codes-of-aws', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db, { SHADOW_MAX_BYTES: '4096' })
  const cases: [string, string | Buffer | object, number, string?][] = [
    [UPDATE, '{', 400],
    [UPDATE, '[]', 400],
    [UPDATE, '', 400],
    [UPDATE, { clientToken: 'q' }, 400, 'q'],
    [UPDATE, { state: 1, clientToken: 'q' }, 400, 'q'],
    [UPDATE, { state: { desired: [] } }, 400],
    [UPDATE, { state: { other: {} } }, 400],
    [UPDATE, { state: { reported: { a: [null] } } }, 400],
    [UPDATE, '{"state":{"reported":{"a":1e999}}}', 400],
    [UPDATE, { state: {}, version: 'x' }, 400],
    [UPDATE, { state: {}, version: -1 }, 400],
    [UPDATE, { state: {}, clientToken: 'x'.repeat(65) }, 400],
    [UPDATE, { state: {}, clientToken: 7 }, 400],
    [UPDATE, `{"state":{"reported":${deep(9)}}}`, 400],
    [UPDATE, '['.repeat(100_000), 400],
    [UPDATE, { state: { reported: { a: 1 } }, version: 3 }, 409],
    [UPDATE, { state: { reported: { a: 'x'.repeat(5000) } }, clientToken: 'b' }, 413, 'b'],
    [UPDATE, Buffer.from([0x7b, 0xff, 0x7d]), 415],
    ['devices/d1/shadow/get', '{}', 404],
    ['devices/d1/shadow/get', 'x', 400],
    ['devices/d1/shadow/name/b@d/update', { state: {} }, 400],
    [`devices/d1/shadow/name/${'n'.repeat(65)}/get`, '', 400],
  ]
  for (const [topic, payload, code, token] of cases) {
    const answer = await send({ topic, payload })
    assert.deepEqual(answer.verdicts, ['done'])
    const [[to, body]] = told(answer) as [[string, Record<string, unknown>]]
    assert.equal(to, `${topic}/rejected`)
    assert.equal(body['code'], code, `${topic} ${JSON.stringify(body)}`)
    assert.equal(typeof body['message'], 'string')
    assert.equal(body['clientToken'], token)
  }
  const over = await send({ topic: UPDATE, over: 429, payload: 'x' }, { topic: UPDATE, over: 413 })
  assert.deepEqual(
    told(over).map(([, body]) => (body as { code: number }).code),
    [429, 413],
  )
  assert.equal(await count(db, 'shadow_history'), 0)
  const fine = await send({ topic: UPDATE, payload: `{"state":{"reported":${deep(8)}}}` })
  assert.match(told(fine).at(-1)?.[0] ?? '', /accepted$/)
})

test('fail/too-large-leaves-the-shadow-as-it-was', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db, { SHADOW_MAX_BYTES: '4096' })
  const answer = await send(
    { topic: UPDATE, payload: reported({ a: { b: 1 } }) },
    { topic: UPDATE, payload: reported({ a: { c: 'x'.repeat(4090) } }) },
    { topic: UPDATE, payload: reported({ a: { d: 2 } }) },
  )
  assert.deepEqual(
    told(answer).map(([topic]) => topic.split('/').slice(3).join('/')),
    ['documents', 'update/accepted', 'update/rejected', 'documents', 'update/accepted'],
  )
  const { reported: text, version } = (await row(db, 'd1')) ?? {}
  assert.deepEqual([text, version], ['{"a":{"b":1,"d":2}}', 2n])
})

test('ok/keys-of-the-prototype-and-long-integers-are-kept', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const text =
    '{"state":{"reported":{"__proto__":{"x":1},"constructor":2,"big":12345678901234567890,"timestamp":5}}}'
  await send({ topic: UPDATE, payload: text })
  const got = await send(
    {
      topic: UPDATE,
      payload: '{"state":{"desired":{"constructor":2,"toString":1,"__proto__":{"x":1,"y":2}}}}',
    },
    { topic: 'devices/d1/shadow/get' },
  )
  assert.equal(
    (await row(db, 'd1'))?.['reported'],
    '{"__proto__":{"x":1},"constructor":2,"big":12345678901234567890,"timestamp":5}',
  )
  const answer = got.frames.at(-1)?.payload.toString() ?? ''
  assert.match(answer, /"big":12345678901234567890/)
  assert.match(answer, /"delta":\{"toString":1,"__proto__":\{"y":2\}\}/)
  assert.match(answer, /"timestamp":\{"timestamp":\d+\}/)
})

const named = (name: string) => `devices/d1/shadow/name/${name}/update`

test('ok/odd text is kept', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const text =
    '{"state":{"reported":{"a\\u0000b":"\\ud800","ü\\u2028":"\u{1f600}"}},"clientToken":"\\u0000\\udfff"}'
  const answer = await send({ topic: UPDATE, payload: text })
  assert.equal(JSON.parse(answer.frames.at(-1)?.payload.toString() ?? '').clientToken, '\0\udfff')
  const got = await send({ topic: 'devices/d1/shadow/get' })
  const { state } = JSON.parse(got.frames[0]?.payload.toString() ?? '')
  assert.deepEqual(state.reported, JSON.parse(text).state.reported)
})

test('ok/fifty-named-shadows-and-no-more', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const names = Array.from({ length: 51 }, (_, i) => `n${String(i).padStart(2, '0')}`)
  const made = await send(...names.map((name) => ({ topic: named(name), payload: reported({}) })))
  const rejected = told(made).filter(([to]) => to.endsWith('rejected'))
  assert.deepEqual(
    rejected.map(([to, body]) => [to, (body as { code: number }).code]),
    [['devices/d1/shadow/name/n50/update/rejected', 400]],
  )
  await db.db.unnamed(
    'test',
    `update shadows set metadata = null, updated_at = now() - interval '3 days' where shadow = 'n07'`,
    [],
  )
  const room = await send({ topic: named('other'), payload: reported({}) })
  assert.match(told(room).at(-1)?.[0] ?? '', /accepted$/)
  assert.equal(await row(db, 'd1', 'n07'), undefined)
})

test('ok/lightweight-mode', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  await send({ topic: UPDATE, payload: { state: { desired: { interval: 30 } } } })
  const first = await send({ topic: 'devices/d1/config/reported', payload: { interval: 60 } })
  assert.deepEqual(first.frames[0]?.topic, 'devices/d1/config/desired')
  assert.deepEqual(
    [first.frames[0]?.retain, first.frames[0]?.payload.toString()],
    [true, '{"interval":30}'],
  )
  const same = await send({ topic: 'devices/d1/config/reported', payload: '{ "interval": 60 }' })
  assert.deepEqual([same.verdicts, same.frames], [['done'], []])
  const next = await send({ topic: UPDATE, payload: { state: { desired: { interval: 20 } } } })
  assert.deepEqual(next.frames[0]?.payload.toString(), '{"interval":20}')
  const whole = await send({ topic: 'devices/d1/config/reported', payload: { other: 1 } })
  assert.equal((await row(db, 'd1'))?.['reported'], '{"other":1}')
  assert.equal((await row(db, 'd1'))?.['version'], 4n)
  assert.deepEqual(
    told(whole).map(([topic]) => topic),
    ['devices/d1/shadow/delta', 'devices/d1/shadow/documents'],
  )
  const refused = await send({ topic: 'devices/d1/config/reported', payload: '[1]' })
  assert.equal(told(refused)[0]?.[0], 'devices/d1/shadow/update/rejected')
  const cleared = await send({ topic: 'devices/d1/config/reported' })
  assert.deepEqual([cleared.verdicts, cleared.frames], [['done'], []])
  const gone = await send({ topic: 'devices/d1/shadow/delete' })
  assert.deepEqual([gone.frames[0]?.retain, gone.frames[0]?.payload.length], [true, 0])
})

test('ok/duplicates', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  const token = '0190a0b0-1234-4567-89ab-0123456789ab'
  const payload = reported({ n: 1 }, { clientToken: token })
  const id = String((5n << 40n) + 500n)
  const first = await send({ topic: UPDATE, payload, id, packet: 77 })
  assert.equal(first.verdicts[0], 'done')
  // The connector tries the same delivery again.
  assert.deepEqual((await send({ topic: UPDATE, payload, id, packet: 77 })).verdicts, ['duplicate'])
  // The broker delivers it again on a new connection: other delivery number.
  const later = { topic: UPDATE, payload, packet: 77, dup: true }
  assert.deepEqual((await send({ ...later, id: String(6n << 40n) })).verdicts, ['duplicate'])
  // The device sends it again without DUP: answered again, applied once.
  const again = await send({ topic: UPDATE, payload, packet: 78, id: String((6n << 40n) + 1n) })
  assert.deepEqual(
    told(again).map(([topic]) => topic),
    ['devices/d1/shadow/update/accepted'],
  )
  const versions = told(again).map(([, body]) => (body as { version: number }).version)
  assert.deepEqual(versions, [1])
  // Other bytes under the same packet are another message.
  const other = { topic: UPDATE, payload: reported({ n: 2 }), packet: 77, dup: true }
  assert.deepEqual((await send({ ...other, id: String((6n << 40n) + 2n) })).verdicts, ['done'])
  assert.equal((await row(db, 'd1'))?.['version'], 2n)
  // Without a UUID the same content is an update.
  const counter = reported({ n: 2 }, { clientToken: 'd1-0' })
  for (const n of [3n, 4n])
    await send({ topic: UPDATE, payload: counter, id: String((6n << 40n) + n) })
  assert.equal((await row(db, 'd1'))?.['version'], 4n)
  // Twice in one batch.
  const twin = reported({ n: 5 }, { clientToken: '0190a0b0-1234-4567-89ab-0123456789ac' })
  const both = await send(
    { topic: UPDATE, payload: twin, id: String((6n << 40n) + 5n) },
    { topic: UPDATE, payload: twin, id: String((6n << 40n) + 6n) },
  )
  assert.deepEqual(
    told(both).map(([topic]) => topic.split('/').at(-1)),
    ['documents', 'accepted', 'accepted'],
  )
  assert.equal((await row(db, 'd1'))?.['version'], 5n)
})

test('fail/what a suspended device asks is refused, and nothing is stored', async () => {
  await using db = await cloneDatabase()
  const { send } = await start(db)
  await db.db.unnamed(
    'test',
    `insert into devices (device_id, hardware_rev, firmware_ver, cert_serial, cert_expires, broker_endpoint, status)
     values ('d1', 'A', '', '', 'infinity', 'local', 'suspended')`,
    [],
  )
  const answer = await send(
    { topic: UPDATE, payload: reported({ on: true }, { clientToken: 'a-1' }) },
    { topic: 'devices/d2/shadow/update', payload: reported({ on: true }) },
  )
  assert.deepEqual(answer.verdicts, ['done', 'done'])
  const rejected = told(answer).find(([topic]) => topic === `${UPDATE}/rejected`)
  assert.equal((rejected?.[1] as { code: number } | undefined)?.code, 403)
  assert.equal(await row(db, 'd1'), undefined)
  assert.notEqual(await row(db, 'd2'), undefined)
})
