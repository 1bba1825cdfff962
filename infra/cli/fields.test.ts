import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UsageError } from './command/command.ts'
import { documentOf, fields, jsonOrText, labels } from './fields.ts'

test('ok/paths-make-a-document', () => {
  const pairs = ['interval=30', 'net.host=eu', 'net.port=1', 'list=[1,2]', 'gone=null', 'eq=a=b']
  assert.deepEqual(documentOf(pairs, []), {
    interval: 30,
    net: { host: 'eu', port: 1 },
    list: [1, 2],
    gone: null,
    eq: 'a=b',
  })
})

for (const pair of ['novalue', '=x', 'a..b=1', '.a=1', '__proto__.x=1', 'a.constructor=1']) {
  test(`fail/${pair}`, () => assert.throws(() => documentOf([pair], []), UsageError))
}

test('fail/one-key-two-kinds', () => {
  assert.throws(() => documentOf(['a=1', 'a.b=2'], []), UsageError)
})

test('ok/long-numbers-keep-their-digits', () => {
  assert.equal(JSON.stringify(jsonOrText('12345678901234567890')), '12345678901234567890')
  assert.equal(jsonOrText('eu-1'), 'eu-1')
  assert.equal(jsonOrText('true'), true)
})

test('ok/empty-takes-away-and-nothing-is-a-mistake', () => {
  assert.deepEqual(fields({ a: '', b: 'x', c: undefined }, []), { a: null, b: 'x' })
  assert.throws(() => fields({ a: undefined }, []), UsageError)
  assert.deepEqual(labels(['site=eu', 'old='], []), { site: 'eu', old: null })
})
