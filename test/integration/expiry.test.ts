import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import { createDeps, type Deps } from '../../functions/expiry-scan/deps.ts'
import { handler } from '../../functions/expiry-scan/handler.ts'
import { metrics } from '../../shared/metrics.ts'
import { signedRequest } from '../support/call.ts'
import { insertCertificate, insertDevice } from '../support/certificate.ts'
import { testHost } from '../support/host.ts'
import { cloneDatabase, type TestDatabase } from '../support/postgres.ts'

const DAY = 86_400_000
const start = Date.parse('2026-11-24T12:00:00Z')
const at = (days: number) => start + days * DAY

let cloned: TestDatabase
let deps: Deps
before(async () => {
  cloned = await cloneDatabase()
  deps = await createDeps(testHost('expiry-scan', cloned))
  await cloned.db.unnamed(
    'slots',
    `insert into connector_slots (broker, class) values ('local', 'enroll')`,
    [],
  )
})
after(() => cloned[Symbol.asyncDispose]())

async function scan(time: number): Promise<unknown> {
  const response = await handler(
    signedRequest('expiry-scan', `/cron?tick=${time}`, { caller: 'connector', method: 'POST' }),
    deps,
  )
  assert.equal(response.status, 200, await response.clone().text())
  return response.json()
}

const rows = <R>(text: string) => cloned.db.unnamed<R>('rows', text, [])

/** A device with a certificate of 90 days from the start; it is time to renew after 60. */
async function device(id: string, serial: number): Promise<void> {
  await insertDevice(cloned.db, id)
  const shown = {
    der: Buffer.from([serial]),
    serial: Buffer.from([serial]),
    sha256: Buffer.from([serial]),
  }
  const validity = { notBefore: new Date(at(0)), notAfter: new Date(at(90)) }
  await insertCertificate(cloned.db, id, shown, validity)
  await cloned.db.unnamed('renew', `update certificates set renew_at = $2 where device_id = $1`, [
    id,
    new Date(at(58)),
  ])
}

test('fail/only the connector may call', async () => {
  const response = await handler(
    signedRequest('expiry-scan', '/cron?tick=1', { method: 'POST' }),
    deps,
  )
  assert.equal(response.status, 403)
})

test('ok/asked once when it is time, alerted once at 30, 14 and 7 days, asked again with each', async () => {
  await device('exp-1', 1)
  assert.deepEqual(await scan(at(57)), { alerted: 0, asked: 0 })
  assert.deepEqual(await scan(at(58)), { alerted: 0, asked: 1 })
  assert.deepEqual(await scan(at(59)), { alerted: 0, asked: 0 })
  for (const [day, days] of [
    [60, 30],
    [76, 14],
    [83, 7],
  ] as const) {
    assert.deepEqual(await scan(at(day)), { alerted: 1, asked: 0 }, `day ${day}`)
    assert.deepEqual(await scan(at(day)), { alerted: 0, asked: 0 })
    const [event] = await rows<{ payload: string }>(
      `select payload from events where device_id = 'exp-1' order by id desc limit 1`,
    )
    assert.equal((JSON.parse(event?.payload ?? '{}') as { days: number }).days, days)
  }
  assert.deepEqual(await scan(at(91)), { alerted: 0, asked: 0 })
  const outbox = await rows<{ topic: string; payload: Buffer }>(
    `select topic, payload from outbox order by id`,
  )
  assert.equal(outbox.length, 4)
  assert.equal(outbox[0]?.topic, 'devices/exp-1/cert/renew')
  const asked = JSON.parse(outbox[0].payload.toString()) as Record<string, unknown>
  assert.deepEqual([asked['serial'], asked['not_after']], ['01', at(90) / 1000])
  assert.match(String(asked['renew_url']), /^https:\/\/.*\/api\/v1\/enroll\/renew$/)
  assert.match(await metrics.metrics(), /muster_certificate_alerts_total\{days="30"\} 1/)
})

test('ok/a scan after a long pause alerts once, at the smallest threshold', async () => {
  await device('exp-2', 2)
  assert.deepEqual(await scan(at(85)), { alerted: 1, asked: 0 })
  const [event] = await rows<{ payload: string }>(
    `select payload from events where device_id = 'exp-2'`,
  )
  assert.equal((JSON.parse(event?.payload ?? '{}') as { days: number }).days, 7)
})

test('ok/superseded and revoked certificates are left alone', async () => {
  await device('exp-3', 3)
  await cloned.db.unnamed(
    'state',
    `update certificates set state = 'superseded' where device_id = 'exp-3'`,
    [],
  )
  assert.deepEqual(await scan(at(60)), { alerted: 0, asked: 0 })
})

test('ok/the plans of a scan read what is due', async () => {
  await cloned.db.unnamed(
    'fill',
    `insert into certificates (device_id, serial, issuer_id, sha256, spki_sha256, profile, not_before, not_after, renew_at, der, alerted, asked_at)
     select 'fill-' || i, int4send(i), 1, '', '', 'device', $1, $2, $1, '', 30, $1 from generate_series(1, 20000) i`,
    [new Date(at(0)), new Date(at(90))],
  )
  await cloned.db.unnamed('analyze', 'analyze certificates', [])
  const started = performance.now()
  assert.deepEqual(await scan(at(65)), { alerted: 0, asked: 0 })
  assert.ok(performance.now() - started < 200)
})
