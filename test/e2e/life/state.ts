import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { runOk } from '../../support/exec.ts'
import type { Muster } from '../../support/muster.ts'
import { until } from '../../support/until.ts'
import { allow, allowed, token } from './operator.ts'
import { ShellDevice } from './shell-device.ts'

/** A device that is enrolled, for the steps after it. */
export async function enrolled(
  muster: Muster,
  id: string,
  firmware = '2.4.0',
): Promise<ShellDevice> {
  await allow(muster, [allowed(id)])
  const device = await ShellDevice.create(muster, id)
  const shown = { token: await token(muster), hardware_rev: 'A', firmware_ver: firmware }
  const answer = await device.enroll(shown)
  assert.equal(answer.status, 200, answer.body.toString())
  return device
}

async function connects(device: ShellDevice, t: TestContext): Promise<void> {
  for (const sends of ['leaf', 'chain'] as const) {
    await t.test(`ok/connects, sending ${sends}`, async () => {
      device.sends = sends
      const { code, stderr } = await device.publish('status', { connected: true })
      assert.equal(code, 0, stderr)
    })
  }
  device.sends = 'leaf'
  await t.test('fail/without a certificate, or with a foreign one of the same name', async () => {
    const stranger = await ShellDevice.create(device.muster, `${device.id}-foreign`)
    const own = ['-key', stranger.file('key'), '-out', stranger.file('pem')]
    await runOk('openssl', ['req', '-x509', '-new', '-subj', `/CN=${device.id}`, ...own])
    const { code } = await stranger.publish('status', { connected: true })
    assert.notEqual(code, 0)
    writeFileSync(stranger.file('pem'), '')
    assert.notEqual((await stranger.publish('status', { connected: true })).code, 0)
  })
}

async function staysInItsTopics(device: ShellDevice, other: ShellDevice, t: TestContext) {
  await t.test('fail/topics of another device: nothing passes either way', async () => {
    const hears = other.subscribe(['shadow/delta', 'shadow/update/accepted'])
    const eavesdrops = device.subscribe([`/devices/${other.id}/#`, '/#'])
    await other.muster.json('shadow', 'set', other.id, 'led=true')
    await hears.next('shadow/delta')
    await eavesdrops.end()
    await hears.end()
    const foreign = eavesdrops.messages.filter(({ topic }) => topic.includes(other.id))
    assert.deepEqual(foreign, [])
    const before = await versionOf(other)
    await device.publish(`/devices/${other.id}/shadow/update`, { state: { reported: { evil: 1 } } })
    // What the device itself asks afterwards is answered: had the foreign one passed, it would have before.
    await device.ask(
      'shadow/update',
      { state: { reported: { here: 1 } } },
      'shadow/update/accepted',
    )
    assert.equal(await versionOf(other), before)
  })
}

async function versionOf({ muster, id }: ShellDevice): Promise<number> {
  const { version } = (await muster.json('shadow', 'get', id)) as { version: number }
  return version
}

async function converges(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('ok/reported state is accepted', async () => {
    const update = { state: { reported: { interval: 60 } }, clientToken: 'e2e-1' }
    const accepted = await device.ask('shadow/update', update, 'shadow/update/accepted')
    assert.equal(accepted?.json['clientToken'], 'e2e-1')
    assert.equal(typeof accepted?.json['version'], 'number')
  })
  await t.test('ok/the delta of a change while connected', async () => {
    const subscription = device.subscribe(['shadow/delta'])
    await until('presence', async () => {
      const shown = (await muster.json('device', 'show', id)) as { connected: boolean }
      return shown.connected
    })
    await muster.json('shadow', 'set', id, 'interval=30')
    const { json } = await subscription.next('shadow/delta')
    assert.deepEqual(json['state'], { interval: 30 })
    await subscription.end()
  })
  await t.test('ok/away meanwhile: the open delta on subscribing again', async () => {
    await muster.json('shadow', 'set', id, 'interval=15')
    const subscription = device.subscribe(['shadow/delta'])
    const { json } = await subscription.next('shadow/delta')
    assert.deepEqual(json['state'], { interval: 15 })
    await subscription.end()
  })
  await t.test('fail/a stale version is rejected', async () => {
    const update = { state: { reported: { interval: 15 } }, version: 1, clientToken: 'e2e-2' }
    const rejected = await device.ask('shadow/update', update, 'shadow/update/rejected')
    assert.equal(rejected?.json['code'], 409)
    assert.equal(rejected?.json['clientToken'], 'e2e-2')
  })
  await t.test('fail/what is no update is rejected with its reason', async () => {
    const cases: [string, number][] = [
      ['{', 400],
      ['{"state":{"other":{}}}', 400],
      ['{"state":[]}', 400],
    ]
    for (const [text, code] of cases) {
      const rejected = await device.ask('shadow/update', text, 'shadow/update/rejected')
      assert.equal(rejected?.json['code'], code, text)
    }
  })
}

async function lightweight(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('ok/the retained mode converges', async () => {
    const first = device.subscribe(['config/desired'])
    await muster.json('shadow', 'set', id, 'mode=eco')
    await until('desired state with the change', () =>
      first.messages.some(({ json }) => json['mode'] === 'eco'),
    )
    await first.end()
    await device.publish('config/reported', { mode: 'eco', interval: 15 }, '-r')
    await until('reported in the shadow', async () => {
      const shadow = (await muster.json('shadow', 'get', id)) as {
        state: { reported?: Record<string, unknown> }
      }
      return shadow.state.reported?.['mode'] === 'eco'
    })
  })
}

async function retainedAfterLoss(
  device: ShellDevice,
  lose: () => Promise<void>,
  t: TestContext,
): Promise<void> {
  await t.test('ok/the retained mode converges after the broker lost everything', async () => {
    await lose()
    const subscription = device.subscribe(['config/desired'])
    const { json } = await subscription.next('config/desired', 30)
    assert.equal(json['mode'], 'eco')
    await subscription.end()
  })
}

/** §2.3 and §2.4: connecting, topics, shadows in both modes; `lose` takes all that the broker kept. */
export async function state(
  muster: Muster,
  lose: () => Promise<void>,
  t: TestContext,
): Promise<void> {
  const device = await enrolled(muster, 'e2e-state')
  const other = await enrolled(muster, 'e2e-other')
  await connects(device, t)
  await staysInItsTopics(device, other, t)
  await converges(device, t)
  await lightweight(device, t)
  await retainedAfterLoss(device, lose, t)
}
