import assert from 'node:assert/strict'
import { test } from 'node:test'
import { insertDevice } from '../support/certificate.ts'
import { cloneDatabase } from '../support/postgres.ts'
import { startRegister } from '../support/register.ts'

const DEVICES = '/api/v1/devices'

test('fail/registering twice, an unknown group, a bad body, an unknown field', async () => {
  await using register = await startRegister()
  const { ask } = register
  const post = (body: object) => ask('POST', DEVICES, { body })
  assert.equal((await post({ device_id: 'gw-1' })).status, 201)
  assert.equal((await post({ device_id: 'gw-1' })).json.code, 'device.exists')
  const stray = await post({ device_id: 'gw-2', groups: ['none'] })
  assert.deepEqual([stray.status, stray.json.code], [404, 'group.not_found'])
  assert.equal((await ask('GET', `${DEVICES}/gw-2`)).status, 404)
  const bad = await post({ device_id: 'x/y', colour: 'red' })
  assert.deepEqual([bad.status, bad.json.code], [400, 'request.invalid'])
  assert.equal(
    (await ask('GET', `${DEVICES}?q=colour%20%3D%20red`)).json.code,
    'query.unknown_field',
  )
  assert.equal((await ask('GET', `${DEVICES}?limit=1001`)).status, 400)
  assert.equal((await ask('GET', `${DEVICES}?sort=colour`)).status, 400)
  assert.equal(
    (await ask('POST', DEVICES, { body: '{"device_id":' })).json.code,
    'request.malformed',
  )
})

test('ok/a device is registered, let in, changed and found by what was said of it', async () => {
  await using register = await startRegister()
  const { ask, cloned } = register
  await ask('POST', '/api/v1/groups', { body: { name: 'canary' } })
  await cloned.db.unnamed(
    'x',
    `insert into fields (name, type, ready) values ('attribute.site', 'text', true)`,
    [],
  )
  const body = {
    device_id: 'gw-1',
    hardware_rev: 'B',
    groups: ['canary'],
    attributes: { site: 'north', rack: 7 },
  }
  const headers = { 'idempotency-key': 'k1' }
  const made = await ask('POST', DEVICES, { body, headers })
  assert.equal(made.status, 201)
  assert.equal(made.headers.get('location'), `${DEVICES}/gw-1`)
  assert.deepEqual(made.json.groups, ['canary'])
  assert.deepEqual(made.json.attributes, { site: 'north', rack: 7 })
  assert.equal(made.json.firmware_ver, null)
  assert.deepEqual((await ask('POST', DEVICES, { body, headers })).json, made.json)
  const other = { ...body, hardware_rev: 'C' }
  assert.equal(
    (await ask('POST', DEVICES, { body: other, headers })).json.code,
    'idempotency.key_reused',
  )

  const [entry] = await cloned.db.unnamed(
    'x',
    `select value, match, hardware_rev, state from allowlist`,
    [],
  )
  assert.deepEqual(entry, { value: 'gw-1', match: 'device_id', hardware_rev: 'B', state: 'open' })

  for (const q of [
    'attribute.site = north',
    'group = canary',
    'attribute.rack = 7',
    "hardware_rev = 'B'",
  ]) {
    const found = await ask('GET', `${DEVICES}?q=${encodeURIComponent(q)}&count=true`)
    assert.equal(found.json.count, 1, q)
  }
  const change = { attributes: { site: null, ring: 'prod' }, groups: [] }
  const stale = await ask('PATCH', `${DEVICES}/gw-1`, {
    body: change,
    headers: { 'if-match': '"99"' },
  })
  assert.equal(stale.status, 412)
  const etag = made.headers.get('etag') ?? ''
  const changed = await ask('PATCH', `${DEVICES}/gw-1`, {
    body: change,
    headers: { 'if-match': etag },
  })
  assert.deepEqual(changed.json.attributes, { rack: 7, ring: 'prod' })
  assert.deepEqual(changed.json.groups, [])
  const gone = await ask('GET', `${DEVICES}?q=${encodeURIComponent('attribute.site exists')}`)
  assert.deepEqual(gone.json.items, [])
})

test('ok/lists are paged by key, in either direction, with the next page linked', async () => {
  await using register = await startRegister(['read'])
  const { ask, cloned } = register
  for (let i = 1; i <= 7; i++) await insertDevice(cloned.db, `gw-${i}`, { firmwareVer: `2.${i}.0` })
  const ids: string[] = []
  let target = `${DEVICES}?limit=3&sort=-cert_expires&q=${encodeURIComponent('firmware_ver > 2.1')}`
  for (let pages = 0; target !== '' && pages < 5; pages++) {
    const page = await ask('GET', target)
    ids.push(...page.json.items.map((item: { device_id: string }) => item.device_id))
    target = /^<(.*)>; rel="next"$/.exec(page.headers.get('link') ?? '')?.[1] ?? ''
  }
  assert.deepEqual(ids, ['gw-7', 'gw-6', 'gw-5', 'gw-4', 'gw-3', 'gw-2'])
  const first = await ask('GET', `${DEVICES}?limit=3`)
  const wrong = await ask(
    'GET',
    `${DEVICES}?limit=3&q=status%20%3D%20active&cursor=${first.json.next}`,
  )
  assert.equal(wrong.json.code, 'page.cursor_invalid')
  assert.equal(
    (await ask('POST', DEVICES, { body: { device_id: 'a' } })).json.code,
    'auth.scope_missing',
  )
})

test('fail/a device that is decommissioned stays so; one that is not cannot be deleted', async () => {
  await using register = await startRegister()
  const { ask, cloned } = register
  await insertDevice(cloned.db, 'gw-1')
  const early = await ask('DELETE', `${DEVICES}/gw-1`)
  assert.deepEqual([early.status, early.json.code], [409, 'device.illegal_transition'])
  assert.equal((await ask('POST', `${DEVICES}/gw-1/decommission`)).status, 200)
  assert.equal((await ask('POST', `${DEVICES}/gw-1/resume`)).json.code, 'device.illegal_transition')
  assert.equal((await ask('POST', `${DEVICES}/none/suspend`)).status, 404)
})

test('ok/suspended, resumed, decommissioned, deleted: told, recorded, revoked, gone', async () => {
  await using register = await startRegister()
  const { ask, cloned, revoked } = register
  await ask('POST', DEVICES, { body: { device_id: 'gw-1', attributes: { a: 1 } } })
  assert.equal((await ask('POST', `${DEVICES}/gw-1/suspend`)).json.status, 'suspended')
  assert.equal((await ask('POST', `${DEVICES}/gw-1/suspend`)).json.status, 'suspended')
  assert.equal((await ask('POST', `${DEVICES}/gw-1/resume`)).json.status, 'active')
  const ended = await ask('POST', `${DEVICES}/gw-1/decommission`)
  assert.equal(ended.json.status, 'decommissioned')
  assert.deepEqual(
    [revoked[0]?.['device_id'], revoked[0]?.['reason']],
    ['gw-1', 'cessation_of_operation'],
  )
  const [entry] = await cloned.db.unnamed('x', 'select state from allowlist', [])
  assert.deepEqual(entry, { state: 'blocked' })
  const events = await cloned.db.unnamed<{ kind: string }>(
    'x',
    'select kind from events order by id',
    [],
  )
  assert.deepEqual(
    events.map((event) => event.kind),
    ['device.registered', 'device.suspended', 'device.resumed', 'device.decommissioned'],
  )
  const records = await cloned.db.unnamed<{ verb: string; actor: string }>(
    'x',
    `select verb, actor from audit where target = 'gw-1' order by id`,
    [],
  )
  assert.deepEqual(
    records.map((record) => `${record.actor} ${record.verb}`),
    ['register', 'suspend', 'resume', 'decommission'].map((verb) => `token ops device.${verb}`),
  )
  await cloned.db.unnamed(
    'x',
    `insert into shadows (device_id, version, desired) values ('gw-1', 1, '{}')`,
    [],
  )
  assert.equal((await ask('DELETE', `${DEVICES}/gw-1`)).status, 204)
  for (const table of ['devices', 'shadows', 'device_attributes', 'allowlist']) {
    assert.deepEqual(await cloned.db.unnamed('x', `select 1 from ${table}`, []), [], table)
  }
})

test('ok/the deletion walk reaches every table of a device', async () => {
  await using cloned = await cloneDatabase()
  const rows = await cloned.db.unnamed<{ name: string }>(
    'x',
    `select c.relname as name from pg_class c join pg_attribute a on a.attrelid = c.oid and a.attname = 'device_id'
      where c.relnamespace = 'public'::regnamespace and c.relkind in ('r', 'p') and not c.relispartition`,
    [],
  )
  const { DELETION_WALK } = await import('../../shared/device/deletion-queries.ts')
  const walked = new Set(DELETION_WALK.map(({ text }) => /from (\w+)/.exec(text)?.[1]))
  // Rollouts count action_results a second later, and they are gone.
  const stays = new Set(['certificates', 'revocations', 'events', 'dead_letters', 'action_results'])
  const missed = rows.map((row) => row.name).filter((name) => !walked.has(name) && !stays.has(name))
  assert.deepEqual(missed, [])
})

test('fail+ok/groups', async () => {
  await using register = await startRegister()
  const { ask, cloned } = register
  const groups = '/api/v1/groups'
  await insertDevice(cloned.db, 'gw-1')
  await insertDevice(cloned.db, 'gw-2')
  const made = await ask('POST', groups, { body: { name: 'canary' } })
  assert.equal(made.status, 201)
  assert.equal((await ask('POST', groups, { body: { name: 'canary' } })).json.code, 'group.exists')
  assert.equal((await ask('POST', groups, { body: { name: '42' } })).status, 400)
  const members = `${groups}/canary/devices`
  const stray = await ask('POST', members, { body: { device_ids: ['gw-1', 'gw-9'] } })
  assert.deepEqual(stray.json.device_ids, ['gw-9'])
  assert.equal((await ask('GET', `${groups}/canary`)).json.devices, 0)
  assert.equal(
    (await ask('POST', members, { body: { device_ids: ['gw-1', 'gw-2'] } })).json.changed,
    2,
  )
  assert.equal((await ask('DELETE', members, { body: { device_ids: ['gw-2'] } })).json.changed, 1)
  assert.equal((await ask('GET', members)).json.items[0].device_id, 'gw-1')
  assert.equal((await ask('PATCH', `${groups}/canary`, { body: { name: 'early' } })).status, 428)
  const headers = { 'if-match': made.headers.get('etag') ?? '' }
  assert.equal(
    (await ask('PATCH', `${groups}/canary`, { body: { name: 'early' }, headers })).json.name,
    'early',
  )
  assert.equal((await ask('DELETE', `${groups}/early`, { headers })).status, 412)
  assert.equal(
    (await ask('DELETE', `${groups}/early`, { headers: { 'if-match': '*' } })).status,
    204,
  )
  assert.equal((await ask('GET', `${groups}/early`)).status, 404)
  assert.deepEqual((await ask('GET', `${DEVICES}/gw-1`)).json.groups, [])
})

test('fail+ok/endpoints', async () => {
  await using register = await startRegister()
  const { ask, cloned } = register
  const path = '/api/v1/endpoints'
  const hosts = [{ host: 'mqtt.example.com', port: 8883 }]
  assert.equal((await ask('POST', path, { body: { name: 'eu', hosts } })).status, 201)
  assert.equal(
    (await ask('POST', path, { body: { name: 'eu', hosts } })).json.code,
    'endpoint.exists',
  )
  assert.equal((await ask('POST', path, { body: { name: 'us', hosts: [] } })).status, 400)
  assert.equal((await ask('PATCH', `${path}/eu`, { body: { priority: 3 } })).json.priority, 3)
  await ask('POST', DEVICES, { body: { device_id: 'gw-1' } })
  assert.equal((await ask('GET', `${DEVICES}/gw-1`)).json.broker_endpoint, 'eu')
  assert.equal((await ask('DELETE', `${path}/eu`)).json.code, 'endpoint.in_use')
  await cloned.db.unnamed('x', 'delete from devices', [])
  assert.equal((await ask('DELETE', `${path}/eu`)).status, 204)
  assert.equal((await ask('GET', `${path}/eu`)).status, 404)
})
