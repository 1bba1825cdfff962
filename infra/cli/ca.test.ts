import assert from 'node:assert/strict'
import { mkdtempSync, readdirSync, rmSync, statSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { checkFolder, initAuthorities, rollOverFolder, showAuthorities } from './ca.ts'

const folder = mkdtempSync(path.join(tmpdir(), 'muster-ca-'))
after(() => rmSync(folder, { recursive: true, force: true }))
const place = { folder, passphrase: 'correct horse' }
const now = new Date('2026-11-24T12:00:00Z')

test('fail/ca show where there are none', async () => {
  await assert.rejects(showAuthorities(place), /no authorities/)
})

test('ok/ca init writes secrets and what is to be put away, for the owner alone', async () => {
  await initAuthorities(place, now)
  assert.deepEqual(readdirSync(path.join(folder, 'root-offline')).toSorted(), [
    'device-issuing-2.key',
    'device-issuing-3.key',
    'device-root.key',
  ])
  for (const name of ['secrets', 'root-offline']) {
    assert.equal(statSync(path.join(folder, name)).mode & 0o077, 0)
    for (const file of readdirSync(path.join(folder, name))) {
      assert.equal(statSync(path.join(folder, name, file)).mode & 0o777, 0o600)
    }
  }
  await assert.rejects(initAuthorities(place, now), /already/)
})

test('ok/ca rollover moves the next key to the secrets', async () => {
  const { active, made } = await rollOverFolder(place, now)
  assert.match(active, /Issuing 2/)
  assert.match(made ?? '', /Issuing 4/)
  assert.deepEqual(readdirSync(path.join(folder, 'root-offline')).toSorted(), [
    'device-issuing-3.key',
    'device-issuing-4.key',
    'device-root.key',
  ])
  const states = (await showAuthorities(place)).map(
    ({ kind, state, key }) => `${kind} ${state} ${key}`,
  )
  assert.deepEqual(states.slice(0, 3), [
    'device root offline',
    'device retired secret',
    'device active secret',
  ])
  assert.deepEqual(states.slice(-3), [
    'claim root secret',
    'service root secret',
    'server root secret',
  ])
})

test('ok/ca check warns of what is not put away', async () => {
  const findings = await checkFolder(place, now)
  assert.deepEqual(
    findings.map(({ severity }) => severity),
    ['warning'],
  )
  const wrong = await checkFolder({ ...place, passphrase: 'wrong' }, now)
  assert.ok(wrong.some(({ severity }) => severity === 'fault'))
})
