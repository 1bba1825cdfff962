import assert from 'node:assert/strict'
import { test } from 'node:test'
import { functionUrl } from './function-url.ts'

test('ok/below the gateway', () => {
  assert.equal(functionUrl('http://gateway:8080', 'pki'), 'http://gateway:8080/function/pki')
  assert.equal(functionUrl('https://gw/', 'ota-notify'), 'https://gw/function/ota-notify')
})

test('ok/without a gateway, each function at its own name', () => {
  assert.equal(
    functionUrl('http://{function}.muster.svc:8080', 'shadow-update'),
    'http://shadow-update.muster.svc:8080',
  )
})
