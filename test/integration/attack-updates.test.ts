// Attacks on updates, as the trust boundaries count them: 30, 31, 34, 35, 36.
import assert from 'node:assert/strict'
import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { handler } from '../../functions/ota/handler.ts'
import { signedRequest } from '../support/call.ts'
import { insertCertificate, selfSigned } from '../support/certificate.ts'
import { artifact, ecdsaSigner } from '../support/firmware.ts'
import { told } from '../support/messages.ts'
import { Rollouts, status } from '../support/rollouts.ts'

const second = ecdsaSigner()
let rollouts: Rollouts
before(async () => {
  rollouts = await Rollouts.create()
  await rollouts.firmware.ask('POST', '/api/v1/keys', {
    body: { name: 'second', public_key: second.pem },
  })
})
after(() => rollouts[Symbol.asyncDispose]())

async function asDevice(
  id: string,
): Promise<(method: string, target: string) => Promise<Response>> {
  const shown = selfSigned(id)
  await insertCertificate(rollouts.firmware.cloned.db, id, shown)
  return (method, target) =>
    handler(signedRequest('ota', target, { method, certificate: shown.der }), rollouts.firmware.ota)
}

test('fail/30 a device with an open action gets that one file, and nothing else of the API', async () => {
  const { ids } = await rollouts.fleet(1)
  const [id = ''] = ids
  const get = await asDevice(id)
  const other = await artifact(rollouts.firmware, second, randomBytes(500), 'other.bin')
  await rollouts.plan('only', `device_id = ${id}`)
  await rollouts.start('only')
  const own = `/api/v1/artifacts/${rollouts.artifactId}`
  assert.equal((await get('GET', `${own}/content`)).status, 200)
  assert.equal((await get('GET', `/api/v1/artifacts/${other.id}/content`)).status, 403)
  assert.equal((await get('GET', `/api/v1/artifacts/${other.sha256}/content`)).status, 403)
  assert.equal((await get('GET', '/api/v1/artifacts/999999/content')).status, 403)
  for (const [method, target] of [
    ['GET', own],
    ['DELETE', own],
    ['GET', '/api/v1/artifacts'],
    ['GET', '/api/v1/releases'],
    ['GET', '/api/v1/rollouts/only'],
    ['GET', '/api/v1/actions'],
    ['POST', '/api/v1/uploads'],
  ] as const)
    assert.equal((await get(method, target)).status, 401, `${method} ${target}`)
})

test('fail/31 a device reports and reads nothing of another one', async () => {
  const { ids, query } = await rollouts.fleet(2)
  await rollouts.plan('pair', query)
  await rollouts.start('pair')
  const [a, b] = await rollouts.open('pair')
  assert.ok(a && b)
  await rollouts.firmware.rows(
    'update actions set number = number + 7 where device_id = $1',
    b.device_id,
  )
  const number = b.number + 7
  const answer = await rollouts.firmware.say(status({ ...a, number }, { state: 'failed' }), {
    topic: `devices/${a.device_id}/ota/chunk/get`,
    payload: { number, offset: 0, length: 10 },
  })
  assert.deepEqual(
    told(answer).map(([topic, body]) => [topic, (body as { code: string }).code]),
    [
      [`devices/${ids[0]}/ota/status/rejected`, 'action.not_found'],
      [`devices/${ids[0]}/ota/chunk`, 'action.not_found'],
    ],
  )
  assert.equal(await rollouts.stateOf({ ...b, number }), 'offered')
})

test('fail/34 an object swapped in the store: no start, no whole download', async () => {
  const { ids, query } = await rollouts.fleet(1)
  const content = randomBytes(2000)
  const made = await artifact(rollouts.firmware, second, content, 'swap.bin')
  await rollouts.firmware.ask('POST', '/api/v1/releases', {
    body: {
      name: 'swap',
      version: '2.7.0',
      artifacts: [{ hardware_rev: 'A', artifact_id: made.id }],
    },
  })
  const [row] = await rollouts.firmware.rows<{ object: string }>(
    'select object from artifacts where artifact_id = $1',
    made.id,
  )
  const place = path.join(rollouts.firmware.folder, 'objects', 'objects', row?.object ?? '')
  writeFileSync(place, randomBytes(2000))
  await rollouts.plan('swapped', query, { release: 'swap' })
  await rollouts.start('swapped')
  const paused = await rollouts.read('swapped')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /not what was verified/)
  assert.equal((await rollouts.verb('swapped', 'resume')).json.status, 'starting')
  await rollouts.firmware.work()
  await rollouts.firmware.step()
  assert.equal((await rollouts.read('swapped')).status, 'paused')
  assert.deepEqual(await rollouts.open('swapped'), [])
  const get = await asDevice(ids[0] ?? '')
  assert.equal((await get('GET', `/api/v1/artifacts/${made.id}/content`)).status, 403)
})

test('fail/35 a private key, an unsigned file, an older version', async () => {
  const { ask } = rollouts.firmware
  const { privateKey } = generateKeyPairSync('ed25519')
  const pem = String(privateKey.export({ type: 'pkcs8', format: 'pem' }))
  const key = await ask('POST', '/api/v1/keys', { body: { name: 'private', public_key: pem } })
  assert.equal(key.json.code, 'artifact.private_key')
  assert.equal((await ask('GET', '/api/v1/keys/private')).status, 404)
  const unsigned = await ask('POST', '/api/v1/artifacts?name=unsigned.bin', {
    body: new Uint8Array(randomBytes(100)),
    type: 'application/octet-stream',
  })
  assert.equal(unsigned.json.code, 'artifact.signature_untrusted')
  const { ids, query } = await rollouts.fleet(2)
  await rollouts.firmware.rows(
    `update devices set firmware_ver = '9.0.0' where device_id = $1`,
    ids[0],
  )
  await rollouts.plan('older', query)
  await rollouts.start('older')
  const offers = await rollouts.open('older')
  assert.deepEqual(
    offers.map((offer) => offer.device_id),
    [ids[1]],
  )
})

test('fail/36 an author does not approve the own rollout', async () => {
  const { query } = await rollouts.fleet(1)
  await rollouts.plan('mine', query)
  await rollouts.firmware.rows(
    `update rollouts set status = 'waiting_for_approval' where name = 'mine'`,
  )
  assert.equal((await rollouts.verb('mine', 'approve')).json.code, 'rollout.self_approval')
  assert.equal((await rollouts.read('mine')).status, 'waiting_for_approval')
})

test('fail/35 a key that is revoked while its rollout runs', async () => {
  const { ask } = rollouts.firmware
  const third = ecdsaSigner()
  await ask('POST', '/api/v1/keys', { body: { name: 'third', public_key: third.pem } })
  const made = await artifact(rollouts.firmware, third, randomBytes(300), 'third.bin')
  await ask('POST', '/api/v1/releases', {
    body: {
      name: 'third',
      version: '3.0.0',
      artifacts: [{ hardware_rev: 'A', artifact_id: made.id }],
    },
  })
  const { query } = await rollouts.fleet(2)
  await rollouts.plan('third', query, { release: 'third' })
  await rollouts.start('third')
  const [offer] = await rollouts.open('third')
  assert.ok(offer)
  const get = await asDevice(offer.device_id)
  const target = `/api/v1/artifacts/${made.id}/content`
  assert.equal((await get('GET', target)).status, 200)
  assert.equal((await ask('DELETE', '/api/v1/keys/third')).status, 204)
  assert.equal((await get('GET', target)).status, 403)
  await rollouts.firmware.step()
  const paused = await rollouts.read('third')
  assert.equal(paused.status, 'paused')
  assert.match(paused.problem, /blocked/)
})
