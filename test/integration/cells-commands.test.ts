// What docs/cells.md tells an operator to type, typed; and what a device is told then.
import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { token } from '../e2e/life/operator.ts'
import { deviceKey } from '../support/csr.ts'
import { Muster } from '../support/muster.ts'

let muster: Muster
before(async () => {
  muster = await Muster.create()
  await muster.start()
})
after(() => muster[Symbol.asyncDispose]())

async function ok(...args: string[]): Promise<string> {
  const { code, stdout, stderr } = await muster.muster(...args)
  assert.equal(code, 0, `${args.join(' ')}: exit ${code}\n${stdout}${stderr}`)
  return stdout
}

interface Enrolled {
  readonly endpoints: readonly { readonly host: string; readonly port: number }[]
}

/** Enrols and tells which host the device is sent to. */
async function toldHost(id: string): Promise<string | undefined> {
  const { csr } = deviceKey()
  const body = { device_id: id, csr: csr(`/CN=${id}`), token: await token(muster) }
  const answer = await muster.api('POST', '/api/v1/enroll', { token: null, body })
  assert.equal(answer.status, 200, answer.text)
  const { endpoints } = answer.json as Enrolled
  assert.equal(endpoints.length, 1)
  return endpoints[0]?.host
}

const endpointOf = async (id: string) =>
  ((await muster.json('device', 'show', id)) as { broker_endpoint: string }).broker_endpoint

test('ok/cells are added, filled, drained and taken away by command', async (t) => {
  await t.test('new devices get the lowest priority, of equals the first name', async () => {
    await ok('endpoint', 'create', 'a', '--host', 'a.mqtt.example:8883')
    await ok('endpoint', 'create', 'c', '--host', 'c.mqtt.example:8883')
    await ok('device', 'create', 'd0')
    assert.equal(await endpointOf('d0'), 'a')
    for (const other of ['a', 'local']) await ok('endpoint', 'edit', other, '--priority', '10')
    await ok('device', 'create', 'd1')
    assert.equal(await endpointOf('d1'), 'c')
  })
  await t.test('enrolment tells the device its own cell, not the one of new devices', async () => {
    assert.equal(await toldHost('d0'), 'a.mqtt.example')
    assert.equal(await toldHost('d1'), 'c.mqtt.example')
    await ok('device', 'create', 'd2', '--endpoint', 'a')
    await ok('device', 'edit', 'd2', '--endpoint', 'c')
    assert.equal(await toldHost('d2'), 'c.mqtt.example')
  })
  await t.test('a cell that devices belong to is not deleted', async () => {
    const { code, stderr } = await muster.muster('endpoint', 'delete', 'a', '--yes')
    assert.notEqual(code, 0)
    assert.match(stderr, /^muster: [^\n]*endpoint\.in_use[^\n]*\n$/)
  })
  await t.test('by query all devices of a cell go to another', async () => {
    await ok('device', 'create', 'd3', '--endpoint', 'a')
    await ok('endpoint', 'edit', 'a', '--priority', '100')
    const all = ['-q', 'broker_endpoint = a', '--endpoint', 'c'] as const
    await ok('device', 'edit', ...all, '--yes', '--expect', '2')
    const ids = ['d0', 'd1', 'd2', 'd3']
    assert.deepEqual(await Promise.all(ids.map(endpointOf)), ['c', 'c', 'c', 'c'])
    assert.equal(await toldHost('d3'), 'c.mqtt.example')
    await ok('endpoint', 'delete', 'a', '--yes')
    assert.doesNotMatch(await ok('endpoint', 'list'), /^a /m)
  })
  await t.test('fail/to a cell that there is not, and a hardware revision by query', async () => {
    const stray = ['device', 'edit', '-q', 'all', '--yes', '--expect', '4'] as const
    const unknown = await muster.muster(...stray, '--endpoint', 'nowhere')
    assert.match(unknown.stderr, /endpoint\.not_found/)
    const hardware = await muster.muster(...stray, '--hardware', 'B')
    assert.match(hardware.stderr, /by query: --attribute, --group and --endpoint only/)
    assert.equal(await endpointOf('d0'), 'c')
  })
})
