import assert from 'node:assert/strict'
import { test } from 'node:test'
import { handler } from '../../functions/register/handler.ts'
import { insertCertificate, insertDevice, selfSigned } from '../support/certificate.ts'
import { createSender } from '../support/messages.ts'
import { startRegister } from '../support/register.ts'

const DEVICES = '/api/v1/devices'
const SLOT = `insert into connector_slots (broker, class) values ('eu', 'presence'), ('us', 'presence') returning slot`

test('fail/a status that is no status is a dead letter, one of a stranger nothing', async () => {
  await using register = await startRegister()
  const { cloned, deps } = register
  await insertDevice(cloned.db, 'gw-1')
  const sender = createSender(1)
  const topic = 'devices/gw-1/status'
  const answer = await sender.send('register', handler, deps, [
    { topic, payload: 'x' },
    { topic, payload: { connected: 'yes' } },
    { topic, payload: { connected: true, colour: 'red' } },
    { topic, payload: { connected: true, firmware_ver: 'a\nb' } },
    { topic: 'devices/stranger/status', payload: { connected: true } },
    { topic, payload: '' },
    { topic: '$SYS/broker/log/N', payload: '1700000000: mosquitto version 2.0.11 running' },
  ])
  const dead = 'dead:request.invalid'
  assert.deepEqual(answer.verdicts, [dead, dead, dead, dead, 'done', 'done', 'done'])
  assert.deepEqual(await cloned.db.unnamed('x', 'select 1 from device_presence', []), [])
})

test('ok/presence by birth, will and the broker, at the broker where the device is', async () => {
  await using register = await startRegister()
  const { cloned, deps, ask } = register
  const slots = await cloned.db.unnamed<{ slot: number }>('x', SLOT, [])
  const [eu, us] = slots.map(({ slot }) => createSender(slot))
  assert.ok(eu && us)
  await insertDevice(cloned.db, 'gw-1', { firmwareVer: '' })
  const topic = 'devices/gw-1/status'
  const show = async () => (await ask('GET', `${DEVICES}/gw-1`)).json
  await eu.send('register', handler, deps, [
    { topic, payload: { connected: true, firmware_ver: '2.4.0', boot_id: 'b' } },
    { topic, payload: { connected: true } },
  ])
  const born = await show()
  assert.deepEqual([born.connected, born.firmware_ver], [true, '2.4.0'])
  assert.ok(Date.now() - Date.parse(born.last_seen) < 10_000)
  await us.send('register', handler, deps, [{ topic, payload: { connected: true } }])
  await eu.send('register', handler, deps, [{ topic, payload: { connected: false } }])
  assert.equal((await show()).connected, true)
  const line = '1700000000: Client gw-1 disconnected.'
  await us.send('register', handler, deps, [{ topic: '$SYS/broker/log/N', payload: line }])
  assert.equal((await show()).connected, false)
  const events = await cloned.db.unnamed<{ kind: string }>(
    'x',
    'select kind from events order by id',
    [],
  )
  assert.deepEqual(
    events.map(({ kind }) => kind),
    ['device.connected', 'device.firmware_changed', 'device.disconnected'],
  )
  const [row] = await cloned.db.unnamed(
    'x',
    `select last_seen = date_trunc('hour', now()) as hour from devices`,
    [],
  )
  assert.deepEqual(row, { hour: true })
})

const BULK = '/api/v1/bulk/devices'

test('fail/a selection that changed, a change that is none, a group that there is not', async () => {
  await using register = await startRegister()
  const { cloned, ask } = register
  await insertDevice(cloned.db, 'gw-1')
  const suspend = { q: 'all', change: { status: 'suspended' } }
  const changed = await ask('POST', BULK, { body: { ...suspend, expect: 2 } })
  assert.deepEqual(
    [changed.status, changed.json.code, changed.json.count],
    [409, 'operation.selection_changed', 1],
  )
  assert.equal((await ask('POST', BULK, { body: { q: 'all', change: {} } })).status, 400)
  const stray = { q: 'all', change: { groups: { add: ['none'] } } }
  assert.equal((await ask('POST', BULK, { body: stray })).json.code, 'group.not_found')
  const nowhere = { q: 'all', change: { broker_endpoint: 'nowhere' } }
  assert.equal((await ask('POST', BULK, { body: nowhere })).json.code, 'endpoint.not_found')
  const syntax = { ...suspend, q: 'status =' }
  assert.equal((await ask('POST', BULK, { body: syntax })).json.code, 'query.syntax')
})

test('ok/changes by query are counted, then done in slices, with a result for each device', async () => {
  await using register = await startRegister()
  const { cloned, ask, tick, revoked } = register
  for (let i = 0; i < 205; i++) await insertDevice(cloned.db, `gw-${String(i).padStart(3, '0')}`)
  await insertDevice(cloned.db, 'zz', { status: 'decommissioned' })
  await ask('POST', '/api/v1/groups', { body: { name: 'stolen' } })
  const change = { status: 'suspended', groups: { add: ['stolen'] }, attributes: { why: 'lost' } }
  const dry = await ask('POST', BULK, { body: { q: 'all', change, dry_run: true } })
  assert.deepEqual([dry.status, dry.json.count, dry.json.samples.length], [200, 206, 20])
  const queued = await ask('POST', BULK, { body: { q: 'all', change, expect: 206 } })
  assert.deepEqual([queued.status, queued.json.state], [202, 'queued'])
  await tick()
  const operation = await ask('GET', `/api/v1/operations/${queued.json.id}`)
  const { state, total, done, failed } = operation.json
  assert.deepEqual(
    { state, total, done, failed },
    { state: 'succeeded', total: 206, done: 205, failed: 1 },
  )
  const results = await ask('GET', `/api/v1/operations/${queued.json.id}/results?state=failed`)
  assert.deepEqual(
    results.json.items.map((item: { device_id: string; code: string }) => [
      item.device_id,
      item.code,
    ]),
    [['zz', 'device.illegal_transition']],
  )
  const q = encodeURIComponent('group = stolen and status = suspended and attribute.why = lost')
  assert.equal((await ask('GET', `${DEVICES}?q=${q}&count=true`)).json.count, 205)
  const few = { q: `device_id like 'gw-00?'`, change: { status: 'decommissioned' } }
  await ask('POST', BULK, { body: few })
  await tick()
  assert.equal(revoked.length, 10)
  assert.equal((await ask('GET', `${DEVICES}/gw-003`)).json.status, 'decommissioned')
})

test('ok/an operation ends when too many fail, or when it is cancelled', async () => {
  await using register = await startRegister()
  const { cloned, ask, tick } = register
  await insertDevice(cloned.db, 'a', { status: 'decommissioned' })
  const body = { q: 'all', change: { status: 'suspended' }, max_failed_percent: 10 }
  const one = await ask('POST', BULK, { body })
  const two = await ask('POST', BULK, { body })
  assert.equal(
    (await ask('POST', `/api/v1/operations/${two.json.id}/cancel`)).json.state,
    'cancelled',
  )
  await tick()
  assert.equal((await ask('GET', `/api/v1/operations/${one.json.id}`)).json.state, 'failed')
  const again = await ask('POST', `/api/v1/operations/${one.json.id}/cancel`)
  assert.equal(again.json.code, 'operation.illegal_transition')
  assert.equal((await ask('GET', '/api/v1/operations?state=cancelled')).json.items.length, 1)
  assert.equal((await ask('GET', '/api/v1/operations/999')).status, 404)
})

test('ok/a query is checked, counted and completed', async () => {
  await using register = await startRegister()
  const { cloned, ask } = register
  await insertDevice(cloned.db, 'gw-1')
  const check = (body: object) => ask('POST', '/api/v1/query/check', { body })
  const counted = await check({ q: 'attribute.ring != prod', count: true })
  assert.equal(counted.json.q, `attribute.ring != 'prod'`)
  assert.equal(counted.json.count, 1)
  const codes = new Set(counted.json.warnings.map((warning: { code: string }) => warning.code))
  assert.ok(codes.has('query.undeclared') && codes.has('query.absent_matches'))
  const completed = await check({ q: 'stat', cursor: 4 })
  assert.deepEqual(completed.json.completion.candidates, ['status'])
  const wrong = await check({ q: 'firmware_version = 1' })
  assert.match(wrong.json.detail, /did you mean `firmware_ver`/)
})

test('fail+ok/certificates and enrollments', async () => {
  await using register = await startRegister()
  const { cloned, ask, revoked } = register
  const shown = selfSigned('gw-1')
  await insertDevice(cloned.db, 'gw-1')
  await insertCertificate(cloned.db, 'gw-1', shown)
  const serial = shown.serial.toString('hex').toUpperCase()
  const list = await ask('GET', '/api/v1/certificates?device_id=gw-1')
  assert.deepEqual([list.json.items.length, list.json.items[0].serial], [1, serial])
  assert.match((await ask('GET', `/api/v1/certificates/${serial}`)).json.pem, /BEGIN CERTIFICATE/)
  assert.equal((await ask('GET', '/api/v1/certificates/00')).status, 404)
  const revoke = `/api/v1/certificates/${serial}/revoke`
  assert.equal((await ask('POST', revoke, { body: { reason: 'boredom' } })).status, 400)
  assert.equal((await ask('POST', revoke, { body: { reason: 'key_compromise' } })).status, 200)
  assert.deepEqual([revoked[0]?.['serial'], revoked[0]?.['actor']], [serial, 'token ops'])

  await cloned.db.unnamed(
    'x',
    `insert into enrollments (device_id, request, protocol, state, expires_at)
     values ('gw-2', decode(repeat('ab', 32), 'hex'), 'json', 'pending', now() + interval '1 day')`,
    [],
  )
  const pending = await ask('GET', '/api/v1/enrollments?state=pending')
  const { id } = pending.json.items[0]
  const accepted = await ask('POST', `/api/v1/enrollments/${encodeURIComponent(id)}/accept`)
  assert.equal(accepted.json.state, 'approved')
  const path = `/api/v1/enrollments/${id}`
  assert.equal((await ask('POST', `${path}/accept`)).json.code, 'enrollment.illegal_transition')
  assert.deepEqual(
    [(await ask('POST', `${path}/reject`)).json.reason, (await ask('GET', path)).json.state],
    ['operator', 'rejected'],
  )
  assert.equal((await ask('GET', '/api/v1/enrollments/none')).status, 404)
})

test('fail+ok/devices are asked to renew, or their certificates revoked, one or by query', async () => {
  await using register = await startRegister()
  const { cloned, ask, tick, revoked } = register
  await cloned.db.unnamed(
    'x',
    `insert into connector_slots (broker, class) values ('local', 'enroll')`,
    [],
  )
  const shown = selfSigned('gw-1')
  await insertDevice(cloned.db, 'gw-1')
  await insertDevice(cloned.db, 'gw-2')
  await insertCertificate(cloned.db, 'gw-1', shown)
  const serial = shown.serial.toString('hex').toUpperCase()
  assert.equal((await ask('POST', `/api/v1/certificates/${serial}/renew`)).status, 202)
  assert.equal((await ask('POST', '/api/v1/certificates/00/renew')).status, 404)
  const path = '/api/v1/bulk/certificates'
  assert.equal(
    (await ask('POST', path, { body: { q: 'all', change: { action: 'burn' } } })).status,
    400,
  )
  const body = { q: 'all', change: { action: 'renew' } }
  const queued = await ask('POST', path, { body })
  await tick()
  const { json } = await ask('GET', `/api/v1/operations/${queued.json.id}/results`)
  assert.deepEqual(
    json.items.map(
      (item: { device_id: string; state: string }) => `${item.device_id} ${item.state}`,
    ),
    ['gw-1 succeeded', 'gw-2 failed'],
  )
  const rows = await cloned.db.unnamed<{ topic: string; payload: Buffer }>(
    'x',
    'select topic, payload from outbox',
    [],
  )
  assert.equal(rows.length, 2)
  const { serial: told } = JSON.parse(rows[0]?.payload.toString() ?? '{}')
  assert.deepEqual([rows[0]?.topic, told], ['devices/gw-1/cert/renew', serial])
  await ask('POST', path, {
    body: { q: 'device_id = gw-1', change: { action: 'revoke', reason: 'key_compromise' } },
  })
  await tick()
  assert.deepEqual([revoked[0]?.['device_id'], revoked[0]?.['reason']], ['gw-1', 'key_compromise'])
})
