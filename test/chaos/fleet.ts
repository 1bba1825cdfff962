// Devices under load, and what they heard.
import { randomUUID } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { connectAsync, type MqttClient } from 'mqtt'

export interface ChaosDevice {
  readonly id: string
  client: MqttClient | undefined
  /** The update that waits for its answer. */
  pending: { token: string; body: string } | undefined
  readonly accepted: Map<string, number>
  readonly acceptedVersions: Set<number>
  /** When answers came, in milliseconds. */
  readonly acceptedAt: number[]
  readonly deltas: { version: number; n: number }[]
  count: number
}

export interface ChaosFleet {
  readonly devices: readonly ChaosDevice[]
  /** Connects all again, and says again what was not answered: after the broker may have lost it. */
  reconnect(only?: (id: string) => boolean): Promise<void>
  /** Sends an update of every idle device, at most `rate` a second, until told to stop. */
  load(rate: number, signal: AbortSignal): Promise<void>
  close(): Promise<void>
}

export async function startChaosFleet(
  broker: string | ((id: string) => string),
  count: number,
): Promise<ChaosFleet> {
  const urlOf = typeof broker === 'string' ? () => broker : broker
  const devices = Array.from({ length: count }, (_, at): ChaosDevice => ({
    id: `c${at}`,
    client: undefined,
    pending: undefined,
    accepted: new Map(),
    acceptedVersions: new Set(),
    acceptedAt: [],
    deltas: [],
    count: 0,
  }))
  for (const device of devices) await connect(urlOf(device.id), device)
  return {
    devices,
    reconnect: async (only = () => true) => {
      for (const device of devices.filter(({ id }) => only(id))) {
        device.client?.end(true)
        await connect(urlOf(device.id), device)
        if (device.pending !== undefined) send(device)
      }
    },
    load: async (rate, signal) => {
      for (let at = 0; !signal.aborted; at = (at + 1) % count) {
        const device = devices[at]
        if (device !== undefined && device.pending === undefined) update(device)
        await sleep(1000 / rate)
      }
    },
    close: async () => {
      for (const { client } of devices) client?.end(true)
    },
  }
}

async function connect(url: string, device: ChaosDevice): Promise<void> {
  const { id } = device
  const client = await connectAsync(url, {
    clientId: id,
    protocolVersion: 5,
    clean: true,
    reconnectPeriod: 0,
    keepalive: 60,
  })
  client.on('error', () => undefined)
  client.on('message', (topic, payload) => hear(device, topic, payload.toString()))
  device.client = client
  await client.subscribeAsync(
    [`devices/${id}/shadow/update/accepted`, `devices/${id}/shadow/delta`],
    { qos: 1 },
  )
}

function update(device: ChaosDevice): void {
  device.count += 1
  const token = randomUUID()
  const body = JSON.stringify({ state: { reported: { r: device.count } }, clientToken: token })
  device.pending = { token, body }
  send(device)
}

function send(device: ChaosDevice): void {
  const body = device.pending?.body ?? ''
  // A client that was ended throws; what is pending is said again when the device is back.
  if (device.client?.connected !== true) return
  device.client.publish(`devices/${device.id}/shadow/update`, body, { qos: 1 }, () => undefined)
}

function hear(device: ChaosDevice, topic: string, text: string): void {
  const message: unknown = JSON.parse(text)
  if (!isNotice(message)) return
  if (topic.endsWith('/delta')) {
    device.deltas.push({ version: message.version, n: message.state?.n ?? 0 })
    return
  }
  device.acceptedVersions.add(message.version)
  const { clientToken: token } = message
  if (token === undefined) return
  device.accepted.set(token, message.version)
  device.acceptedAt.push(Date.now())
  if (device.pending?.token === token) device.pending = undefined
}

interface Notice {
  readonly version: number
  readonly clientToken?: string
  readonly state?: { readonly n?: number }
}

const isNotice = (value: unknown): value is Notice =>
  typeof value === 'object' && value !== null && 'version' in value
