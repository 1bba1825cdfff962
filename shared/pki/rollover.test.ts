import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createAuthority } from './authority.ts'
import { ceremonyFiles, type CeremonyFiles } from './ceremony.ts'
import { checkAuthorities, listAuthorities } from './check-authorities.ts'
import { readPrivateKeys } from './issuer.ts'
import { rollOver } from './rollover.ts'

const now = new Date('2026-11-24T12:00:00Z')
const hierarchy = createAuthority({ now, label: 'a1b2' })
const plain = ceremonyFiles(hierarchy, undefined)

function after(files: CeremonyFiles, passphrase?: string): CeremonyFiles {
  const { files: changed, used } = rollOver(files, { now, passphrase })
  const offline = { ...files.offline, ...changed.offline }
  return {
    kept: { ...files.kept, ...changed.kept },
    offline: Object.fromEntries(Object.entries(offline).filter(([name]) => name !== used)),
  }
}

const states = (files: CeremonyFiles, passphrase?: string) =>
  listAuthorities(files, passphrase)
    .filter(({ kind }) => kind === 'device')
    .map(({ state, key }) => `${state} ${key}`)

test('fail/rollover without the next key, without a next authority', () => {
  assert.throws(
    () => rollOver({ ...plain, offline: {} }, { now, passphrase: undefined }),
    /not there/,
  )
  const { 'device-root.key': _root, ...offline } = plain.offline
  const last = after(after({ ...plain, offline }))
  assert.throws(() => rollOver(last, { now, passphrase: undefined }), /no next/)
})

test('ok/ceremony is sound, but for what must be put away', () => {
  assert.deepEqual(states(plain), ['root offline', 'active secret', 'next offline', 'next offline'])
  assert.deepEqual(
    checkAuthorities(plain, undefined, now).map(
      ({ severity, text }) => `${severity} ${text.slice(0, 12)}`,
    ),
    ['warning root-offline'],
  )
  assert.deepEqual(checkAuthorities({ ...plain, offline: {} }, undefined, now), [])
})

test('ok/rollover uses the next authority, keeps the key before, makes one more', () => {
  const once = after(plain)
  assert.deepEqual(states(once), [
    'root offline',
    'retired secret',
    'active secret',
    'next offline',
    'next offline',
  ])
  assert.equal(readPrivateKeys(once.kept['ca-issuing-key'] ?? '').length, 2)
  const twice = after(once)
  assert.deepEqual(states(twice).slice(1), [
    'retired secret',
    'retired secret',
    'active secret',
    'next offline',
    'next offline',
  ])
  assert.deepEqual(
    checkAuthorities(twice, undefined, now).map(({ severity }) => severity),
    ['warning'],
  )
})

test('ok/keys under a passphrase', () => {
  const sealed = ceremonyFiles(hierarchy, 'correct horse')
  assert.match(sealed.kept['ca-issuing-key'] ?? '', /ENCRYPTED PRIVATE KEY/)
  assert.deepEqual(states(after(sealed, 'correct horse'), 'correct horse')[2], 'active secret')
  assert.ok(checkAuthorities(sealed, 'wrong', now).some(({ severity }) => severity === 'fault'))
})

test('fail/check finds what ended, what has no CRL, and files of two installations', () => {
  const late = new Date('2030-01-01T00:00:00Z')
  assert.ok(checkAuthorities(plain, undefined, late).some(({ text }) => text.includes('has ended')))
  const bundle = plain.kept['ca-certificates'] ?? ''
  const bare = bundle.slice(0, bundle.indexOf('-----BEGIN X509 CRL'))
  const without = { ...plain, kept: { ...plain.kept, 'ca-certificates': bare } }
  assert.ok(
    checkAuthorities(without, undefined, now).some(({ text }) => text.includes('has no CRL')),
  )
  const other = ceremonyFiles(createAuthority({ now, label: 'c3d4' }), undefined)
  const mixed = `${bundle}${other.kept['ca-certificates'] ?? ''}`
  const both = { ...plain, kept: { ...plain.kept, 'ca-certificates': mixed } }
  assert.ok(checkAuthorities(both, undefined, now).some(({ text }) => text.includes('one root')))
})
