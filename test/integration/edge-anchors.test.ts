// What the edge knows of client certificates, live from the database.
import assert from 'node:assert/strict'
import { X509Certificate } from 'node:crypto'
import test from 'node:test'
import { LiveAnchors } from '../../infra/gateway/anchors.ts'
import { liveLimits } from '../../infra/gateway/edge-limits.ts'
import { judge } from '../../infra/gateway/verdict.ts'
import { forgetSettings } from '../../shared/setting/read.ts'
import { makeClientCertificates, type LeafName } from '../support/client-certificates.ts'
import { cloneDatabase } from '../support/postgres.ts'

test('authorities, claim certificates and revocations are seen as they come', async () => {
  using certificates = makeClientCertificates()
  await using database = await cloneDatabase()
  const { db } = database
  const anchors = new LiveAnchors(database.as('edge'), [certificates.authority('vendor')])
  const verdictOf = (name: LeafName) =>
    judge(anchors, new X509Certificate(certificates.leaf(name).cert), new Date())
  const authority = (name: 'devold' | 'devnew') =>
    new X509Certificate(certificates.authority(name)).raw
  const insert = (id: number, name: 'devold' | 'devnew', state: string) =>
    db.unnamed(
      'issuer',
      `insert into issuers (issuer_id, certificate, key_name, state, not_after, daily_quota) values ($1, $2, $3, $4, 'infinity', 1)`,
      [id, authority(name), name, state],
    )
  assert.equal(await anchors.refresh(), true)
  assert.deepEqual([verdictOf('idevid'), verdictOf('dev1')], ['ok', 'bad'])

  await insert(7, 'devnew', 'active')
  await insert(8, 'devold', 'root')
  assert.equal(await anchors.refresh(), true)
  assert.deepEqual(
    [verdictOf('dev1'), verdictOf('dev2'), verdictOf('claim1')],
    ['ok', 'bad', 'bad'],
  )
  assert.equal(await anchors.refresh(), false)

  const claim = new X509Certificate(certificates.leaf('claim1').cert).raw
  await db.unnamed(
    'claim',
    `insert into bootstrap_credentials (credential_id, kind, certificate, expires_at, max_uses) values ('c', 'claim', $1, 'infinity', 1)`,
    [claim],
  )
  await anchors.refresh()
  assert.equal(verdictOf('claim1'), 'ok')
  await db.unnamed('off', 'update bootstrap_credentials set enabled = false', [])
  await anchors.refresh()
  assert.equal(verdictOf('claim1'), 'bad')

  const { serialNumber } = new X509Certificate(certificates.leaf('dev1').cert)
  await db.unnamed(
    'revoke',
    `insert into revocations (issuer_id, serial, device_id, revoked_at, reason, not_after) values (7, $1, 'dev-1', now(), 1, 'infinity')`,
    [Buffer.from(serialNumber, 'hex')],
  )
  await anchors.refresh()
  assert.equal(verdictOf('dev1'), 'bad')
})

test('limits of sources follow the settings', async () => {
  await using database = await cloneDatabase()
  const db = database.as('edge')
  const limits = liveLimits(db)
  await database.db.unnamed(
    'settings',
    `insert into settings (name, value, updated_by) values
       ('edge.connection_rate', '3', 't'), ('edge.trusted_sources', '["192.0.2.1", "2001:db8:1:2::/64"]', 't')
         on conflict (name) do update set value = excluded.value`,
    [],
  )
  forgetSettings(db)
  await limits.refresh()
  const { newPerSecond, burst, trusted } = limits.current()
  assert.deepEqual([newPerSecond, burst, trusted], [3, 15, ['192.0.2.1', '2001:db8:1:2::/64']])
})
