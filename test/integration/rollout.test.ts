import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { createDeps as deltaDeps } from '../../functions/compute-delta/deps.ts'
import { handler as delta } from '../../functions/compute-delta/handler.ts'
import { createDeps as registerDeps } from '../../functions/register/deps.ts'
import { handler as register } from '../../functions/register/handler.ts'
import { transaction } from '../../shared/db/transaction.ts'
import { DeviceId } from '../../shared/device-id.ts'
import { applyReportedVersion } from '../../shared/rollout/reported-version.ts'
import { asker } from '../support/function-host.ts'
import { testHost } from '../support/host.ts'
import { createSender, told } from '../support/messages.ts'
import { insertToken } from '../support/operator.ts'
import { Rollouts, status } from '../support/rollouts.ts'

let rollouts: Rollouts
before(async () => {
  rollouts = await Rollouts.create()
})
after(() => rollouts[Symbol.asyncDispose]())

const birth = (id: string, version: string) => ({
  topic: `devices/${id}/status`,
  payload: { connected: true, firmware_ver: version },
})

test('ok/two groups: plan, notify, report, verify, finish', async () => {
  const { query } = await rollouts.fleet(10)
  await rollouts.plan('two', query, {
    groups: [{ percent: 20 }, { percent: 80 }],
    success_percent: 100,
  })
  const { json: plan } = await rollouts.firmware.ask('GET', '/api/v1/rollouts/two/plan')
  assert.equal(plan.eligible, 10)
  assert.deepEqual(
    plan.groups.map((group: { total: number }) => group.total),
    [2, 8],
  )
  await rollouts.start('two')
  const running = await rollouts.read('two')
  assert.equal(running.status, 'running', JSON.stringify(running))
  assert.deepEqual(
    running.groups.map((group: { total: number }) => group.total),
    [2, 8],
  )
  const first = await rollouts.open('two')
  assert.equal(first.length, 2)
  const sent = await rollouts.firmware.rows<{
    topic: string
    payload: Buffer
    device_ids: string[]
  }>('select topic, payload, device_ids from outbox')
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
  assert.equal(notice.url, `https://muster.test/api/v1/artifacts/${rollouts.artifactId}/content`)
  assert.equal(notice.number, first[0]?.number)
  for (const offer of first) {
    for (const state of ['retrieved', 'downloading', 'downloaded', 'installing', 'rebooting']) {
      const { verdicts, frames } = await rollouts.firmware.say(status(offer, { state }))
      assert.deepEqual([verdicts, frames], [['done'], []])
    }
    assert.equal(await rollouts.stateOf(offer), 'rebooting')
    const said = { state: 'succeeded', firmware_ver: '2.5.0' }
    await rollouts.firmware.say(status(offer, said), status(offer, said))
    assert.equal(await rollouts.stateOf(offer), 'succeeded')
    assert.equal(await rollouts.firmwareOf(offer.device_id), '2.5.0')
  }
  await rollouts.firmware.step()
  const second = await rollouts.open('two')
  assert.equal(second.length, 8)
  // In one batch, as the connector gathers them; by the status topic instead of ota/status.
  await rollouts.firmware.say(...second.map((offer) => status(offer, { state: 'rebooting' })))
  for (const { device_id: id } of second) {
    await transaction(rollouts.firmware.cloned.as('register'), (tx) =>
      applyReportedVersion(tx, DeviceId.parse(id), 'v2.5', new Date(Date.now() + 1000)),
    )
  }
  await rollouts.firmware.step()
  const ended = await rollouts.read('two')
  assert.equal(ended.status, 'finished', JSON.stringify(ended))
  assert.deepEqual([ended.total, ended.succeeded, ended.failed], [10, 10, 0])
  const log = await rollouts.firmware.ask(
    'GET',
    `/api/v1/actions/${first[0]?.device_id}/${first[0]?.number}/log`,
  )
  assert.deepEqual(
    log.json.items.map((item: { state: string }) => item.state),
    ['offered', 'retrieved', 'downloading', 'downloaded', 'installing', 'rebooting', 'succeeded'],
  )
})

test('ok/failures over the threshold pause it; resume, retry, advance', async () => {
  const { query } = await rollouts.fleet(8)
  await rollouts.plan('fails', query, { groups: 2, error_percent: 30, success_percent: 100 })
  await rollouts.start('fails')
  const first = await rollouts.open('fails')
  assert.equal(first.length, 4)
  const [a, b, c, d] = first
  assert.ok(a && b && c && d)
  await rollouts.firmware.say(status(a, { state: 'failed', code: 7, messages: ['no space'] }))
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('fails')).status, 'running')
  await rollouts.firmware.say(status(b, { state: 'failed' }))
  await rollouts.firmware.step()
  const paused = await rollouts.read('fails')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /group 1: 2 of 4 failed, 50 %; 30 % are allowed/)
  assert.equal(paused.groups[0].state, 'failed')
  // Who has begun goes on, and is counted.
  await rollouts.firmware.say(status(c, { state: 'succeeded', firmware_ver: '2.5.0' }))
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('fails')).status, 'paused')
  assert.equal((await rollouts.verb('fails', 'resume')).status, 200)
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('fails')).status, 'running')
  const retried = await rollouts.verb('fails', 'retry')
  assert.equal(retried.status, 200, retried.text)
  await rollouts.firmware.step()
  const again = (await rollouts.open('fails')).filter(({ device_id: id }) => id === a.device_id)
  assert.equal(again.length, 1)
  assert.ok((again[0]?.number ?? 0) > a.number)
  assert.equal((await rollouts.verb('fails', 'advance')).status, 200)
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('fails')).groups[1].released, 4)
  assert.equal((await rollouts.verb('fails', 'advance')).json.code, 'rollout.illegal_transition')
  const stopped = await rollouts.verb('fails', 'stop')
  assert.equal(stopped.json.status, 'stopping')
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('fails')).status, 'stopped')
  assert.deepEqual(await rollouts.open('fails'), [])
  await rollouts.firmware.step()
  const { total, done } = await rollouts.read('fails')
  assert.equal(done, total)
})

test('fail/a device that lies, falls back, or is silent does not count as updated', async () => {
  const { query } = await rollouts.fleet(4)
  const timeouts = { answer_seconds: 1, progress_seconds: 1, verify_seconds: 1 }
  await rollouts.plan('lies', query, { timeouts, error_percent: 100 })
  await rollouts.start('lies')
  const [liar, fallen, silent, mute] = await rollouts.open('lies')
  assert.ok(liar && fallen && silent && mute)
  await rollouts.firmware.say(status(liar, { state: 'succeeded', firmware_ver: '2.4.0' }))
  assert.equal(await rollouts.stateOf(liar), 'failed')
  assert.equal(await rollouts.firmwareOf(liar.device_id), '2.4.0')
  await rollouts.firmware.say(status(fallen, { state: 'succeeded' }))
  assert.equal(await rollouts.stateOf(fallen), 'verifying')
  await transaction(rollouts.firmware.cloned.as('register'), (tx) =>
    applyReportedVersion(
      tx,
      DeviceId.parse(fallen.device_id),
      '2.4.0',
      new Date(Date.now() + 1000),
    ),
  )
  assert.equal(await rollouts.stateOf(fallen), 'failed')
  await rollouts.firmware.say(status(silent, { state: 'succeeded' }))
  await sleep(1_200)
  await rollouts.firmware.step()
  assert.equal(await rollouts.stateOf(silent), 'timed_out')
  assert.equal(await rollouts.stateOf(mute), 'timed_out')
  await rollouts.firmware.step()
  const ended = await rollouts.read('lies')
  assert.equal(ended.failed, 4)
  assert.equal(ended.succeeded, 0)
  const late = await rollouts.firmware.say(
    status(mute, { state: 'succeeded', firmware_ver: '2.5.0' }),
  )
  assert.deepEqual(told(late)[0]?.[0], `devices/${mute.device_id}/ota/status/rejected`)
  assert.equal(await rollouts.firmwareOf(mute.device_id), '2.5.0')
})

test('fail/reports that are not as documented are rejected on their topic', async () => {
  const { ids, query } = await rollouts.fleet(1)
  await rollouts.plan('form', query)
  await rollouts.start('form')
  const [offer] = await rollouts.open('form')
  assert.ok(offer)
  const topic = `devices/${ids[0]}/ota/status`
  const answer = await rollouts.firmware.say(
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
  assert.equal(await rollouts.stateOf(offer), 'offered')
})

test('ok/a birth on the status topic ends the action; the old version says that it fell back', async () => {
  const { query } = await rollouts.fleet(2)
  await rollouts.plan('births', query, { error_percent: 100 })
  await rollouts.start('births')
  const [good, bad] = await rollouts.open('births')
  assert.ok(good && bad)
  const { firmware } = rollouts
  await firmware.say(status(good, { state: 'rebooting' }), status(bad, { state: 'rebooting' }))
  const deps = await registerDeps(testHost('register', firmware.cloned))
  await createSender(1).send('register', register, deps, [
    birth(good.device_id, '2.5.0'),
    birth(bad.device_id, '2.4.0'),
  ])
  assert.equal(await rollouts.stateOf(good), 'succeeded')
  assert.equal(await rollouts.stateOf(bad), 'failed')
})

test('ok/one action is called back; who installs is not', async () => {
  const { query } = await rollouts.fleet(2)
  await rollouts.plan('cancels', query)
  await rollouts.start('cancels')
  const [early, late] = await rollouts.open('cancels')
  assert.ok(early && late)
  await rollouts.firmware.say(status(late, { state: 'installing' }))
  const cancel = ({ device_id: id, number }: { device_id: string; number: number }) =>
    rollouts.firmware.ask('POST', `/api/v1/actions/${id}/${number}/cancel`)
  assert.equal((await cancel(early)).json.state, 'cancelled')
  assert.equal((await cancel(early)).json.code, 'action.illegal_transition')
  assert.equal((await cancel(late)).json.code, 'action.illegal_transition')
  await rollouts.firmware.say(status(late, { state: 'succeeded', firmware_ver: '2.5.0' }))
  await rollouts.firmware.step()
  const ended = await rollouts.read('cancels')
  assert.deepEqual([ended.status, ended.succeeded, ended.cancelled], ['finished', 1, 1])
})

test('ok/a device that subscribes hears of the update that waits for it', async () => {
  const { query } = await rollouts.fleet(3)
  await rollouts.plan('away', query)
  await rollouts.start('away')
  const [fresh, begun, restarting] = await rollouts.open('away')
  assert.ok(fresh && begun && restarting)
  const { firmware } = rollouts
  await firmware.say(
    status(begun, { state: 'downloading' }),
    status(restarting, { state: 'rebooting' }),
  )
  const deps = await deltaDeps(testHost('compute-delta', firmware.cloned))
  const subscribe = async (...filters: string[]) => {
    const bells = [fresh, begun, restarting].map(({ device_id: id }) => ({
      topic: `muster/bell/${id}`,
      payload: {
        why: 'subscribe',
        outbox: [],
        filters: filters.map((filter) => filter.replace('{id}', id)),
      },
      packet: null,
    }))
    const { verdicts, frames } = await createSender(1).send('compute-delta', delta, deps, bells)
    assert.deepEqual(verdicts, ['done', 'done', 'done'])
    return frames.map(({ topic, payload }) => [topic, JSON.parse(payload.toString()).number])
  }
  const both = [fresh, begun].map(({ device_id: id, number }) => [
    `devices/${id}/ota/notify`,
    number,
  ])
  assert.deepEqual(await subscribe('devices/{id}/ota/notify'), both)
  assert.deepEqual(await subscribe('devices/{id}/#'), both)
  assert.deepEqual(await subscribe('devices/{id}/shadow/delta'), [])
  await rollouts.verb('away', 'pause')
  assert.deepEqual(await subscribe('devices/{id}/ota/+'), both.slice(1))
})

test('ok/a rollout does not wait for a device that was removed', async () => {
  const { query, ids } = await rollouts.fleet(1)
  await rollouts.plan('removed', query)
  await rollouts.start('removed')
  assert.equal((await rollouts.open('removed')).length, 1)
  const { firmware } = rollouts
  const deps = await registerDeps(testHost('register', firmware.cloned))
  const token = await insertToken(firmware.cloned.db, 'registrar', ['admin'])
  const ask = asker('register', register, deps, token)
  await firmware.rows(`update devices set status = 'decommissioned' where device_id = $1`, ids[0])
  const gone = await ask('DELETE', `/api/v1/devices/${ids[0]}`)
  assert.equal(gone.status, 204, gone.text)
  await firmware.step()
  const ended = await rollouts.read('removed')
  assert.deepEqual([ended.status, ended.cancelled], ['finished', 1])
})

test('ok/steps at once, and reports at once with them, do each thing once', async () => {
  const { query } = await rollouts.fleet(60)
  await rollouts.plan('crowd', query, { groups: 3, success_percent: 100 })
  await rollouts.verb('crowd', 'start')
  const { firmware } = rollouts
  await Promise.all([firmware.work(), firmware.work()])
  const older = await firmware.rows<{ id: bigint }>('select id from outbox')
  for (let round = 0; round < 12; round++) {
    const offers = await rollouts.open('crowd')
    await Promise.all([
      firmware.step(),
      firmware.step(),
      firmware.say(
        ...offers.map((offer) => status(offer, { state: 'succeeded', firmware_ver: '2.5.0' })),
        { topic: 'devices/nobody/ota/status', payload: {} },
      ),
      firmware.step(),
    ])
  }
  const ended = await rollouts.read('crowd')
  assert.deepEqual([ended.status, ended.succeeded, ended.failed], ['finished', 60, 0])
  const sent = await firmware.rows<{ device_id: string; times: number }>(
    `select device_id, count(*)::int as times from outbox, unnest(device_ids) device_id where id > $1 group by 1`,
    older.length === 0 ? 0 : Math.max(...older.map(({ id }) => Number(id))),
  )
  assert.equal(sent.length, 60)
  assert.ok(sent.every(({ times }) => times === 1))
  const history = await firmware.rows<{ states: number }>(
    `select count(*)::int as states from action_status s join actions a using (device_id, number)
       join rollouts r using (rollout_id) where r.name = 'crowd'`,
  )
  assert.deepEqual(history, [{ states: 120 }])
})
