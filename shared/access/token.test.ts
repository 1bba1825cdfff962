import assert from 'node:assert/strict'
import { test } from 'node:test'
import { knownScopes, mayGrant, Scope } from './scope.ts'
import { mayUseSession, sessionHash, sessionSecret } from './session.ts'
import { sourceKey } from './rates.ts'
import { makeToken, parseToken, tokenHash, tokenMatches } from './token.ts'

test('fail/a token of another kind, with a wrong character or a wrong length is none', () => {
  const { text } = makeToken('op')
  assert.equal(parseToken(text, 'bt'), undefined)
  const flipped = text.slice(0, 25) + (text[25] === 'A' ? 'B' : 'A') + text.slice(26)
  assert.equal(parseToken(flipped, 'op'), undefined)
  assert.equal(parseToken(text.slice(0, -1), 'op'), undefined)
  assert.equal(parseToken(`${text} `, 'op'), undefined)
  assert.equal(parseToken('', 'op'), undefined)
})

test('fail/the hash of another token does not match', () => {
  const token = makeToken('bt')
  assert.equal(tokenMatches(token.text, tokenHash(makeToken('bt').text)), false)
  assert.equal(tokenMatches(token.text, Buffer.alloc(0)), false)
})

test('ok/a token is read back and fits its hash', () => {
  for (const kind of ['op', 'bt', 'tt', 'gt'] as const) {
    const token = makeToken(kind)
    assert.match(token.text, /^mu_[a-z]{2}_[0-9A-Za-z]{12}_[0-9A-Za-z]{49}$/)
    assert.ok(token.text.length < 127)
    assert.deepEqual(parseToken(token.text, kind), token)
    assert.equal(tokenMatches(token.text, tokenHash(token.text)), true)
  }
})

test('fail/words of an issuer that are no scopes count for nothing', () => {
  assert.deepEqual(knownScopes(['openid', 'root', 'admin:', 'read', 'operate:allowlist']), [
    'read',
    'operate:allowlist',
  ])
  assert.equal(Scope.safeParse('admin; drop').success, false)
})

test('fail/nobody grants more than they hold', () => {
  assert.equal(mayGrant(['operate'], 'admin'), false)
  assert.equal(mayGrant(['admin:tokens'], 'admin'), false)
  assert.equal(mayGrant(['admin:tokens'], 'read:devices'), false)
  assert.equal(mayGrant([], 'read'), false)
})

test('ok/what one holds can be narrowed', () => {
  assert.equal(mayGrant(['admin'], 'operate:allowlist'), true)
  assert.equal(mayGrant(['operate'], 'read'), true)
  assert.equal(mayGrant(['read'], 'metrics'), true)
  assert.equal(mayGrant(['metrics'], 'metrics'), true)
})

const site = (value: string) => new Headers({ 'sec-fetch-site': value, 'muster-console': '1' })

test('fail/a cookie that comes twice, or a write from elsewhere, is no session', () => {
  const secret = 'a'.repeat(43)
  assert.equal(sessionSecret(`__Host-muster=${secret}; __Host-muster=${secret}`), undefined)
  assert.equal(sessionSecret(null), undefined)
  const origin = 'https://here:8443'
  assert.equal(mayUseSession('POST', site('cross-site'), origin), false)
  assert.equal(
    mayUseSession('POST', new Headers({ 'sec-fetch-site': 'same-origin' }), origin),
    false,
  )
  assert.equal(
    mayUseSession('POST', new Headers({ origin: 'https://there', 'muster-console': '1' }), origin),
    false,
  )
  assert.notDeepEqual(sessionHash('link', secret), sessionHash('session', secret))
})

test('ok/a session writes from our own pages', () => {
  const secret = 'b'.repeat(43)
  assert.equal(sessionSecret(`other=1; __Host-muster=${secret}`), secret)
  const headers = new Headers({ origin: 'https://here:8443', 'muster-console': '1' })
  assert.equal(mayUseSession('POST', headers, 'https://here:8443'), true)
  assert.equal(mayUseSession('GET', new Headers(), 'https://here:8443'), true)
})

test('ok/a source is an IPv4 address or the /64 of an IPv6 one', () => {
  assert.equal(sourceKey('203.0.113.7'), '203.0.113.7')
  assert.equal(sourceKey('::ffff:203.0.113.7'), '203.0.113.7')
  assert.equal(sourceKey('2001:DB8:0:1:2::3'), '2001:db8:0:1')
  assert.equal(sourceKey('2001:db8:0:1::'), '2001:db8:0:1')
  assert.equal(sourceKey('2001:db8::1'), '2001:db8:0:0')
  assert.equal(sourceKey('::1'), '0:0:0:0')
})
