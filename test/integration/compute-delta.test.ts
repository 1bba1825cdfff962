import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps as createDelta } from '../../functions/compute-delta/deps.ts'
import { handler as computeDelta } from '../../functions/compute-delta/handler.ts'
import { createDeps as createUpdate } from '../../functions/shadow-update/deps.ts'
import { handler as shadowUpdate } from '../../functions/shadow-update/handler.ts'
import { encodeBell, type Bell } from '../../shared/mqtt/bell.ts'
import { bellTopic } from '../../shared/mqtt/topics.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { testHost } from '../support/host.ts'
import { createSender, told, type TestMessage } from '../support/messages.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

async function start(db: TestDatabase) {
  const update = await createUpdate(testHost('shadow-update', db))
  const delta = await createDelta(testHost('compute-delta', db))
  const sender = createSender(1)
  return {
    send: (...messages: TestMessage[]) =>
      sender.send('shadow-update', shadowUpdate, update, messages),
    ring: (...bells: [string, Bell][]) =>
      sender.send(
        'compute-delta',
        computeDelta,
        delta,
        bells.map(([id, bell]) => ({
          topic: bellTopic(DeviceId.parse(id)),
          payload: encodeBell(bell),
          packet: null,
        })),
      ),
    /** Rows of the outbox, in their order. */
    rows: async () =>
      (await db.db.unnamed<{ id: bigint }>('test', 'select id from outbox order by id', [])).map(
        ({ id }) => String(id),
      ),
  }
}

const update = (id: string, name = '') =>
  `devices/${id}/shadow/${name === '' ? '' : `name/${name}/`}update`

test('ok/rows-that-stand-are-told-as-of-now', async () => {
  await using db = await cloneDatabase()
  const { send, ring, rows } = await start(db)
  const desired = { state: { desired: { a: 1, b: 2 } }, clientToken: 't1' }
  await send(
    { topic: update('d1'), payload: desired },
    { topic: update('d2'), payload: { state: { desired: { x: 1 } } } },
  )
  await send({ topic: update('d1'), payload: { state: { reported: { a: 1 } }, clientToken: 't2' } })
  await send({ topic: 'devices/d2/shadow/delete', payload: { clientToken: 't3' } })
  const outbox = await rows()
  assert.equal(outbox.length, 3)
  const answer = await ring(
    ['d1', { why: 'outbox', outbox }],
    ['d2', { why: 'outbox', outbox: [outbox[0] ?? '', outbox[2] ?? '', '999999'] }],
  )
  assert.deepEqual([answer.verdicts, answer.more], [['done', 'done'], false])
  const frames = told(answer)
  assert.deepEqual(
    frames.map(([topic, body]) => {
      const { version, state, clientToken } = body as Record<string, unknown>
      return [topic, version, state, clientToken]
    }),
    [
      ['devices/d1/shadow/delta', 2, { b: 2 }, undefined],
      ['devices/d1/shadow/documents', undefined, undefined, undefined],
      ['devices/d1/shadow/update/accepted', 1, { desired: { a: 1, b: 2 } }, 't1'],
      ['devices/d1/shadow/update/accepted', 2, { reported: { a: 1 } }, 't2'],
      ['devices/d2/shadow/update/accepted', 1, { desired: { x: 1 } }, undefined],
      ['devices/d2/shadow/delete/accepted', 1, undefined, 't3'],
    ],
  )
  const documents = frames[1]?.[1] as { current: { version: number }; previous?: unknown }
  assert.deepEqual([documents.current.version, 'previous' in documents], [2, false])
})

test('ok/messages-of-other-domains-as-they-are', async () => {
  await using db = await cloneDatabase()
  const { ring, rows } = await start(db)
  await db.db.unnamed(
    'test',
    `insert into outbox (slot, device_ids, topic, payload, retain) values
       (1, '{d1,d2}', 'devices/{id}/config/desired', '{"x":1}', true), (1, '{d1}', 'devices/d1/ota/notify', '\\x00ff', false), (2, '{d1}', 'other', '', false)`,
    [],
  )
  const outbox = await rows()
  const { frames } = await ring(
    ['d1', { why: 'outbox', outbox }],
    ['d2', { why: 'outbox', outbox }],
  )
  assert.deepEqual(
    frames.map(({ item, topic, payload, retain }) => [
      item,
      topic,
      payload.toString('latin1'),
      retain,
    ]),
    [
      [0, 'devices/d1/config/desired', '{"x":1}', true],
      [0, 'devices/d1/ota/notify', '\0ÿ', false],
      [1, 'devices/d2/config/desired', '{"x":1}', true],
    ],
  )
})

test('ok/open-deltas-when-a-device-subscribes', async () => {
  await using db = await cloneDatabase()
  const { send, ring } = await start(db)
  await send(
    { topic: update('d1'), payload: { state: { desired: { a: 1 } } } },
    { topic: update('d1', 'net'), payload: { state: { desired: { b: 1 } } } },
    { topic: update('d1', 'same'), payload: { state: { desired: { c: 1 }, reported: { c: 1 } } } },
  )
  const subscribe = (...filters: string[]) =>
    ring(['d1', { why: 'subscribe', outbox: [], filters }])
  const topics = async (...filters: string[]) =>
    told(await subscribe(...filters)).map(([topic]) => topic)
  assert.deepEqual(await topics('devices/d1/shadow/delta'), ['devices/d1/shadow/delta'])
  assert.deepEqual(await topics('devices/d1/shadow/name/+/delta'), [
    'devices/d1/shadow/name/net/delta',
  ])
  assert.deepEqual((await topics('devices/d1/#')).toSorted(), [
    'devices/d1/shadow/delta',
    'devices/d1/shadow/name/net/delta',
  ])
  assert.deepEqual(await topics('devices/d1/shadow/update/accepted'), [])
  assert.deepEqual(
    told(await ring(['stranger', { why: 'subscribe', outbox: [], filters: ['#'] }])),
    [],
  )
})

test('ok/a-subscription-makes-the-shadow-a-lightweight-one', async () => {
  await using db = await cloneDatabase()
  const { send, ring } = await start(db)
  const filters = ['devices/d1/config/desired']
  const early = await ring(['d1', { why: 'subscribe', outbox: [], filters }])
  assert.deepEqual(early.frames, [])
  const [first] = (await send({ topic: update('d1'), payload: { state: { desired: { a: 1 } } } }))
    .frames
  assert.deepEqual(
    [first?.topic, first?.retain, first?.payload.toString()],
    ['devices/d1/config/desired', true, '{"a":1}'],
  )
  const mark = await ring(['d1', { why: 'mark', outbox: [] }], ['d2', { why: 'mark', outbox: [] }])
  assert.deepEqual(
    mark.frames.map(({ item, topic, retain, payload }) => [item, topic, retain, String(payload)]),
    [[0, 'devices/d1/config/desired', true, '{"a":1}']],
  )
})

test('ok/what-does-not-fit-stays', async () => {
  await using db = await cloneDatabase()
  const { ring, rows } = await start(db)
  await db.db.unnamed(
    'test',
    `insert into outbox (slot, device_ids, topic, payload) select 1, '{d1}', 'big/' || i, decode(repeat('ab', 3000000), 'hex') from generate_series(1, 4) i`,
    [],
  )
  const outbox = await rows()
  const answer = await ring(
    ['d0', { why: 'outbox', outbox: [] }],
    ['d1', { why: 'outbox', outbox }],
  )
  assert.deepEqual(
    [answer.verdicts, answer.more, answer.frames.length],
    [['done', 'done'], true, 2],
  )
  assert.deepEqual(answer.outbox, outbox.slice(0, 2))
})

test('ok/what-never-fits-does-not-ring-for-ever', async () => {
  await using db = await cloneDatabase()
  const { ring, rows } = await start(db)
  await db.db.unnamed(
    'test',
    `insert into outbox (slot, device_ids, topic, payload) values (1, '{d1}', 'big', decode(repeat('ab', 9000000), 'hex'))`,
    [],
  )
  const answer = await ring(['d1', { why: 'outbox', outbox: await rows() }])
  assert.deepEqual([answer.verdicts, answer.more, answer.frames], [['done'], false, []])
})

test('ok/several-shadows-and-rows-in-their-order', async () => {
  await using db = await cloneDatabase()
  const { send, ring, rows } = await start(db)
  for (const n of [1, 2]) {
    await send(
      { topic: update('d1'), payload: { state: { desired: { n } } } },
      { topic: update('d1', 'net'), payload: { state: { reported: { n } } } },
      { topic: update('d1'), payload: { state: { reported: { n: 0 } } } },
    )
  }
  const { frames } = await ring(['d1', { why: 'outbox', outbox: await rows() }])
  const accepted = frames.filter(({ topic }) => topic.endsWith('accepted'))
  assert.deepEqual(
    accepted.map(({ topic, payload }) => [
      topic.includes('net'),
      JSON.parse(payload.toString()).version,
    ]),
    [
      [false, 1],
      [false, 2],
      [false, 3],
      [false, 4],
      [true, 1],
      [true, 2],
    ],
  )
})

test('fail/what-is-no-bell-is-a-dead-letter', async () => {
  await using db = await cloneDatabase()
  const delta = await createDelta(testHost('compute-delta', db))
  const answer = await createSender(1).send('compute-delta', computeDelta, delta, [
    { topic: 'muster/bell/d1', payload: '{"why":"x"}' },
    { topic: 'devices/d1/shadow/get', payload: '' },
  ])
  assert.deepEqual(answer.verdicts, ['dead:bell', 'dead:bell'])
})
