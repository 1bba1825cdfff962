import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayReach, urlFault } from './address.ts'
import { wants } from './deliver.ts'

test('fail/addresses that nothing is sent to', () => {
  const never = [
    '169.254.169.254',
    '0.0.0.0',
    '224.0.0.1',
    '255.255.255.255',
    '::',
    'fe80::1',
    'fe80::1%lo',
    'ff02::1',
    '::ffff:169.254.169.254',
    'fd00:ec2::254',
    '100.100.100.200',
    '168.63.129.16',
    '192.0.0.192',
    '::127.0.0.1',
    '::a9fe:a9fe',
    '::ffff:a9fe:a9fe',
    '::ffff:0:a9fe:a9fe',
    '64:ff9b::a9fe:a9fe',
    '64:ff9b::169.254.169.254',
    '64:ff9b:1::a9fe:a9fe',
    '2002:a9fe:a9fe::1',
    '2001:0:1::a9fe:a9fe',
    'fec0::1',
    'x',
  ]
  for (const address of never) assert.equal(mayReach(address, true), false, address)
  for (const address of ['127.0.0.1', '::1', '127.9.9.9']) {
    assert.equal(mayReach(address, false), false)
    assert.equal(mayReach(address, true), true)
  }
  for (const address of [
    '10.0.0.1',
    '192.0.2.1',
    '2001:db8::1',
    '64:ff9b::c000:201',
    '2002:c000:201::1',
  ])
    assert.equal(mayReach(address, false), true)
  for (const url of [
    'ftp://x',
    'https://a:b@x/',
    'x',
    'http://169.254.169.254/',
    'http://[::1]/',
    'http://2130706433/',
    'http://0x7f.1/',
    'http://127.0.0.1./',
    'http://[::ffff:127.0.0.1]/',
    'http://[64:ff9b::7f00:1]/',
  ]) {
    assert.notEqual(urlFault(url, false), undefined, url)
  }
  assert.equal(urlFault('https://example.com/hook', false), undefined)
})

test('ok/kinds choose events', () => {
  assert.equal(wants(['device'], 'device.suspended'), true)
  assert.equal(wants(['device'], 'devices.bulk'), false)
  assert.equal(wants(['device.suspended'], 'device.resumed'), false)
  assert.equal(wants(['*'], 'x.y'), true)
})
