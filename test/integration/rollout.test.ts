import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { handler } from '../../functions/ota/handler.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { applyReportedVersion } from '../../shared/rollout/reported-version.ts'
import { signedRequest } from '../support/call.ts'
import { insertCertificate, insertDevice, selfSigned } from '../support/certificate.ts'
import { artifact, ecdsaSigner, startFirmware, type Firmware } from '../support/firmware.ts'
import { told } from '../support/messages.ts'

const signer = ecdsaSigner()
const content = randomBytes(1_000_000)
let firmware: Firmware
let artifactId: string
before(async () => {
  firmware = await startFirmware()
  await firmware.ask('POST', '/api/v1/keys', {
    body: { name: 'release-2026', public_key: signer.pem },
  })
  artifactId = (await artifact(firmware, signer, content, 'fw.bin')).id
  const made = await firmware.ask('POST', '/api/v1/releases', {
    body: {
      name: 'winter',
      version: '2.5.0',
      artifacts: [{ hardware_rev: 'A', artifact_id: artifactId }],
    },
  })
  assert.equal(made.status, 201, made.text)
})
after(() => firmware[Symbol.asyncDispose]())

let count = 0

/** Devices of a name of their own, and the query that selects them. */
async function fleet(size: number): Promise<{ ids: string[]; query: string }> {
  const prefix = `f${++count}-`
  const ids = Array.from({ length: size }, (_, index) => `${prefix}${index + 100}`)
  for (const id of ids) await insertDevice(firmware.cloned.db, id, { firmwareVer: '2.4.0' })
  return { ids, query: `device_id like ${prefix}*` }
}

async function rollout(name: string, query: string, rules: object = {}) {
  const made = await firmware.ask('POST', '/api/v1/rollouts', {
    body: { name, release: 'winter', query, ...rules },
  })
  assert.equal(made.status, 201, made.text)
  return made
}

async function read(name: string) {
  return (await firmware.ask('GET', `/api/v1/rollouts/${name}`)).json
}

async function verb(name: string, what: string, ask = firmware.ask) {
  const { revision } = await read(name)
  return ask('POST', `/api/v1/rollouts/${name}/${what}`, {
    headers: { 'if-match': `"${revision}"` },
  })
}

/** Starts and lets the engine select and offer. */
async function start(name: string): Promise<void> {
  const started = await verb(name, 'start')
  assert.equal(started.status, 200, started.text)
  await firmware.work()
  await firmware.step()
  await firmware.step()
}

interface Offer {
  device_id: string
  number: number
}

const open = (name: string) =>
  firmware.rows<Offer>(
    `select a.device_id, a.number from actions a join rollouts r using (rollout_id)
      where r.name = $1 and a.phase = 'open' order by device_id`,
    name,
  )

const status = ({ device_id: id, number }: Offer, said: object) => ({
  topic: `devices/${id}/ota/status`,
  payload: { number, ...said },
})

const stateOf = async ({ device_id: id, number }: Offer) =>
  (await firmware.ask('GET', `/api/v1/actions/${id}/${number}`)).json.state

const firmwareOf = async (id: string) => {
  const [row] = await firmware.rows<{ firmware_ver: string }>(
    'select firmware_ver from devices where device_id = $1',
    id,
  )
  return row?.firmware_ver
}

test('ok/two groups: plan, notify, report, verify, finish', async () => {
  const { query } = await fleet(10)
  await rollout('two', query, { groups: [{ percent: 20 }, { percent: 80 }], success_percent: 100 })
  const { json: plan } = await firmware.ask('GET', '/api/v1/rollouts/two/plan')
  assert.equal(plan.eligible, 10)
  assert.deepEqual(
    plan.groups.map((group: { total: number }) => group.total),
    [2, 8],
  )
  await start('two')
  const running = await read('two')
  assert.equal(running.status, 'running', JSON.stringify(running))
  assert.deepEqual(
    running.groups.map((group: { total: number }) => group.total),
    [2, 8],
  )
  const first = await open('two')
  assert.equal(first.length, 2)
  const sent = await firmware.rows<{ topic: string; payload: Buffer; device_ids: string[] }>(
    'select topic, payload, device_ids from outbox',
  )
  assert.deepEqual(sent[0]?.topic, 'devices/{id}/ota/notify')
  assert.deepEqual(
    sent.flatMap((row) => row.device_ids),
    first.map((offer) => offer.device_id),
  )
  const notice = JSON.parse(String(sent[0]?.payload))
  assert.deepEqual(Object.keys(notice), [
    'number',
    'release',
    'version',
    'url',
    'size',
    'sha256',
    'kind',
  ])
  assert.equal(notice.url, `https://muster.test/api/v1/artifacts/${artifactId}/content`)
  assert.equal(notice.number, first[0]?.number)
  for (const offer of first) {
    for (const state of ['retrieved', 'downloading', 'downloaded', 'installing', 'rebooting']) {
      const { verdicts, frames } = await firmware.say(status(offer, { state }))
      assert.deepEqual([verdicts, frames], [['done'], []])
    }
    assert.equal(await stateOf(offer), 'rebooting')
    const said = { state: 'succeeded', firmware_ver: '2.5.0' }
    await firmware.say(status(offer, said), status(offer, said))
    assert.equal(await stateOf(offer), 'succeeded')
    assert.equal(await firmwareOf(offer.device_id), '2.5.0')
  }
  await firmware.step()
  const second = await open('two')
  assert.equal(second.length, 8)
  // In one batch, as the connector gathers them; by the status topic instead of ota/status.
  await firmware.say(...second.map((offer) => status(offer, { state: 'rebooting' })))
  for (const { device_id: id } of second) {
    await transaction(firmware.cloned.as('register'), (tx) =>
      applyReportedVersion(tx, DeviceId.parse(id), 'v2.5', new Date(Date.now() + 1000)),
    )
  }
  await firmware.step()
  const ended = await read('two')
  assert.equal(ended.status, 'finished', JSON.stringify(ended))
  assert.deepEqual([ended.total, ended.succeeded, ended.failed], [10, 10, 0])
  const log = await firmware.ask(
    'GET',
    `/api/v1/actions/${first[0]?.device_id}/${first[0]?.number}/log`,
  )
  assert.deepEqual(
    log.json.items.map((item: { state: string }) => item.state),
    ['offered', 'retrieved', 'downloading', 'downloaded', 'installing', 'rebooting', 'succeeded'],
  )
})

test('ok/failures over the threshold pause it; resume, retry, advance', async () => {
  const { query } = await fleet(8)
  await rollout('fails', query, { groups: 2, error_percent: 30, success_percent: 100 })
  await start('fails')
  const first = await open('fails')
  assert.equal(first.length, 4)
  const [a, b, c, d] = first
  assert.ok(a && b && c && d)
  await firmware.say(status(a, { state: 'failed', code: 7, messages: ['no space'] }))
  await firmware.step()
  assert.equal((await read('fails')).status, 'running')
  await firmware.say(status(b, { state: 'failed' }))
  await firmware.step()
  const paused = await read('fails')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /group 1: 2 of 4 failed, 50 %; 30 % are allowed/)
  assert.equal(paused.groups[0].state, 'failed')
  // Who has begun goes on, and is counted.
  await firmware.say(status(c, { state: 'succeeded', firmware_ver: '2.5.0' }))
  await firmware.step()
  assert.equal((await read('fails')).status, 'paused')
  assert.equal((await verb('fails', 'resume')).status, 200)
  await firmware.step()
  assert.equal((await read('fails')).status, 'running')
  const retried = await verb('fails', 'retry')
  assert.equal(retried.status, 200, retried.text)
  await firmware.step()
  const again = (await open('fails')).filter(({ device_id: id }) => id === a.device_id)
  assert.equal(again.length, 1)
  assert.ok((again[0]?.number ?? 0) > a.number)
  assert.equal((await verb('fails', 'advance')).status, 200)
  await firmware.step()
  assert.equal((await read('fails')).groups[1].released, 4)
  assert.equal((await verb('fails', 'advance')).json.code, 'rollout.illegal_transition')
  const stopped = await verb('fails', 'stop')
  assert.equal(stopped.json.status, 'stopping')
  await firmware.step()
  assert.equal((await read('fails')).status, 'stopped')
  assert.deepEqual(await open('fails'), [])
  await firmware.step()
  const { total, done } = await read('fails')
  assert.equal(done, total)
})

test('fail/a device that lies, falls back, or is silent does not count as updated', async () => {
  const { query } = await fleet(4)
  const timeouts = { answer_seconds: 1, progress_seconds: 1, verify_seconds: 1 }
  await rollout('lies', query, { timeouts, error_percent: 100 })
  await start('lies')
  const [liar, fallen, silent, mute] = await open('lies')
  assert.ok(liar && fallen && silent && mute)
  await firmware.say(status(liar, { state: 'succeeded', firmware_ver: '2.4.0' }))
  assert.equal(await stateOf(liar), 'failed')
  assert.equal(await firmwareOf(liar.device_id), '2.4.0')
  await firmware.say(status(fallen, { state: 'succeeded' }))
  assert.equal(await stateOf(fallen), 'verifying')
  await transaction(firmware.cloned.as('register'), (tx) =>
    applyReportedVersion(
      tx,
      DeviceId.parse(fallen.device_id),
      '2.4.0',
      new Date(Date.now() + 1000),
    ),
  )
  assert.equal(await stateOf(fallen), 'failed')
  await firmware.say(status(silent, { state: 'succeeded' }))
  await sleep(1_200)
  await firmware.step()
  assert.equal(await stateOf(silent), 'timed_out')
  assert.equal(await stateOf(mute), 'timed_out')
  await firmware.step()
  const ended = await read('lies')
  assert.equal(ended.failed, 4)
  assert.equal(ended.succeeded, 0)
  const late = await firmware.say(status(mute, { state: 'succeeded', firmware_ver: '2.5.0' }))
  assert.deepEqual(told(late)[0]?.[0], `devices/${mute.device_id}/ota/status/rejected`)
  assert.equal(await firmwareOf(mute.device_id), '2.5.0')
})

test('fail/reports that are not as documented are rejected on their topic', async () => {
  const { ids, query } = await fleet(1)
  await rollout('form', query)
  await start('form')
  const [offer] = await open('form')
  assert.ok(offer)
  const topic = `devices/${ids[0]}/ota/status`
  const answer = await firmware.say(
    { topic, payload: 'no json' },
    status(offer, { state: 'verifying' }),
    status(offer, { state: 'retrieved', extra: 1 }),
    status({ ...offer, number: 1 }, { state: 'retrieved' }),
    { topic, payload: { number: offer.number, state: 'retrieved' }, over: 429 },
    { topic: 'devices/x y/ota/status', payload: {} },
  )
  assert.deepEqual(answer.verdicts, ['done', 'done', 'done', 'done', 'done', 'dead:topic'])
  assert.deepEqual(
    told(answer).map(([, payload]) => (payload as { code: string }).code),
    ['request.malformed', 'request.invalid', 'request.invalid', 'action.not_found', 'rate.limited'],
  )
  assert.equal(await stateOf(offer), 'offered')
})

test('ok/a device downloads while its action is open: cut, resumed, in chunks', async () => {
  const { ids } = await fleet(2)
  const [id = '', other = ''] = ids
  const shown = selfSigned(id)
  await insertCertificate(firmware.cloned.db, id, shown)
  const stranger = selfSigned(other)
  await insertCertificate(firmware.cloned.db, other, stranger)
  const get = (certificate: Buffer, headers: Record<string, string> = {}) =>
    handler(
      signedRequest('ota', `/api/v1/artifacts/${artifactId}/content`, {
        method: 'GET',
        certificate,
        headers,
      }),
      firmware.ota,
    )
  assert.equal((await get(shown.der)).status, 403)
  await rollout('download', `device_id = ${id}`)
  await start('download')
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
  assert.ok(whole.equals(content))

  const [offer] = await open('download')
  assert.ok(offer)
  const chunks: Buffer[] = []
  for (let offset = 0; offset < content.length; offset += 100_000) {
    const { frames } = await firmware.say({
      topic: `devices/${id}/ota/chunk/get`,
      payload: { number: offer.number, offset, length: 100_000 },
    })
    const bytes = Buffer.from(frames[0]?.payload ?? '')
    const end = bytes.indexOf('\n')
    assert.equal(JSON.parse(bytes.toString('utf8', 0, end)).offset, offset)
    chunks.push(bytes.subarray(end + 1))
  }
  assert.ok(Buffer.concat(chunks).equals(content))
  const bad = await firmware.say(
    {
      topic: `devices/${id}/ota/chunk/get`,
      payload: { number: offer.number, offset: content.length, length: 1 },
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

  await firmware.rows(`update devices set status = 'suspended' where device_id = $1`, id)
  const suspended = await get(shown.der)
  assert.equal(suspended.status, 403)
  assert.match(await suspended.text(), /device.suspended/)
  await firmware.rows(`update devices set status = 'active' where device_id = $1`, id)
  await firmware.say(status(offer, { state: 'failed' }))
  assert.equal((await get(shown.der)).status, 403)
})

test('fail/If-Match: missing 428, stale 412; verbs out of order 409', async () => {
  const { query } = await fleet(1)
  await rollout('order', query)
  const start428 = await firmware.ask('POST', '/api/v1/rollouts/order/start')
  assert.equal(start428.status, 428)
  const stale = await firmware.ask('POST', '/api/v1/rollouts/order/start', {
    headers: { 'if-match': '"99"' },
  })
  assert.equal(stale.status, 412)
  for (const what of ['pause', 'resume', 'stop', 'advance', 'retry', 'approve', 'deny']) {
    const refused = await verb('order', what)
    assert.ok([403, 409].includes(refused.status), `${what}: ${refused.status}`)
  }
  const edited = await firmware.ask('PATCH', '/api/v1/rollouts/order', {
    body: { groups: 3, error_percent: 1 },
    headers: { 'if-match': `"${(await read('order')).revision}"` },
  })
  assert.equal(edited.status, 200, edited.text)
  assert.equal(edited.json.groups.length, 3)
  assert.equal(edited.json.rules.error_percent, 1)
  assert.equal(edited.json.rules.success_percent, 90)
  await start('order')
  const deleted = await firmware.ask('DELETE', '/api/v1/rollouts/order', {
    headers: { 'if-match': `"${(await read('order')).revision}"` },
  })
  assert.equal(deleted.status, 409)
})

test('fail/an author does not approve; another one may deny, then approve', async () => {
  const { query } = await fleet(1)
  await firmware.rows(
    `insert into settings (name, value, updated_by) values ('rollout.approval', 'true', 'test')`,
  )
  const { forgetSettings } = await import('../../shared/setting/read.ts')
  forgetSettings(firmware.ota.db)
  const made = await rollout('approved', query)
  assert.equal(made.json.status, 'waiting_for_approval')
  assert.equal((await verb('approved', 'start')).status, 409)
  assert.equal((await verb('approved', 'approve')).json.code, 'rollout.self_approval')
  assert.equal((await verb('approved', 'deny', firmware.second)).json.status, 'draft')
  const edited = await firmware.ask('PATCH', '/api/v1/rollouts/approved', {
    body: { success_percent: 80 },
    headers: { 'if-match': `"${(await read('approved')).revision}"` },
  })
  assert.equal(edited.json.status, 'waiting_for_approval', edited.text)
  const approved = await verb('approved', 'approve', firmware.second)
  assert.equal(approved.json.status, 'ready', approved.text)
  await start('approved')
  assert.equal((await read('approved')).status, 'running')
  await firmware.rows(`delete from settings where name = 'rollout.approval'`)
  forgetSettings(firmware.ota.db)
})

test('ok/plan and start leave out who cannot or need not', async () => {
  const { ids, query } = await fleet(6)
  const [suspended, other, same, newer] = ids
  const set = (text: string, id: string | undefined) =>
    firmware.rows(`update devices set ${text} where device_id = $1`, id)
  await set(`status = 'suspended'`, suspended)
  await set(`hardware_rev = 'Z'`, other)
  await set(`firmware_ver = '2.5.0'`, same)
  await set(`firmware_ver = '3.0.0'`, newer)
  await rollout('some', query)
  const { json: plan } = await firmware.ask('GET', '/api/v1/rollouts/some/plan')
  assert.deepEqual(plan.left_out, {
    inactive: 1,
    no_artifact: 1,
    same_version: 1,
    newer_version: 1,
  })
  assert.deepEqual(plan.hardware, [{ hardware_rev: 'A', total: 2 }])
  await start('some')
  assert.equal((await read('some')).total, 2)
})

test('fail/an object swapped in the store, or a revoked key, stops the start', async () => {
  const { query } = await fleet(1)
  const signing = ecdsaSigner()
  await firmware.ask('POST', '/api/v1/keys', { body: { name: 'old', public_key: signing.pem } })
  const { id } = await artifact(firmware, signing, randomBytes(1000), 'old.bin')
  await firmware.ask('POST', '/api/v1/releases', {
    body: {
      name: 'old',
      version: '2.6.0',
      artifacts: [{ hardware_rev: 'A', artifact_id: id }],
    },
  })
  const made = await firmware.ask('POST', '/api/v1/rollouts', {
    body: { name: 'swapped', release: 'old', query },
  })
  assert.equal(made.status, 201, made.text)
  await firmware.ask('DELETE', '/api/v1/keys/old')
  await start('swapped')
  const paused = await read('swapped')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /revoked/)
  assert.equal((await firmware.ask('GET', `/api/v1/artifacts/${id}`)).json.state, 'blocked')
})
