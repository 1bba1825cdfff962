// The second half of the matrix: every topic of this version by every kind of client, as a table that is reviewed.
import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import test from 'node:test'
import {
  mayPublish,
  mayReceive,
  mayRetain,
  type BrokerIdentity,
  type OperatorTopic,
} from '../../infra/embedded/broker-topics.ts'

const FILE = 'test/contract/topics.txt'

const NATIVE =
  `shadow/update shadow/get shadow/delete shadow/update/accepted shadow/update/rejected shadow/get/accepted
  shadow/get/rejected shadow/delete/accepted shadow/delete/rejected shadow/delta shadow/documents
  shadow/name/net/update shadow/name/net/get shadow/name/net/delete shadow/name/net/update/accepted
  shadow/name/net/delta shadow/name/net/documents config/desired config/reported ota/notify ota/status
  ota/status/rejected ota/chunk/get ota/chunk cert/renew status anything`.split(/\s+/)
const AWS =
  `shadow/update shadow/get shadow/delete shadow/update/accepted shadow/update/delta shadow/name/net/update
  shadow/name/net/update/delta jobs/get jobs/start-next jobs/7/get jobs/7/update jobs/notify jobs/7/update/accepted`.split(
    /\s+/,
  )
const TOPICS = [
  ...NATIVE.map((rest) => `devices/d1/${rest}`),
  ...AWS.map((rest) => `$aws/things/d1/${rest}`),
  '$aws/certificates/create/json',
  '$aws/provisioning-templates/t/provision/json',
  'muster/1/mark',
  'muster/bell/d1',
  '$SYS/broker/log/M/subscribe',
  '$SYS/broker/uptime',
  'up/d1/temperature',
  'down/d1/command',
  'chat/d1',
  'up/d2/temperature',
  'other/d1',
]
// What an operator gave, and a row that the API would never take.
const OPERATORS: readonly OperatorTopic[] = [
  { filter: 'up/{id}/#', device: 'publish' },
  { filter: 'down/{id}/+', device: 'subscribe' },
  { filter: 'chat/{id}', device: 'both' },
  { filter: 'devices/{id}/#', device: 'both' },
]
const CLIENTS: Record<string, BrokerIdentity> = {
  'device d1': { kind: 'device', id: 'd1' },
  'device d2': { kind: 'device', id: 'd2' },
  service: { kind: 'service', id: 'app' },
  connector: { kind: 'connector', id: '_muster-1' },
}

// `pub`, `sub`, both or neither; `r` where the client's RETAIN counts.
function cell(client: BrokerIdentity, topic: string): string {
  const publishes = mayPublish(client, topic, OPERATORS)
  const retains = publishes && mayRetain(client, topic)
  const words = [
    ...(publishes ? [retains ? 'pub-r' : 'pub'] : []),
    ...(mayReceive(client, topic, OPERATORS) ? ['sub'] : []),
  ]
  return words.join(' ') || '-'
}

function table(): string {
  const names = Object.keys(CLIENTS)
  const rows = TOPICS.map((topic) => [
    topic,
    ...Object.values(CLIENTS).map((client) => cell(client, topic)),
  ])
  const width = Math.max(...TOPICS.map((topic) => topic.length))
  const line = ([name = '', ...cells]: readonly string[]) =>
    [name.padEnd(width), ...cells.map((each) => each.padEnd(10))].join('  ').trimEnd()
  return [line(['', ...names]), ...rows.map(line), ''].join('\n')
}

test('topics by client are the committed table', () => {
  if (process.env['MUSTER_UPDATE_TABLES'] === '1') writeFileSync(FILE, table())
  assert.equal(readFileSync(FILE, 'utf8'), table(), 'MUSTER_UPDATE_TABLES=1 writes it')
})
