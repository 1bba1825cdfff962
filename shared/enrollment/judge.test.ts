import assert from 'node:assert/strict'
import { test } from 'node:test'
import { levelsFor, nextLevel, reachedLevel } from './alert-level.ts'
import type { AllowlistRow } from './admit-queries.ts'
import { judgeDevice, judgeEntry, judgeKey, judgeKnown } from './judge.ts'
import { requestId } from './request.ts'

const now = new Date('2026-11-24T12:00:00Z')
const before = new Date(now.getTime() - 1)
const open: AllowlistRow = {
  value: 'gw-1',
  match: 'device_id',
  device_id: null,
  hardware_rev: null,
  credentials: null,
  expires_at: null,
  uses: 0,
  max_uses: 1,
  state: 'open',
}
const candidate = {
  deviceId: 'gw-1',
  credentialId: 'lot-7',
  credentialHardware: null,
  hardwareRev: undefined,
  isOthers: false,
  now,
}

const ENTRIES: readonly [
  name: string,
  entry: Partial<AllowlistRow>,
  of: object,
  reason: string | undefined,
][] = [
  ['open', {}, {}, undefined],
  ['blocked', { state: 'blocked' }, {}, 'allowlist_blocked'],
  ['pending lets in, to wait', { state: 'pending' }, {}, undefined],
  ['used', { state: 'used' }, {}, 'allowlist_used'],
  ['used up', { uses: 2, max_uses: 2 }, {}, 'allowlist_used'],
  ['expired', { expires_at: before }, {}, 'allowlist_expired'],
  ['of another device', { device_id: 'gw-2' }, {}, 'allowlist_device'],
  ['a serial of this device', { match: 'serial', value: 'SN', device_id: 'gw-1' }, {}, undefined],
  ['a serial of no device is a name', { match: 'serial', value: 'SN' }, {}, 'allowlist_device'],
  ['a key of any device', { match: 'spki', value: 'ab' }, {}, undefined],
  ['a key, by the name of another', { match: 'spki' }, { isOthers: true }, 'allowlist_device'],
  [
    'a new key that the list gives this name',
    { match: 'spki', device_id: 'gw-1' },
    { isOthers: true },
    undefined,
  ],
  ['other credential', { credentials: ['lot-8'] }, {}, 'allowlist_credential'],
  ['this credential among others', { credentials: ['lot-8', 'lot-7'] }, {}, undefined],
  ['no credential named is any', { credentials: [] }, {}, undefined],
  ['hardware as said', { hardware_rev: 'A' }, { hardwareRev: 'A' }, undefined],
  ['hardware not said', { hardware_rev: 'A' }, {}, undefined],
  ['other hardware', { hardware_rev: 'A' }, { hardwareRev: 'B' }, 'allowlist_hardware'],
  ['credential for what is said', {}, { hardwareRev: 'A', credentialHardware: ['A'] }, undefined],
  [
    'credential for other',
    {},
    { hardwareRev: 'A', credentialHardware: ['B'] },
    'credential_hardware',
  ],
  ['credential for hardware, none said', {}, { credentialHardware: ['B'] }, 'credential_hardware'],
  [
    'credential for what the list says',
    { hardware_rev: 'B' },
    { credentialHardware: ['B'] },
    undefined,
  ],
]

for (const [name, entry, of, reason] of ENTRIES) {
  test(`${reason === undefined ? 'ok' : 'fail'}/allowlist ${name}`, () => {
    assert.equal(judgeEntry({ ...open, ...entry }, { ...candidate, ...of }), reason)
  })
}

test('ok/known rows answer by their state', () => {
  const der = Buffer.from('der')
  const issued = { der, state: 'active', ended: false } as const
  const of = (state: Parameters<typeof judgeKnown>[0]['state'], reason: string | null = null) =>
    judgeKnown({ state, reason }, issued).outcome
  assert.deepEqual(
    [
      of('signing'),
      of('pending'),
      of('approved'),
      of('rejected'),
      of('rejected', 'operator'),
      of('issued'),
    ],
    ['ask', 'wait', 'begin', 'begin', 'refuse', 'known'],
  )
  const row = { state: 'issued', reason: null } as const
  assert.equal(judgeKnown(row, { ...issued, ended: true }).outcome, 'begin')
  assert.equal(judgeKnown(row, { ...issued, state: 'superseded' }).outcome, 'begin')
  assert.equal(judgeKnown(row, { ...issued, state: 'revoked' }).outcome, 'refuse')
  assert.equal(judgeKnown(row, undefined).outcome, 'begin')
})

test('ok/devices and keys', () => {
  assert.equal(judgeDevice(undefined), undefined)
  assert.equal(judgeDevice({ status: 'active' }), undefined)
  assert.equal(judgeDevice({ status: 'suspended' })?.outcome, 'suspended')
  assert.equal(judgeDevice({ status: 'decommissioned' })?.outcome, 'refuse')
  const owner = { spki_sha256: Buffer.alloc(32), device_id: 'a', revoked: false }
  assert.equal(judgeKey([owner], 'a'), undefined)
  assert.equal(judgeKey([owner], 'b'), 'request_key')
  assert.equal(judgeKey([{ ...owner, revoked: true }], 'a'), 'key_revoked')
})

test('ok/a request is told apart by key, profile and what it renews', () => {
  const ids = [
    requestId(Buffer.from('k'), 'device'),
    requestId(Buffer.from('l'), 'device'),
    requestId(Buffer.from('k'), 'other'),
    requestId(Buffer.from('k'), 'device', Buffer.from([1])),
  ].map((id) => id.toString('hex'))
  assert.equal(new Set(ids).size, 4)
})

const next = (level: number | null) => nextLevel([7, 30, 14], level)

test('ok/alerts fit the life of a certificate', () => {
  const day = 86_400_000
  const days = (life: number) => levelsFor([7, 30, 14], now, new Date(now.getTime() + life * day))
  assert.deepEqual([days(90), days(45), days(21), days(20)], [[30, 14, 7], [14, 7], [7], []])
  const left = (n: number) => reachedLevel([30, 14, 7], new Date(now.getTime() + n * day), now)
  assert.deepEqual([left(31), left(30), left(13.9), left(1)], [undefined, 30, 14, 7])
  assert.deepEqual([next(null), next(30), next(20), next(7)], [30, 14, 14, undefined])
})
