// Database, identity functions and Mosquitto with its agent; devices that enrol and connect.
import assert from 'node:assert/strict'
import { connect, type IClientOptions, type MqttClient } from 'mqtt'
import { deviceKey } from './csr.ts'
import { startDeviceBroker, type DeviceBroker } from './device-broker.ts'
import { allow, insertBootstrapToken, startIdentity, type IdentityFunctions } from './identity.ts'
import { cloneDatabase, type TestDatabase } from './postgres.ts'

export interface EnrolledDevice {
  readonly id: string
  readonly cert: string
  readonly chain: string
  readonly key: string
}

export type ConnectOptions = IClientOptions & { readonly port?: number }

export interface BrokerSetting extends AsyncDisposable {
  readonly cloned: TestDatabase
  readonly functions: IdentityFunctions
  readonly broker: DeviceBroker
  readonly enrolled: (id: string) => Promise<EnrolledDevice>
  /** On the device listener, unless `port` says otherwise. */
  readonly connect: (
    files: { readonly cert?: string; readonly key?: string },
    more?: ConnectOptions,
  ) => Promise<MqttClient>
  readonly revoke: (deviceId: string) => Promise<Response>
}

export async function brokerSetting(): Promise<BrokerSetting> {
  const cloned = await cloneDatabase()
  const functions = await startIdentity(cloned)
  const broker = await startDeviceBroker(cloned, functions.hierarchy)
  return {
    cloned,
    functions,
    broker,
    enrolled: (id) => enrol(cloned, functions, id),
    connect: ({ cert, key }, { port = broker.devicePort, ...more } = {}) =>
      connected(`mqtts://localhost:${port}`, {
        ca: broker.ca,
        ...(cert !== undefined && { cert }),
        ...(key !== undefined && { key }),
        ...more,
      }),
    revoke: (deviceId) =>
      functions.internal('pki', '/internal/revoke', {
        device_id: deviceId,
        actor: 'token test',
        source: '127.0.0.1',
        call_id: 'c',
      }),
    [Symbol.asyncDispose]: async () => {
      await broker[Symbol.asyncDispose]()
      await cloned[Symbol.asyncDispose]()
    },
  }
}

/** Resolves when the broker accepts, rejects when it refuses or closes. */
function connected(url: string, more: IClientOptions): Promise<MqttClient> {
  const client = connect(url, {
    clientId: 'any',
    reconnectPeriod: 0,
    connectTimeout: 3000,
    protocolVersion: 5,
    ...more,
  })
  return new Promise((resolve, reject) => {
    client.once('connect', () => resolve(client))
    client.on('error', (error) => reject(error))
    client.once('close', () => reject(new Error('closed')))
  })
}

async function enrol(
  cloned: TestDatabase,
  functions: IdentityFunctions,
  id: string,
): Promise<EnrolledDevice> {
  await allow(cloned.db, id)
  const token = await insertBootstrapToken(cloned.db)
  const { key, csr } = deviceKey()
  const body = { device_id: id, csr: csr(`/CN=${id}`), token: token.text }
  const response = await functions.call('enroll', '/api/v1/enroll', { body })
  assert.equal(response.status, 200, await response.clone().text())
  const answer = (await response.json()) as { certificate: string; chain: string }
  return { id, cert: answer.certificate, chain: answer.chain, key }
}

/** How long until the connection is closed, in milliseconds; fails when it still stands after `most`. */
export async function closedWithin(client: MqttClient, most: number): Promise<number> {
  const started = performance.now()
  const late = AbortSignal.timeout(most)
  const gone = new Promise<void>((resolve, reject) => {
    client.once('close', resolve)
    late.addEventListener('abort', () => reject(new Error('still connected')))
  })
  if (client.connected) await gone
  return performance.now() - started
}
