// A connector with everything it needs, real: Mosquitto, PostgreSQL, an HTTP server in the place of gateway and functions.
import { Registry } from 'prom-client'
import { connectAsync, type MqttClient, type IClientOptions } from 'mqtt'
import {
  startConnector,
  type Connector,
  type ConnectorOptions,
} from '../../infra/connector/start.ts'
import { triggersOf, type Triggers } from '../../infra/connector/triggers.ts'
import type { TestDatabase } from './postgres.ts'
import type { FunctionServer } from './function-server.ts'
import type { Mosquitto } from './mosquitto.ts'

export const silentLog = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
}

const loudLog = {
  debug: (fields: object, text: string) => process.stderr.write(`${text} ${show(fields)}\n`),
  info: (fields: object, text: string) => process.stderr.write(`${text} ${show(fields)}\n`),
  warn: (fields: object, text: string) => process.stderr.write(`${text} ${show(fields)}\n`),
  error: (fields: object, text: string) => process.stderr.write(`${text} ${show(fields)}\n`),
}

const show = (fields: object) =>
  JSON.stringify(fields, (_key, value: unknown) =>
    typeof value === 'bigint' ? String(value) : value instanceof Error ? value.message : value,
  )

/** Topics of the product's stack file, without its schedules: tests give their own. */
export const TOPICS = `
functions:
  shadow-update: { annotations: { topic: 'devices/+/shadow/update,devices/+/shadow/get,devices/+/config/reported' } }
  compute-delta: { annotations: { topic: '$SYS/broker/log/M/subscribe' } }
  ota-report: { annotations: { topic: 'devices/+/ota/status' } }
  register: { annotations: { topic: 'devices/+/status,$SYS/broker/log/N' } }
`

export interface TestConnector extends AsyncDisposable {
  readonly connector: Connector
  readonly registry: Registry
}

export async function testConnector(
  parts: { database: TestDatabase; broker: Mosquitto; functions: FunctionServer },
  options: Partial<ConnectorOptions> & { stack?: string } = {},
): Promise<TestConnector> {
  const { database, broker, functions } = parts
  const { stack = TOPICS, ...rest } = options
  const registry = new Registry()
  const triggers: Triggers = triggersOf(stack)
  const connector = await startConnector({
    db: database.as('connector'),
    directUrl: database.url,
    gatewayUrl: functions.url,
    hop: functions.hop,
    broker: 'local',
    address: { url: broker.url },
    triggers,
    registry,
    log: process.env['MUSTER_TEST_LOG'] === undefined ? silentLog : loudLog,
    ...rest,
  })
  return { connector, registry, [Symbol.asyncDispose]: () => connector.close(1000) }
}

export interface TestDevice extends AsyncDisposable {
  readonly client: MqttClient
  readonly messages: { topic: string; text: string; retain: boolean }[]
}

/** A device: an MQTT client that keeps what it hears. */
export async function device(
  broker: Mosquitto,
  id: string,
  filters: readonly string[] = [],
  options: IClientOptions = {},
): Promise<TestDevice> {
  const client = await connectAsync(broker.url, {
    clientId: id,
    protocolVersion: 5,
    reconnectPeriod: 0,
    clean: true,
    ...options,
  })
  const messages: TestDevice['messages'] = []
  client.on('error', () => undefined)
  client.on('message', (topic, payload, { retain }) => {
    messages.push({ topic, text: payload.toString(), retain })
  })
  if (filters.length > 0) await client.subscribeAsync([...filters], { qos: 1 })
  return {
    client,
    messages,
    [Symbol.asyncDispose]: async () => {
      await client.endAsync(true)
    },
  }
}
