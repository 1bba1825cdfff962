import assert from 'node:assert/strict'
import test from 'node:test'
import { hostUrls, openServers, rotatingUrl } from './servers.ts'

test('ok/a-url-for-each-host', () => {
  const table: readonly (readonly [string, readonly string[]])[] = [
    ['postgres://muster@db:5432/muster', ['postgres://muster@db:5432/muster']],
    [
      'postgres://u:p%40@a:1,b/db?sslmode=require',
      ['postgres://u:p%40@a:1/db?sslmode=require', 'postgres://u:p%40@b/db?sslmode=require'],
    ],
    [
      'postgres://a:1,[::1]:2/db?target_session_attrs=read-write',
      ['postgres://a:1/db', 'postgres://[::1]:2/db'],
    ],
    ['postgres://a/db?target_session_attrs=primary&x=1', ['postgres://a/db?x=1']],
    ['postgres://muster@/muster?host=%2Frun%2Fpg', ['postgres://muster@/muster?host=%2Frun%2Fpg']],
  ]
  for (const [url, urls] of table) assert.deepEqual(hostUrls(url), urls, url)
})

test('fail/a-server-that-cannot-be-written-to-is-not-asked-for', () => {
  for (const value of ['any', 'standby', 'prefer-standby', 'read-only', 'read-writes'])
    assert.throws(() => hostUrls(`postgres://a,b/db?target_session_attrs=${value}`), TypeError)
})

test('ok/several-that-leave-a-server-at-once-go-on-by-one', () => {
  const servers = openServers('postgres://a,b,c/db')
  const left = servers.current()
  servers.leave(left)
  servers.leave(left)
  assert.equal(servers.current(), 'postgres://b/db')
  servers.leave(servers.current())
  servers.leave(servers.current())
  assert.equal(servers.current(), left)
  assert.equal(servers.count(), 3)
})

test('ok/a-new-login-is-read-and-a-missing-file-changes-nothing', (t) => {
  let now = 0
  t.mock.method(performance, 'now', () => now)
  const found = ['postgres://b@db/m', undefined, 'throws']
  const url = rotatingUrl('postgres://a@db/m', () => {
    const next = found.shift()
    if (next === 'throws') throw new Error('unreadable')
    return next
  })
  assert.equal(url(), 'postgres://a@db/m')
  for (let again = 0; again < 4; again++) {
    now += 10_001
    assert.equal(url(), 'postgres://b@db/m')
  }
})
