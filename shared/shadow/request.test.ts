import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DomainError } from '../errors.ts'
import { decodeText, parseReported, parseToken, parseUpdate } from './request.ts'

const refused = (work: () => unknown): string => {
  try {
    work()
  } catch (error) {
    assert.ok(error instanceof DomainError)
    const { detail } = error.details
    return typeof detail === 'string' ? detail : error.code
  }
  return 'accepted'
}

const updates: [text: string, answer: string][] = [
  ['{"state":{}}', 'accepted'],
  ['{"state":null}', 'accepted'],
  ['{"state":{"desired":null,"reported":{}},"version":0,"clientToken":"x","other":[1]}', 'accepted'],
  ['{"state":{},"version":null,"clientToken":null}', 'accepted'],
  ['', 'Invalid JSON'],
  ['null', 'Invalid JSON'],
  ['{}', 'Missing required node: state'],
  ['{"state":[]}', 'State node must be an object'],
  ['{"state":{"desired":1}}', 'Desired node must be an object'],
  ['{"state":{"reported":"x"}}', 'Reported node must be an object'],
  ['{"state":{"delta":{}}}', 'State contains an invalid node'],
  ['{"state":{"__proto__":{}}}', 'State contains an invalid node'],
  ['{"state":{"desired":{"a":[1,null]}}}', 'State contains an invalid node'],
  ['{"state":{"desired":{"a":[{"b":null}]}}}', 'State contains an invalid node'],
  ['{"state":{"desired":{"a":-1e999}}}', 'State contains an invalid node'],
  ['{"state":{},"version":1.5}', 'Invalid version'],
  ['{"state":{},"version":"1"}', 'Invalid version'],
  ['{"state":{},"version":12345678901234567890}', 'Invalid version'],
  ['{"state":{},"clientToken":{}}', 'Invalid clientToken'],
  [`{"state":{},"clientToken":"${'ä'.repeat(33)}"}`, 'Invalid clientToken'],
  ['{"state":{"desired":{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{}}}}}}}}}}}', 'accepted'],
  ['{"state":{"desired":{"1":{"2":{"3":{"4":{"5":{"6":{"7":{"8":{"9":1}}}}}}}}}}}', 'JSON contains too many levels of nesting; maximum is 8'],
  ['{"state":{"desired":{"1":[[[[[[[1]]]]]]]}}}', 'accepted'],
  ['{"state":{"desired":{"1":[[[[[[[[1]]]]]]]]}}}', 'JSON contains too many levels of nesting; maximum is 8'],
] // prettier-ignore

for (const [text, answer] of updates) {
  test(`${answer === 'accepted' ? 'ok' : 'fail'}/update ${text.slice(0, 60)}`, () => {
    assert.equal(
      refused(() => parseUpdate(text)),
      answer,
    )
  })
}

test('ok/a refusal knows the token', () => {
  assert.throws(() => parseUpdate('{"clientToken":"t"}'), {
    details: { detail: 'Missing required node: state', client_token: 't' },
  })
})

test('ok/get and delete: nothing, or an object of which the token counts', () => {
  assert.deepEqual(parseToken(''), {})
  assert.deepEqual(parseToken(' \n'), {})
  assert.deepEqual(parseToken('{"clientToken":"t","state":1}'), { clientToken: 't' })
  assert.equal(
    refused(() => parseToken('x')),
    'Invalid JSON',
  )
  assert.equal(
    refused(() => parseToken('[]')),
    'Invalid JSON',
  )
})

test('ok/whole reported documents', () => {
  assert.deepEqual(parseReported('{"a":null,"b":{"c":[1]}}'), { a: null, b: { c: [1] } })
  assert.equal(
    refused(() => parseReported('[1]')),
    'Invalid JSON',
  )
  assert.equal(
    refused(() => parseReported('{"a":[null]}')),
    'State contains an invalid node',
  )
})

test('fail/what is not UTF-8', () => {
  assert.equal(
    refused(() => decodeText(Buffer.from([0xc3, 0x28]))),
    'shadow.encoding',
  )
  assert.equal(decodeText(Buffer.from('ü\u{1f600}')), 'ü\u{1f600}')
})
