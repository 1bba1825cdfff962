import assert from 'node:assert/strict'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { run, runOk } from '../../support/exec.ts'
import { ROOT, type Muster } from '../../support/muster.ts'
import { until } from '../../support/until.ts'
import { enrolled } from './state.ts'

/** §2.4: an operator's own topics reach a service account of the operator's application, and nothing else does. */
export async function application(
  muster: Muster,
  servicePort: number,
  t: TestContext,
): Promise<void> {
  const device = await enrolled(muster, 'e2e-meter')
  const account = path.join(muster.data, 'reader')
  const data = path.join(muster.data, 'muster')
  const issue = ['ca', 'issue', 'service', 'reader', '--out', account, '--data', data]
  await runOk(path.join(ROOT, 'muster'), issue)
  const listen = (topic: string, seconds: number) =>
    run('mosquitto_sub', [
      ...['-h', 'localhost', '-p', String(servicePort), '-i', 'reader', '-q', '1'],
      ...['--cafile', muster.caFile, '--cert', `${account}.pem`, '--key', `${account}.key`],
      ...['-t', topic, '-C', '1', '-W', String(seconds), '-F', '%t %p'],
    ])
  await t.test(
    'fail/a topic of Muster, or one without the device, cannot be given away',
    async () => {
      for (const filter of ['devices/{id}/#', 'muster/{id}', '$SYS/{id}', 'telemetry/#']) {
        const { code } = await muster.muster('topic', 'add', filter, '--device', 'publish')
        assert.equal(code, 1, filter)
      }
    },
  )
  await t.test('ok/an operator topic reaches the application', async () => {
    await muster.json('topic', 'add', 'telemetry/{id}/#', '--device', 'publish')
    const heard = await until('a message at the application', async () => {
      const listening = listen('telemetry/+/power', 4)
      const sent = setInterval(() => {
        void device.publish('/telemetry/e2e-meter/power', { watts: 7 })
      }, 500)
      const { stdout } = await listening
      clearInterval(sent)
      return stdout.trim() || undefined
    })
    assert.equal(heard, 'telemetry/e2e-meter/power {"watts":7}')
  })
  await t.test('fail/another device’s topic, and Muster’s, stay silent', async () => {
    const silent = listen('telemetry/e2e-state/power', 2)
    await device.publish('/telemetry/e2e-state/power', { watts: 8 })
    assert.equal((await silent).stdout, '')
    const requests = listen('devices/#', 2)
    await device.publish('shadow/update', { state: { reported: { secret: 1 } } })
    assert.equal((await requests).stdout, '')
  })
}
