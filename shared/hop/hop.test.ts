import assert from 'node:assert/strict'
import test from 'node:test'
import { callerMay } from './callers.ts'
import { hashBody, UNSIGNED_BODY } from './canonical.ts'
import { deriveHopKey, formatHopKeys, parseHopKeys } from './keys.ts'
import { signHop, type HopCall } from './sign.ts'
import { createVerifier, repeatsHopHeader } from './verify.ts'

const ROOT = Buffer.from(Array.from({ length: 32 }, (_, index) => index))
const BODY = '{"state":{"reported":{"t":21}}}'
const NOW = new Date(1_700_000_000_000)
const key = deriveHopKey(ROOT, 'edge', 'shadow-update')

const vector: HopCall = {
  key: { kid: 'k1', key },
  caller: 'edge',
  callee: 'shadow-update',
  now: NOW,
  nonce: 'AAECAwQFBgcICQoLDA0ODw',
  method: 'PATCH',
  target: '/api/v1/devices/d1/shadow?name=net',
  contentType: 'application/json',
  certificate: Buffer.from('MAo=', 'base64'),
  verdict: 'ok',
  source: '203.0.113.7',
  body: hashBody(BODY),
}

function verifierAt(milliseconds = 0, callee = 'shadow-update') {
  const keys = [{ kid: 'k1', caller: 'edge', key }]
  const now = () => new Date(NOW.getTime() + milliseconds)
  return createVerifier({ callee, keys: () => keys, now })
}

function headersOf(call: HopCall, changed: Record<string, string> = {}): Headers {
  const headers = new Headers(signHop(call))
  if (call.contentType) headers.set('content-type', call.contentType)
  for (const [name, value] of Object.entries(changed)) headers.set(name, value)
  return headers
}

function faultOf(headers: Headers, method = 'PATCH', verifier = verifierAt()) {
  const result = verifier.verify(method, headers)
  return result.ok ? 'ok' : `${result.status} ${result.fault}`
}

test('ok/vector', () => {
  const hop = signHop(vector)['Muster-Hop']
  assert.equal(
    key.toString('hex'),
    '4e1428f9cac29d99c4cf884280c659e771eca26db840b74e018a6c166419eb44',
  )
  assert.match(hashBody(BODY), /^01d22983.*bf8c2f2c$/)
  assert.ok(hop?.endsWith(' - DED1dpd5FjWN2UHg5uv6O5Z2E7CLzn8GzZ8BTH0BFOc='), hop)
})

test('ok/proof-says-what-was-signed', () => {
  const result = verifierAt().verify(
    'PATCH',
    headersOf({ ...vector, binding: Buffer.from('123456789012') }),
  )
  assert.ok(result.ok)
  const { proof } = result
  assert.equal(proof.callId, vector.nonce)
  assert.equal(proof.target, vector.target)
  assert.equal(proof.source, '203.0.113.7')
  assert.deepEqual(proof.certificate, vector.certificate)
  assert.equal(proof.binding?.toString(), '123456789012')
  assert.equal(proof.unsignedBody, false)
  assert.ok(proof.bodyHolds(hashBody(BODY)))
  assert.ok(!proof.bodyHolds(hashBody('')))
})

test('ok/unsigned-body-is-told', () => {
  const result = verifierAt().verify('PATCH', headersOf({ ...vector, body: UNSIGNED_BODY }))
  assert.ok(result.ok && result.proof.unsignedBody && result.proof.bodyHolds(hashBody('any')))
})

test('fail/no-hop', () => {
  assert.equal(faultOf(new Headers({ 'X-Topic': 'devices/d1/shadow/update' })), '401 absent')
})

test('fail/anything-changed', () => {
  for (const [name, value] of [
    ['Muster-Target', '/api/v1/devices/d2/shadow?name=net'],
    ['Content-Type', 'text/plain'],
    ['X-Topic', 'devices/d1/shadow/update'],
    ['X-Forwarded-For', '203.0.113.8'],
    ['Client-Cert', ':MAs=:'],
  ] as const)
    assert.equal(faultOf(headersOf(vector, { [name]: value })), '401 mac_wrong', name)
  assert.equal(faultOf(headersOf(vector), 'DELETE'), '401 mac_wrong')
})

test('fail/words-of-the-hop-changed', () => {
  const words = (signHop(vector)['Muster-Hop'] ?? '').split(' ')
  const changed = [
    '2',
    'k2',
    'connector',
    '1700000000001',
    'BAECAwQFBgcICQoLDA0ODw',
    'expired',
    UNSIGNED_BODY,
    'QUJD',
  ]
  for (const [index, word] of changed.entries()) {
    const hop = words.with(index, word).join(' ')
    assert.match(faultOf(headersOf(vector, { 'Muster-Hop': hop })), /^40/, hop)
  }
})

test('fail/replay-after-31-seconds', () => {
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifierAt(30_000)), 'ok')
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifierAt(-30_000)), 'ok')
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifierAt(31_000)), '401 time_off')
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifierAt(-31_000)), '401 time_off')
})

test('fail/hop-of-another-callee', () => {
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifierAt(0, 'ota')), '401 mac_wrong')
})

test('fail/header-twice', () => {
  for (const name of ['Muster-Hop', 'Client-Cert', 'X-Forwarded-For', 'Muster-Target']) {
    const headers = headersOf(vector)
    headers.append(name, headers.get(name) ?? '')
    assert.equal(faultOf(headers), '400 malformed', name)
  }
  assert.ok(repeatsHopHeader(['Content-Type', 'a/b', 'content-type', 'a/b']))
  assert.ok(!repeatsHopHeader(['Accept', 'a', 'Accept', 'b', 'Content-Type', 'a/b']))
})

test('fail/certificate-without-verdict', () => {
  assert.equal(faultOf(headersOf({ ...vector, verdict: 'none' })), '401 verdict_odd')
  assert.equal(faultOf(headersOf({ ...vector, certificate: undefined })), '401 verdict_odd')
})

test('fail/values-are-printable', () => {
  assert.throws(() => signHop({ ...vector, topic: 'a\nb' }), /X-Topic is not printable/)
})

test('ok/two-kids-while-rotating', () => {
  const next = deriveHopKey(Buffer.alloc(32, 9), 'edge', 'shadow-update')
  const keys = parseHopKeys(
    formatHopKeys([
      { kid: 'k1', caller: 'edge', key },
      { kid: 'k2', caller: 'edge', key: next },
    ]),
  )
  const verifier = createVerifier({ callee: 'shadow-update', keys: () => keys, now: () => NOW })
  assert.equal(faultOf(headersOf(vector), 'PATCH', verifier), 'ok')
  const call = { ...vector, key: { kid: 'k2', key: next } }
  assert.equal(faultOf(headersOf(call), 'PATCH', verifier), 'ok')
  assert.equal(
    faultOf(headersOf({ ...call, key: { kid: 'k3', key } }), 'PATCH', verifier),
    '401 key_unknown',
  )
})

test('fail/key-file', () => {
  const good = key.toString('base64')
  for (const text of [
    'k1 edge',
    `k1 edge ${good} x`,
    `k1 Edge ${good}`,
    'k1 edge AAAA',
    `k1 edge ${good}\nk1 edge ${good}`,
  ])
    assert.throws(
      () => parseHopKeys(text),
      (error: Error) => !error.message.includes(good),
    )
  assert.equal(parseHopKeys(`# rotated\n\nk1 edge ${good}\n`).length, 1)
})

test('callers reach only what is theirs', () => {
  assert.ok(callerMay('edge', 'register', '/api/v1/devices'))
  assert.ok(!callerMay('edge', 'pki', '/internal/issue'))
  assert.ok(!callerMay('edge', 'register', '/mqtt'))
  assert.ok(!callerMay('edge', 'register', '/cron?tick=1'))
  assert.ok(callerMay('connector', 'ota-notify', '/cron?tick=1'))
  assert.ok(callerMay('connector', 'register', '/mqtt'))
  assert.ok(!callerMay('connector', 'register', '/api/v1/devices'))
  assert.ok(callerMay('enroll', 'pki', '/internal/issue'))
  assert.ok(!callerMay('enroll', 'register', '/internal/issue'))
  assert.ok(!callerMay('ota', 'pki', '/internal/issue'))
  assert.ok(callerMay('register', 'pki', '/internal/revoke'))
  assert.ok(callerMay('admin', 'pki', '/internal/claim'))
  for (const caller of ['enroll', 'est', 'admin'])
    assert.ok(!callerMay(caller, 'pki', '/internal/revoke'), caller)
  for (const caller of ['enroll', 'est', 'register'])
    assert.ok(!callerMay(caller, 'pki', '/internal/claim'), caller)
  assert.ok(!callerMay('register', 'pki', '/internal/issue'))
  assert.ok(!callerMay('enroll', 'pki', '/pki/crl'))
})
