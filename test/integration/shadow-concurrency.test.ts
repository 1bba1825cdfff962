import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createDeps } from '../../functions/shadow-update/deps.ts'
import { handler } from '../../functions/shadow-update/handler.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { historyText } from '../../shared/shadow/change.ts'
import { insertDevice } from '../support/certificate.ts'
import { testHost } from '../support/host.ts'
import { createSender, type TestMessage } from '../support/messages.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const DEVICES = 8
const ids = Array.from({ length: DEVICES }, (_, i) => DeviceId.parse(`d${i}`))

async function start(db: TestDatabase) {
  for (const id of ids) await insertDevice(db.db, id)
  await db.db.unnamed(
    'test',
    `insert into connector_slots (broker, class, holder, epoch, lease_until) values ('local', 'shadow', 'c1', 5, now() + interval '1 hour')`,
    [],
  )
  await db.db.unnamed(
    'test',
    `insert into fields (name, type, ready) values ('shadow.reported.last', 'number', true)`,
    [],
  )
}

const rows = <R>(db: TestDatabase, text: string): Promise<R[]> => db.db.unnamed<R>('test', text, [])

test('ok/two instances and HTTP at once: nothing is lost, no version twice', async () => {
  await using db = await cloneDatabase()
  await start(db)
  const instances = await Promise.all([1, 2].map(() => createDeps(testHost('shadow-update', db))))
  const expected = new Map<string, Set<string>>(ids.map((id) => [id, new Set()]))

  /** As the connector: what is to come again comes again. */
  const deliver = async (instance: number, round: number): Promise<void> => {
    const deps = instances[instance]
    assert.ok(deps)
    // Each has a slot of its own: in one slot an older delivery would be a duplicate.
    const sender = createSender(1 + instance, String(10 + round))
    let messages = ids.map((id): TestMessage => {
      const key = `m${instance}_${round}`
      expected.get(id)?.add(key)
      const state = { reported: { [key]: round, last: instance * 1000 + round } }
      return { topic: `devices/${id}/shadow/update`, payload: { state } }
    })
    for (let tries = 0; messages.length > 0; tries++) {
      assert.ok(tries < 20)
      const { verdicts } = await sender.send('shadow-update', handler, deps, messages)
      messages = messages.filter((_, at) => verdicts[at]?.startsWith('retry'))
    }
  }

  const write = async (instance: number, round: number): Promise<void> => {
    const deps = instances[instance]
    await Promise.all(
      ids.map(async (deviceId) => {
        const key = `h${instance}_${round}`
        const state = { desired: { [key]: round } }
        const text = JSON.stringify({ state })
        await deps?.writeShadow({
          deviceId,
          shadow: '',
          command: { kind: 'update', state, size: text.length },
          actor: 'token ops',
          text: historyText('update', text),
        })
        expected.get(deviceId)?.add(key)
      }),
    ).catch((error: { code?: string }) => assert.equal(error.code, 'shadow.contended'))
  }

  const lanes = [0, 1].flatMap((instance) => [
    (async () => {
      for (let round = 0; round < 15; round++) await deliver(instance, round)
    })(),
    (async () => {
      for (let round = 0; round < 15; round++) await write(instance, round)
    })(),
  ])
  await Promise.all(lanes)

  const shadows = await rows<{
    device_id: string
    version: bigint
    desired: string
    reported: string
  }>(db, 'select device_id, version, desired, reported from shadows')
  const history = await rows<{ device_id: string; version: bigint }>(
    db,
    'select device_id, version from shadow_history order by device_id, version',
  )
  const told = await rows<{ device_id: string; version: bigint }>(
    db,
    'select device_id, version from outbox, unnest(device_ids, versions) u(device_id, version) order by 1, 2',
  )
  assert.equal(shadows.length, DEVICES)
  for (const { device_id: id, version, desired, reported } of shadows) {
    const keys = new Set(Object.keys({ ...JSON.parse(desired), ...JSON.parse(reported) }))
    for (const key of expected.get(id) ?? []) assert.ok(keys.has(key), `${id} lost ${key}`)
    const versions = history.filter((row) => row.device_id === id).map((row) => row.version)
    assert.deepEqual(
      versions,
      Array.from({ length: Number(version) }, (_, i) => BigInt(i + 1)),
    )
  }
  // What was written is told, and nothing else.
  assert.deepEqual(told, history)
  const wrong = await rows(
    db,
    `select s.device_id from shadows s full join device_facts f using (device_id)
      where (s.reported::json ->> 'last') is distinct from f.t`,
  )
  assert.deepEqual(wrong, [])
})

const update = (id: string, n: number): TestMessage => ({
  topic: `devices/${id}/shadow/update`,
  payload: { state: { reported: { n } } },
})

test('ok/a batch that meets a foreign lock writes the others and the rest later', async () => {
  await using db = await cloneDatabase()
  await start(db)
  const deps = await createDeps(testHost('shadow-update', db))
  const sender = createSender(1)
  await sender.send('shadow-update', handler, deps, [update('d0', 1), update('d1', 1)])
  const other = await db.db.connect()
  await other.run('begin')
  await other.unnamed('test', `update shadows set version = version + 1 where device_id = 'd0'`, [])
  const sending = sender.send('shadow-update', handler, deps, [update('d0', 2), update('d1', 2)])
  await new Promise((resolve) => setTimeout(resolve, 100))
  await other.run('commit')
  other.release(false)
  assert.deepEqual((await sending).verdicts, ['done', 'done'])
  const shadows = await rows(
    db,
    `select device_id, version, reported from shadows order by device_id`,
  )
  assert.deepEqual(shadows, [
    { device_id: 'd0', version: 3n, reported: '{"n":2}' },
    { device_id: 'd1', version: 2n, reported: '{"n":2}' },
  ])
  const outbox = await rows(db, 'select device_ids, versions from outbox order by id')
  assert.deepEqual(outbox, [
    { device_ids: ['d0', 'd1'], versions: ['1', '1'] },
    { device_ids: ['d1'], versions: ['2'] },
    { device_ids: ['d0'], versions: ['3'] },
  ])
})
