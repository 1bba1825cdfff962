import assert from 'node:assert/strict'
import { test } from 'node:test'
import { deviceAcl, mosquittoConf, serviceAcl } from './mosquitto.ts'
import { brokerFiles } from './prepare.ts'

test('ok/mosquitto the device listener binds the client id to the certificate', () => {
  const conf = mosquittoConf({
    devicePort: 8883,
    servicePort: 8884,
    serviceHost: '10.0.0.1',
    files: brokerFiles('/m'),
    maxConnections: 500,
    maxQueued: 900,
  })
  const [, device = '', service = ''] = conf.split(/^listener /m)
  for (const line of [
    'use_username_as_clientid true',
    'crlfile /m/device-crl.pem',
    'cafile /m/device-ca.pem',
  ]) {
    assert.ok(device.includes(line), line)
    assert.ok(!service.includes(line), line)
  }
  assert.ok(service.startsWith('8884 10.0.0.1\n'))
  for (const listener of [device, service]) {
    assert.match(listener, /^require_certificate true$/m)
    assert.match(listener, /^allow_anonymous false$/m)
  }
  assert.match(conf, /^per_listener_settings true$/m)
  assert.ok(device.includes('max_connections 500\n'))
  assert.ok(!service.includes('max_connections'))
  assert.match(conf, /^max_queued_messages 900$/m)
  assert.match(conf, /^message_size_limit 4194304$/m)
})

test('ok/mosquitto a device writes requests and reads the rest', () => {
  const lines = deviceAcl([]).split('\n')
  assert.ok(lines.includes('pattern write devices/%u/shadow/name/+/update'))
  assert.ok(lines.includes('pattern read devices/%u/shadow/update/+'))
  assert.ok(lines.includes('pattern write $aws/things/%u/jobs/+/update'))
  assert.ok(lines.every((line) => line === '' || line.includes('/%u/')))
  assert.ok(!lines.some((line) => line.startsWith('pattern readwrite')))
})

test('ok/mosquitto operator topics are the device’s own, and the application’s for all', () => {
  const topics = [
    { filter: 'telemetry/{id}/#', device: 'publish' },
    { filter: 'commands/{id}', device: 'subscribe' },
  ] as const
  assert.match(deviceAcl(topics), /^pattern write telemetry\/%u\/#\npattern read commands\/%u$/m)
  const service = serviceAcl(topics)
  assert.match(service, /^pattern readwrite telemetry\/\+\/#\npattern readwrite commands\/\+$/m)
  assert.match(service, /^user broker-agent\ntopic read \$SYS\/broker\/log\/#\n$/m)
})
