import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import type { TestContext } from 'node:test'
import { runOk } from '../../support/exec.ts'
import type { Muster } from '../../support/muster.ts'
import { until } from '../../support/until.ts'
import { token } from './operator.ts'
import type { Answered, ShellDevice, Subscription } from './shell-device.ts'
import { enrolled } from './state.ts'

const base64 = (pem: string) => pem.replaceAll(/-----[^-]+-----|\s/g, '')

/** EST simplereenroll with the certificate that the device has. */
async function reenroll(device: ShellDevice): Promise<Answered> {
  const request = device.file('p10')
  writeFileSync(request, base64(device.csr))
  const type = ['-H', 'Content-Type: application/pkcs10', '--data-binary', `@${request}`]
  return device.curl('/.well-known/est/simplereenroll', ...type, ...device.withCertificate)
}

async function renews(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test(
    'ok/asked to renew, it renews by EST; the old certificate is superseded',
    async () => {
      const old = await device.serial()
      const subscription = device.subscribe(['cert/renew'])
      await muster.json('certificate', 'renew', old)
      const { json } = await subscription.next('cert/renew')
      await subscription.end()
      assert.equal(String(json['serial']).toUpperCase(), old)
      const answer = await reenroll(device)
      assert.equal(answer.status, 200, answer.head)
      writeFileSync(device.file('p7'), Buffer.from(answer.body.toString('latin1'), 'base64'))
      const print = ['pkcs7', '-inform', 'DER', '-in', device.file('p7'), '-print_certs']
      const pem = await runOk('openssl', print)
      device.keep(pem.slice(pem.indexOf('-----BEGIN')), '')
      assert.notEqual(await device.serial(), old)
      assert.equal((await device.publish('status', { connected: true })).code, 0)
      const { state } = (await muster.json('certificate', 'show', old)) as { state: string }
      assert.equal(state, 'superseded')
      const shown = (await muster.json('device', 'show', id)) as { cert_serial: string }
      assert.equal(shown.cert_serial.toUpperCase(), await device.serial())
    },
  )
}

// mosquitto_sub ends where it is refused, and tries again where it was only thrown off.
async function thrownOff(subscription: Subscription): Promise<void> {
  let gone = false
  void subscription.gone.then(() => (gone = true))
  await until('the connection closed', () => gone || subscription.connects() > 1, 5)
  await subscription.end()
}

const SUSPENDED = { status: 403, code: 'device.suspended' }
const brief = ({ status, json }: Answered) => ({ status, code: json['code'] })

async function suspends(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('ok/suspended: kicked, refused everywhere, and again on each connect', async () => {
    const subscription = device.subscribe(['shadow/delta'])
    await until('presence', async () => {
      const shown = (await muster.json('device', 'show', id)) as { connected: boolean }
      return shown.connected
    })
    assert.equal((await muster.muster('device', 'suspend', id, '--yes')).code, 0)
    await thrownOff(subscription)
    await muster.restart('SIGKILL')
    const shadow = await device.curl(`/api/v1/devices/${id}/shadow`, ...device.withCertificate)
    assert.deepEqual(brief(shadow), SUSPENDED)
    assert.equal((await reenroll(device)).status, 403)
    const again = await device.enroll({ token: await token(muster), hardware_rev: 'A' })
    assert.deepEqual(brief(again), SUSPENDED)
    const { stdout } = await device.publish('status', { connected: true })
    assert.equal(stdout, '')
    const update = { state: { reported: { suspended: true } } }
    assert.equal(await device.ask('shadow/update', update, 'shadow/update/accepted', 2), undefined)
  })
  await t.test('ok/resumed: it goes on with the same certificate', async () => {
    assert.equal((await muster.muster('device', 'resume', id)).code, 0)
    const update = { state: { reported: { resumed: true } } }
    const accepted = await until('accepted', () =>
      device.ask('shadow/update', update, 'shadow/update/accepted', 3),
    )
    assert.equal(typeof accepted.json['version'], 'number')
  })
}

async function decommissions(device: ShellDevice, t: TestContext): Promise<void> {
  const { muster, id } = device
  await t.test('ok/decommissioned: off within a second, in the CRL, never back', async () => {
    const serial = await device.serial()
    const subscription = device.subscribe(['shadow/delta'])
    await until('presence', async () => {
      const shown = (await muster.json('device', 'show', id)) as { connected: boolean }
      return shown.connected
    })
    assert.equal((await muster.muster('device', 'decommission', id, '--yes')).code, 0)
    await thrownOff(subscription)
    await muster.restart('SIGKILL')
    const { body } = await device.curl('/pki/crl')
    writeFileSync(device.file('crl'), body)
    const text = await runOk('openssl', [
      'crl',
      '-inform',
      'DER',
      '-in',
      device.file('crl'),
      '-noout',
      '-text',
    ])
    assert.match(text, new RegExp(serial))
    assert.notEqual((await device.publish('status', { connected: true })).code, 0)
    const shadow = await device.curl(`/api/v1/devices/${id}/shadow`, ...device.withCertificate)
    assert.ok([401, 403].includes(shadow.status))
    const again = await device.enroll({ token: await token(muster), hardware_rev: 'A' })
    assert.equal(again.status, 401)
  })
}

/** §2.6 and §2.7: renewal, suspension, the end. */
export async function lifecycle(muster: Muster, t: TestContext): Promise<void> {
  const device = await enrolled(muster, 'e2e-life')
  await renews(device, t)
  await suspends(device, t)
  await decommissions(device, t)
}
