import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { handler } from '../../functions/ota/handler.ts'
import { forgetSettings } from '../../shared/setting/read.ts'
import { signedRequest } from '../support/call.ts'
import { insertCertificate, selfSigned } from '../support/certificate.ts'
import { artifact, ecdsaSigner } from '../support/firmware.ts'
import { told } from '../support/messages.ts'
import { Rollouts, status } from '../support/rollouts.ts'

let rollouts: Rollouts
before(async () => {
  rollouts = await Rollouts.create()
})
after(() => rollouts[Symbol.asyncDispose]())

test('ok/a device downloads while its action is open: cut, resumed, in chunks', async () => {
  const { ids } = await rollouts.fleet(2)
  const [id = '', other = ''] = ids
  const shown = selfSigned(id)
  await insertCertificate(rollouts.firmware.cloned.db, id, shown)
  const stranger = selfSigned(other)
  await insertCertificate(rollouts.firmware.cloned.db, other, stranger)
  const get = (certificate: Buffer, headers: Record<string, string> = {}) =>
    handler(
      signedRequest('ota', `/api/v1/artifacts/${rollouts.artifactId}/content`, {
        method: 'GET',
        certificate,
        headers,
      }),
      rollouts.firmware.ota,
    )
  assert.equal((await get(shown.der)).status, 403)
  await rollouts.plan('download', `device_id = ${id}`)
  await rollouts.start('download')
  assert.equal((await get(stranger.der)).status, 403)
  const first = await get(shown.der)
  assert.equal(first.status, 200)
  const reader = first.body?.getReader()
  const { value = new Uint8Array() } = (await reader?.read()) ?? {}
  await reader?.cancel()
  const etag = first.headers.get('etag') ?? ''
  const rest = await get(shown.der, { range: `bytes=${value.length}-`, 'if-range': etag })
  assert.equal(rest.status, 206)
  const whole = Buffer.concat([value, Buffer.from(await rest.arrayBuffer())])
  assert.ok(whole.equals(rollouts.content))

  const [offer] = await rollouts.open('download')
  assert.ok(offer)
  const chunks: Buffer[] = []
  for (let offset = 0; offset < rollouts.content.length; offset += 100_000) {
    const { frames } = await rollouts.firmware.say({
      topic: `devices/${id}/ota/chunk/get`,
      payload: { number: offer.number, offset, length: 100_000 },
    })
    const bytes = Buffer.from(frames[0]?.payload ?? '')
    const end = bytes.indexOf('\n')
    assert.equal(JSON.parse(bytes.toString('utf8', 0, end)).offset, offset)
    chunks.push(bytes.subarray(end + 1))
  }
  assert.ok(Buffer.concat(chunks).equals(rollouts.content))
  const bad = await rollouts.firmware.say(
    {
      topic: `devices/${id}/ota/chunk/get`,
      payload: { number: offer.number, offset: rollouts.content.length, length: 1 },
    },
    {
      topic: `devices/${id}/ota/chunk/get`,
      payload: { number: offer.number, offset: 0, length: 200_000 },
    },
    {
      topic: `devices/${other}/ota/chunk/get`,
      payload: { number: offer.number, offset: 0, length: 1 },
    },
  )
  assert.deepEqual(
    told(bad).map(([, payload]) => (payload as { code: string }).code),
    ['request.range_not_satisfiable', 'request.invalid', 'action.not_found'],
  )

  await rollouts.firmware.rows(`update devices set status = 'suspended' where device_id = $1`, id)
  const suspended = await get(shown.der)
  assert.equal(suspended.status, 403)
  assert.match(await suspended.text(), /device.suspended/)
  await rollouts.firmware.rows(`update devices set status = 'active' where device_id = $1`, id)
  await rollouts.firmware.say(status(offer, { state: 'failed' }))
  assert.equal((await get(shown.der)).status, 403)
})

test('fail/If-Match: missing 428, stale 412; verbs out of order 409', async () => {
  const { query } = await rollouts.fleet(1)
  await rollouts.plan('order', query)
  const start428 = await rollouts.firmware.ask('POST', '/api/v1/rollouts/order/start')
  assert.equal(start428.status, 428)
  const stale = await rollouts.firmware.ask('POST', '/api/v1/rollouts/order/start', {
    headers: { 'if-match': '"99"' },
  })
  assert.equal(stale.status, 412)
  for (const what of ['pause', 'resume', 'stop', 'advance', 'retry', 'approve', 'deny']) {
    const refused = await rollouts.verb('order', what)
    assert.ok([403, 409].includes(refused.status), `${what}: ${refused.status}`)
  }
  const edited = await rollouts.firmware.ask('PATCH', '/api/v1/rollouts/order', {
    body: { groups: 3, error_percent: 1 },
    headers: { 'if-match': `"${(await rollouts.read('order')).revision}"` },
  })
  assert.equal(edited.status, 200, edited.text)
  assert.equal(edited.json.groups.length, 3)
  assert.equal(edited.json.rules.error_percent, 1)
  assert.equal(edited.json.rules.success_percent, 90)
  await rollouts.start('order')
  const deleted = await rollouts.firmware.ask('DELETE', '/api/v1/rollouts/order', {
    headers: { 'if-match': `"${(await rollouts.read('order')).revision}"` },
  })
  assert.equal(deleted.status, 409)
})

test('fail/an author does not approve; another one may deny, then approve', async () => {
  const { query } = await rollouts.fleet(1)
  await rollouts.firmware.rows(
    `insert into settings (name, value, updated_by) values ('rollout.approval', 'true', 'test')`,
  )
  forgetSettings(rollouts.firmware.ota.db)
  const made = await rollouts.plan('approved', query)
  assert.equal(made.json.status, 'waiting_for_approval')
  assert.equal((await rollouts.verb('approved', 'start')).status, 409)
  assert.equal((await rollouts.verb('approved', 'approve')).json.code, 'rollout.self_approval')
  assert.equal(
    (await rollouts.verb('approved', 'deny', rollouts.firmware.second)).json.status,
    'draft',
  )
  const edited = await rollouts.firmware.ask('PATCH', '/api/v1/rollouts/approved', {
    body: { success_percent: 80 },
    headers: { 'if-match': `"${(await rollouts.read('approved')).revision}"` },
  })
  assert.equal(edited.json.status, 'waiting_for_approval', edited.text)
  const approved = await rollouts.verb('approved', 'approve', rollouts.firmware.second)
  assert.equal(approved.json.status, 'ready', approved.text)
  await rollouts.start('approved')
  assert.equal((await rollouts.read('approved')).status, 'running')
  await rollouts.firmware.rows(`delete from settings where name = 'rollout.approval'`)
  forgetSettings(rollouts.firmware.ota.db)
})

test('ok/plan and start leave out who cannot or need not', async () => {
  const { ids, query } = await rollouts.fleet(6)
  const [suspended, other, same, newer] = ids
  const set = (text: string, id: string | undefined) =>
    rollouts.firmware.rows(`update devices set ${text} where device_id = $1`, id)
  await set(`status = 'suspended'`, suspended)
  await set(`hardware_rev = 'Z'`, other)
  await set(`firmware_ver = '2.5.0'`, same)
  await set(`firmware_ver = '3.0.0'`, newer)
  await rollouts.plan('some', query)
  const { json: plan } = await rollouts.firmware.ask('GET', '/api/v1/rollouts/some/plan')
  assert.deepEqual(plan.left_out, {
    inactive: 1,
    no_artifact: 1,
    same_version: 1,
    newer_version: 1,
  })
  assert.deepEqual(plan.hardware, [{ hardware_rev: 'A', total: 2 }])
  await rollouts.start('some')
  assert.equal((await rollouts.read('some')).total, 2)
})

test('fail/an object swapped in the store, or a revoked key, stops the start', async () => {
  const { query } = await rollouts.fleet(1)
  const signing = ecdsaSigner()
  await rollouts.firmware.ask('POST', '/api/v1/keys', {
    body: { name: 'old', public_key: signing.pem },
  })
  const { id } = await artifact(rollouts.firmware, signing, randomBytes(1000), 'old.bin')
  await rollouts.firmware.ask('POST', '/api/v1/releases', {
    body: {
      name: 'old',
      version: '2.6.0',
      artifacts: [{ hardware_rev: 'A', artifact_id: id }],
    },
  })
  const made = await rollouts.firmware.ask('POST', '/api/v1/rollouts', {
    body: { name: 'swapped', release: 'old', query },
  })
  assert.equal(made.status, 201, made.text)
  await rollouts.firmware.ask('DELETE', '/api/v1/keys/old')
  await rollouts.start('swapped')
  const paused = await rollouts.read('swapped')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /revoked/)
  assert.equal(
    (await rollouts.firmware.ask('GET', `/api/v1/artifacts/${id}`)).json.state,
    'blocked',
  )
})

test('ok/actions of a query are called back in one operation', async () => {
  const { query, ids } = await rollouts.fleet(3)
  await rollouts.plan('called-back', query)
  await rollouts.start('called-back')
  const [first] = await rollouts.open('called-back')
  assert.ok(first)
  await rollouts.firmware.say(status(first, { state: 'installing' }))
  const ask = { q: query, change: { state: 'cancelled', rollout: 'called-back' } }
  const send = (body: object) => rollouts.firmware.ask('POST', '/api/v1/bulk/actions', { body })
  assert.equal((await send({ ...ask, dry_run: true })).json.count, 3)
  assert.equal((await send({ ...ask, expect: 4 })).json.code, 'operation.selection_changed')
  const queued = await send({ ...ask, expect: 3 })
  assert.equal(queued.status, 202, queued.text)
  await rollouts.firmware.work()
  const rows = await rollouts.firmware.rows<{ device_id: string; state: string; code: string }>(
    'select device_id, state, code from operation_results where operation_id = $1 order by 1',
    queued.json.id,
  )
  assert.deepEqual(
    rows.map(({ device_id: id, state, code }) => [id, state, code]),
    [
      [ids[0], 'failed', 'action.illegal_transition'],
      [ids[1], 'succeeded', null],
      [ids[2], 'succeeded', null],
    ],
  )
  assert.deepEqual(await rollouts.open('called-back'), [first])
})

test('fail/names, ids and cursors that nobody gave out are refused, not failed on', async () => {
  const { ask } = rollouts.firmware
  const { query } = await rollouts.fleet(1)
  await rollouts.plan('cursors-1', query)
  await rollouts.plan('cursors-2', query)
  const { json: page } = await ask('GET', '/api/v1/rollouts?limit=1')
  const content = JSON.parse(Buffer.from(page.next, 'base64url').toString())
  const made = (after: (string | null)[]) =>
    Buffer.from(JSON.stringify({ ...content, a: after })).toString('base64url')
  for (const after of [['x'], [null], ['99999999999'], ['\0']]) {
    const { status: code } = await ask('GET', `/api/v1/rollouts?cursor=${made(after)}`)
    assert.equal(code, 400, JSON.stringify(after))
  }
  for (const [method, target] of [
    ['GET', '/api/v1/rollouts/a%00b'],
    ['GET', '/api/v1/releases/%F0%9F%98%80'],
    ['GET', '/api/v1/artifacts/%00'],
    ['GET', '/api/v1/keys/A%00'],
    ['GET', '/api/v1/uploads/1'],
    ['GET', '/api/v1/actions/a/99999999999'],
    ['GET', '/api/v1/actions?rollout=%00'],
    ['GET', '/api/v1/actions?surprise=1'],
  ] as const) {
    const { status: code } = await ask(method, target)
    assert.ok([400, 404].includes(code), `${target}: ${code}`)
  }
})
