// A connector with everything it needs, real: Mosquitto, PostgreSQL, an HTTP server in the place of gateway and functions.
import { Registry } from 'prom-client'
import { connectAsync, type MqttClient, type IClientOptions } from 'mqtt'
import {
  startConnector,
  type Connector,
  type ConnectorOptions,
} from '../../infra/connector/start.ts'
import { functionUrl } from '../../shared/function-url.ts'
import { triggersOf, type Triggers } from '../../infra/connector/triggers.ts'
import type { Frame, Item } from '../../shared/mqtt/delivery.ts'
import { startFunctionServer, type FunctionServer } from './function-server.ts'
import { startMosquitto, type Mosquitto, type MosquittoOptions } from './mosquitto.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

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

/** Topics of devices alone. */
export const TOPICS = `
functions:
  shadow-update: { annotations: { topic: 'devices/+/shadow/update,devices/+/shadow/get,devices/+/config/reported' } }
  ota-report: { annotations: { topic: 'devices/+/ota/status' } }
  register: { annotations: { topic: 'devices/+/status' } }
`

/** With what the broker tells of devices. */
export const ALL_TOPICS = `${TOPICS.replace("devices/+/status' }", "devices/+/status,$SYS/broker/log/N' }")}
  compute-delta: { annotations: { topic: '$SYS/broker/log/M/subscribe' } }
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
    urlOf: (name) => functionUrl(functions.url, name),
    hop: functions.hop,
    cells: [{ name: 'local', address: { url: broker.url } }],
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
  broker: { readonly url: string },
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

/** Frames that answer each item on `<topic>/accepted` with its payload. */
export const echo = (items: readonly Item[]): Frame[] =>
  items.map(({ index, topic, payload }) => ({
    item: index,
    qos: 1,
    retain: false,
    topic: `${topic}/accepted`,
    payload,
  }))

export interface Setting extends AsyncDisposable {
  readonly database: TestDatabase
  readonly broker: Mosquitto
  readonly functions: FunctionServer
}

/** Broker, database and function server; the connector comes on top. */
export async function connectorSetting(options: MosquittoOptions = {}): Promise<Setting> {
  const [database, broker, functions] = await Promise.all([
    cloneDatabase(),
    startMosquitto(options),
    startFunctionServer(),
  ])
  return {
    database,
    broker,
    functions,
    [Symbol.asyncDispose]: async () => {
      await functions[Symbol.asyncDispose]()
      await broker[Symbol.asyncDispose]()
      await database[Symbol.asyncDispose]()
    },
  }
}

/** The value of a counter or gauge with these labels; 0 when it was never set. */
export async function metricOf(
  registry: Registry,
  name: string,
  labels: Readonly<Record<string, string>> = {},
): Promise<number> {
  const { values = [] } = (await registry.getSingleMetric(name)?.get()) ?? {}
  return values
    .filter((each) =>
      Object.entries(labels).every(([key, value]) => String(each.labels[key]) === value),
    )
    .reduce((sum, { value }) => sum + value, 0)
}
